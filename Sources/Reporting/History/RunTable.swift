import Escaping
import Foundation
import JSONSyntax
import OrderedCollections
import RecipeSyntax
import Runs
import StageKit

/// Runs as a table: by default what tells them apart.
public struct RunTable: Sendable {
  public let runs: [KeptRun]
  private let columns: [RunColumn]
  private let values: [[RunColumn.Value]]

  /// Measures of which less is better.
  private static let falling = ["mae", "perceptual", "residual", "loss", "seconds", "nfe"]

  /// How runs are chosen and shown.
  public struct Choice: Sendable {
    public var filters: [RunFilter] = []
    /// Sorted by this, the lowest first; else the newest first.
    public var order: String?
    public var isDescending = false
    /// Only the run that is best by this measure.
    public var best: String?
    public var limit: Int?
    /// Empty for what tells the runs apart.
    public var columns: [String] = []

    public init() {}
  }

  /// - Throws: `InputError` where something is asked for that no run has, or several of one name.
  public init(of all: [KeptRun], _ choice: Choice = Choice()) throws {
    for name in (choice.filters.map(\.subject) + [choice.order, choice.best].compactMap { $0 } + choice.columns).uniqued
    {
      try Self.require(name, in: all)
    }
    var chosen = try all.filter { run in try choice.filters.allSatisfy { try $0.holds(for: run) } }
    if let name = choice.best ?? choice.order {
      let column = RunColumn(name)
      let measure = name.parts(at: ".").last ?? name
      let isDescending = choice.best == nil ? choice.isDescending : !Self.falling.contains(measure)
      let keyed = try chosen.map { (run: $0, value: try column.value(of: $0)) }
      // What has no value comes last; equals stay as they are.
      chosen = keyed.enumerated().sorted { a, b in
        let order = Self.order(a.element.value, b.element.value, isDescending)
        return order == 0 ? a.offset < b.offset : order < 0
      }.map(\.element.run)
      if choice.best != nil { chosen = Array(chosen.prefix(1)) }
    }
    if let limit = choice.limit { chosen = Array(chosen.prefix(limit)) }
    runs = chosen
    let columns = choice.columns.isEmpty ? Self.telling(chosen, choice) : choice.columns.map(RunColumn.init)
    self.columns = columns
    values = try chosen.map { run in try columns.map { try $0.value(of: run) } }
  }

  /// Negative where `a` comes first.
  private static func order(_ a: RunColumn.Value, _ b: RunColumn.Value, _ isDescending: Bool) -> Int {
    func ordered<Key: Comparable>(_ a: Key, _ b: Key) -> Int { a == b ? 0 : (a < b) != isDescending ? -1 : 1 }
    switch (a, b) {
    case (.number(let a), .number(let b)):
      if a.isNaN || b.isNaN { return a.isNaN && b.isNaN ? 0 : a.isNaN ? 1 : -1 }
      return ordered(a, b)
    case (.none, .none): return 0
    case (.none, _): return 1
    case (_, .none): return -1
    default: return ordered(a.cell, b.cell)
    }
  }

  private static func require(_ name: String, in runs: [KeptRun]) throws {
    guard !RunColumn.facts.contains(name), !runs.isEmpty else { return }
    let bare = name.begins(with: "params.") ? name.dropping(bytes: 7) : name
    let parameters = OrderedSet(runs.flatMap { $0.parameters.map(\.name) })
    let measures = OrderedSet(runs.flatMap { $0.measures.map(\.name) })
    if parameters.contains(bare) || measures.contains(where: { $0.isSame(as: bare) || $0.ends(with: "." + bare) }) {
      return
    }
    let names = RunColumn.facts + parameters + measures.compactMap { $0.parts(at: ".").last } + measures
    let meant = Suggestion.nearest(to: name, in: names).map { "did you mean '\($0)'? " } ?? ""
    throw InputError(
      "no run has '\(name.abridged)'; \(meant)there are "
        + Suggestion.list(Array(parameters) + Array(measures), upTo: 12)
        + " and " + RunColumn.facts.joined(separator: ", "))
  }

  /// What tells runs apart: their labels, parameters that are not the same in all, and what was measured.
  private static func telling(_ runs: [KeptRun], _ choice: Choice) -> [RunColumn] {
    var names = ["id"]
    if Set(runs.map(\.recipe)).count > 1 { names.append("recipe") }
    names.append("state")
    for fact in ["name", "tag"]
    where runs.contains(where: { (try? RunColumn(fact).value(of: $0)) != RunColumn.Value.none }) {
      names.append(fact)
    }
    let parameters = OrderedSet(runs.flatMap { $0.parameters.map(\.name) })
    names += parameters.filter { name in
      Set(runs.map { run in run.parameters.first { $0.name == name }?.value.text ?? "" }).count > 1
    }
    names += measures(of: runs).map { measure in
      let last = measure.parts(at: ".").last ?? measure
      let isAlone = runs.allSatisfy { run in run.measures.count { $0.name.ends(with: "." + last) } <= 1 }
      return isAlone && !RunColumn.facts.contains(last) && !parameters.contains(last) ? last : measure
    }.uniqued.prefix(12)
    names += [choice.order, choice.best].compactMap { $0 } + choice.filters.map(\.subject)
    return names.uniqued.map(RunColumn.init)
  }

  /// What was measured, where it is not the same in all runs; what is worked out of other measures (`mae.min_step`) aside.
  private static func measures(of runs: [KeptRun]) -> [String] {
    let derived = Set(
      runs.flatMap { run in
        (run.facts["measures"]?.array ?? []).compactMap { measure in
          guard let stage = measure["stage"]?.string, let name = measure["measure"]?.string, name.has(".") else {
            return nil as String?
          }
          return "\(stage).\(name)"
        }
      })
    let all = runs.map { run in OrderedDictionary(run.measures.map { ($0.name, $0.mean) }) { first, _ in first } }
    let names = OrderedSet(all.flatMap(\.keys)).filter { !derived.contains($0) }
    let telling = names.filter { name in Set(all.map { $0[name].map(CSV.cell) }).count > 1 }
    return Array(telling.isEmpty ? names : telling)
  }

  // MARK: As text

  /// For a terminal.
  public var text: String {
    guard !runs.isEmpty else { return "no such runs\n" }
    return AlignedText.rows([columns.map(\.name)] + values.map { $0.map(\.shown) })
  }

  public var csv: CSV { CSV(header: columns.map(\.name), rows: values.map { $0.map(\.cell) }) }

  public var markdown: String { PrintedTable(csv).markdown }

  /// A list of what is known of each run.
  public var json: JSON { .array(runs.map(\.json)) }
}

extension KeptRun {
  /// What a list of runs says of one.
  public var json: JSON {
    let names = RunColumn.facts.filter { $0 != "tag" && $0 != "edits" }
    let facts = names.map { name in
      JSON.Member(name, ((try? RunColumn(name).value(of: self)) ?? RunColumn.Value.none).json)
    }
    return .object(
      facts + [
        .init("tags", .array(tags.map(JSON.string))), .init("folder", .string(folder)),
        .init("error", .optional(error)), .init("params", .object(parameters)),
        .init("measures", .object(measures.map { .init($0.name, .double($0.mean)) })),
        .init("changed", self.facts["changed"] ?? .null),
      ])
  }
}
