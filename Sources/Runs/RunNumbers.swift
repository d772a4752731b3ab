import Foundation
import JSONSyntax
import OrderedCollections
import StageKit

/// What was measured of single items: in a run's folder, so that runs can be compared item by item when what they made is
/// not in the store any more.
public struct RunNumbers: Sendable {
  /// The file of a run's folder in which they are.
  package static let file = "numbers.json"

  /// By stage, then by measure, then by item; an item without a name is the number of all.
  public let stages: OrderedDictionary<String, OrderedDictionary<String, OrderedDictionary<String, Double>>>

  package init(_ stages: OrderedDictionary<String, OrderedDictionary<String, OrderedDictionary<String, Double>>>) {
    self.stages = stages
  }

  /// Nil where `data` holds none. What is no number is left out.
  package init?(_ data: Data) {
    guard let members = (try? JSON(parsing: data))?.members else { return nil }
    var stages: OrderedDictionary<String, OrderedDictionary<String, OrderedDictionary<String, Double>>> = [:]
    for stage in members {
      let items = (stage.value["items"]?.array ?? []).map { $0.string ?? "" }
      for measure in stage.value["measures"]?.members ?? [] {
        for (item, value) in zip(items, measure.value.array ?? []) {
          if let number = value.double { stages[stage.name, default: [:]][measure.name, default: [:]][item] = number }
        }
      }
    }
    self.stages = stages
  }

  /// A list of the items for each stage, and as long a one for each measure.
  package var data: Data {
    JSON.object(
      stages.map { stage, measures in
        let items = measures.values.flatMap(\.keys).uniqued
        return .init(
          stage,
          [
            "items": .array(items.map(JSON.string)),
            "measures": .object(
              measures.map { measure, values in
                .init(measure, .array(items.map { values[$0].map(JSON.double) ?? .null }))
              }),
          ])
      }
    ).prettyData
  }
}
