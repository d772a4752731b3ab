import ArtifactStore
import JSONSyntax
import StageKit

/// The means of what was measured of a set, over the items that have a number.
struct Means {
  /// In the order in which they were measured; of some there may be no number.
  let measures: [String]
  /// The numbers of each item, by measure.
  private let numbers: [String: [String: Double]]
  /// The items, in their order.
  private let order: [String]

  fileprivate init(measures: [String], numbers: [String: [String: Double]], order: [String]) {
    self.measures = measures
    self.numbers = numbers
    self.order = order
  }

  /// The items that have a number for a measure.
  func items(of measure: String) -> Set<String> { Set(numbers[measure, default: [:]].keys) }

  /// The means of all measures; one infinite number makes its mean infinite, one that is none makes it none.
  /// - Parameter items: over which items, where they have a number; all unless given.
  func values(over items: (_ measure: String) -> Set<String>? = { _ in nil }) -> [String: Double] {
    numbers.reduce(into: [:]) { means, entry in
      let chosen = items(entry.key)
      let values = order.compactMap { name in chosen?.contains(name) ?? true ? entry.value[name] : nil }
      if !values.isEmpty { means[entry.key] = values.reduce(0, +) / Double(values.count) }
    }
  }
}

extension Means {
  /// What the means are over, by measure and item.
  /// - Parameter items: as for ``values(over:)``.
  func numbers(over items: (_ measure: String) -> Set<String>?) -> [String: [String: Double]] {
    numbers.reduce(into: [:]) { chosen, entry in
      let shared = items(entry.key)
      chosen[entry.key] = entry.value.filter { shared?.contains($0.key) ?? true }
    }
  }
}

extension StageContext {
  /// The means of an artifact that holds measurements.
  func means(of artifact: Artifact) throws -> Means {
    var measures: [String] = []
    var numbers: [String: [String: Double]] = [:]
    for item in artifact.items {
      for member in try JSON(parsing: read(item)).members ?? [] {
        measures.append(member.name)
        // What is null was not measured.
        guard member.value != .null else { continue }
        guard let value = member.value.double else {
          throw InputError(
            "'\(member.name)' of '\(item.name)' is \(member.value.text), which is no number: measure it again")
        }
        numbers[member.name, default: [:]][item.name] = value
      }
    }
    return Means(measures: measures.uniqued, numbers: numbers, order: artifact.items.map(\.name))
  }
}
