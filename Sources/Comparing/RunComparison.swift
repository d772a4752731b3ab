import Foundation
import JSONSyntax
import OrderedCollections
import RecipeSyntax
import Runs
import StageKit

/// Runs side by side, each against the first.
public struct RunComparison: Sendable {
  /// Something that is not the same in all; nil for a run that does not have it.
  struct Difference: Sendable {
    let subject: String
    let values: [String?]
  }

  /// What was measured, in every run.
  struct Number: Sendable {
    let name: String
    let values: [Double?]
    /// Of every run but the first: nil where one of the two does not have the number.
    let differences: [PairedDifference?]
    /// Of every run but the first, over means: infinite numbers that are the same do not differ.
    let change: [Double?]

    var isSame: Bool { change.allSatisfy { $0 == 0 } }
  }

  /// The literals of one run that were edited since the first.
  struct Edits: Sendable {
    let label: String
    let edits: [RecipeTexts.Edit]
  }

  public let runs: [ComparedRun]
  let facts: [Difference]
  let parameters: [Difference]
  let edits: [Edits]
  let numbers: [Number]
  let expectations: [Difference]
  let artifacts: [Difference]
  let tables: [TableDifference]
  let pictures: [PictureDifference]

  /// - Parameter runs: at least two; the first is what the others are held against.
  /// - Throws: `StoreError` where a file of a run cannot be read.
  public init(of runs: [ComparedRun]) throws {
    self.runs = runs
    // Of numbers that were checked in nothing else is known.
    let whole = runs.allSatisfy { !$0.isBaseline } ? runs : []
    func compared(_ values: (ComparedRun) -> OrderedDictionary<String, String>) -> [Difference] {
      different(whole.map(values))
    }
    func different(_ all: [OrderedDictionary<String, String>]) -> [Difference] {
      return OrderedSet(all.flatMap(\.keys)).compactMap { subject in
        let found = all.map { $0[subject] }
        return Set(found).count > 1 ? Difference(subject: subject, values: found) : nil
      }
    }
    facts = compared(\.facts)
    let known = runs.compactMap(\.parameters)
    parameters = known.count == runs.count ? different(known) : []
    expectations = compared(\.expectations)
    artifacts = compared(\.artifacts)
    edits = whole.dropFirst().compactMap { run in
      guard let before = whole[0].texts, let after = run.texts else { return nil }
      let edits = after.edits(since: before)
      return edits.isEmpty ? nil : Edits(label: run.label, edits: edits)
    }
    numbers = Self.numbers(runs)
    tables = try TableDifference.all(whole)
    pictures = try PictureDifference.all(whole)
  }

  private static func numbers(_ runs: [ComparedRun]) -> [Number] {
    let names = OrderedSet(runs.flatMap(\.measures.keys))
    let items = runs.map { $0.numbers?.byName ?? [:] }
    return names.map { name in
      let values = runs.map { $0.measures[name] }
      func change(_ index: Int) -> Double? {
        guard let old = values[0], let new = values[index] else { return nil }
        return PairedDifference.difference(old, new)
      }
      func paired(_ index: Int) -> PairedDifference? {
        guard let change = change(index) else { return nil }
        let (old, new) = (items[0][name] ?? [:], items[index][name] ?? [:])
        let both = old.compactMap { item, value in new[item].map { PairedDifference.difference(value, $0) } }
        // The means are of other items than those that both have.
        return both.count == max(old.count, new.count) && !both.isEmpty
          ? PairedDifference(both) : PairedDifference([change])
      }
      return Number(
        name: name, values: values, differences: runs.indices.dropFirst().map(paired),
        change: runs.indices.dropFirst().map(change))
    }
  }

  public var isEmpty: Bool {
    facts.isEmpty && parameters.isEmpty && edits.isEmpty && numbers.allSatisfy(\.isSame) && expectations.isEmpty
      && artifacts.isEmpty && tables.isEmpty && pictures.isEmpty
  }
}

extension RunNumbers {
  /// Numbers of items by `stage.measure`.
  var byName: [String: OrderedDictionary<String, Double>] {
    Dictionary(
      stages.flatMap { stage, measures in measures.map { ("\(stage).\($0.key)", $0.value) } }
    ) { first, _ in first }
  }
}
