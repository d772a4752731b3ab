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
  /// How many measures have no column, for want of space.
  private let left: Int
  /// Whether there was none to choose from.
  private let isEmpty: Bool

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
    isEmpty = all.isEmpty
    let telling = choice.columns.isEmpty ? Self.telling(chosen, of: all, choice) : nil
    let columns = telling?.columns ?? choice.columns.map(RunColumn.init)
    left = telling?.left ?? 0
    self.columns = columns
    values = try chosen.map { run in try columns.map { try $0.value(of: run) } }
  }

  /// Negative where `a` comes first.
  private static func order(_ a: RunColumn.Value, _ b: RunColumn.Value, _ isDescending: Bool) -> Int {
    func ordered<Key: Comparable>(_ a: Key, _ b: Key) -> Int { a == b ? 0 : (a < b) != isDescending ? -1 : 1 }
    if let a = a.number, let b = b.number {
      if a.isNaN || b.isNaN { return a.isNaN && b.isNaN ? 0 : a.isNaN ? 1 : -1 }
      return ordered(a, b)
    }
    switch (a, b) {
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
    let meant = Suggestion.question(about: name, in: names).map { "\($0) " } ?? ""
    throw InputError(
      "no run has '\(name.abridged)'; \(meant)there are "
        + Suggestion.list(Array(parameters) + Array(measures), upTo: 12)
        + " and " + RunColumn.facts.joined(separator: ", "))
  }

  /// So many letters may stand above the columns of measures.
  private static let breadth = 90

  /// What tells runs apart: their labels, parameters that are not the same in all of their recipes, and what was measured.
  private static func telling(
    _ runs: [KeptRun], of all: [KeptRun], _ choice: Choice
  ) -> (columns: [RunColumn], left: Int) {
    let recipes = Set(runs.map(\.recipe))
    let all = all.filter { recipes.contains($0.recipe) }
    var names = ["id"]
    if Set(runs.map(\.recipe)).count > 1 { names.append("recipe") }
    names.append("state")
    for fact in ["name", "tag"]
    where runs.contains(where: { (try? RunColumn(fact).value(of: $0)) != RunColumn.Value.none }) {
      names.append(fact)
    }
    let parameters = OrderedSet(all.flatMap { $0.parameters.map(\.name) })
    names += parameters.filter { name in
      Set(all.map { run in run.parameters.first { $0.name == name }?.value.text ?? "" }).count > 1
    }.map { RunColumn.facts.contains($0) ? "params.\($0)" : $0 }
    let measures = measures(of: all).map { measure in
      let last = measure.parts(at: ".").last ?? measure
      let isAlone = all.allSatisfy { run in run.measures.count { $0.name.ends(with: "." + last) } <= 1 }
      return isAlone && !RunColumn.facts.contains(last) && !parameters.contains(last) ? last : measure
    }.uniqued
    let asked = [choice.order, choice.best].compactMap { $0 } + choice.filters.map(\.subject)
    var room = breadth
    let shown = measures.prefix { name in
      room -= name.utf8.count
      return room > 0
    }
    names += shown + asked
    return (names.uniqued.map(RunColumn.init), measures.count { !names.contains($0) })
  }

  /// What was measured, where it is not the same in all runs, the first outputs of stages first; what is worked out of
  /// other measures (`mae.min_step`) aside.
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
    // What a stage tells beside what it is for, such as its evaluations, has the name of its output behind the stage's.
    let stages = Set(runs.flatMap { ($0.facts["stages"]?.array ?? []).compactMap { $0["id"]?.string } })
    let beside = Set(
      runs.flatMap { run in
        (run.facts["measures"]?.array ?? []).compactMap { measure in
          measure["stage"]?.string.flatMap { stage in
            stages.contains(stage) ? nil : "\(stage).\(measure["measure"]?.string ?? "")"
          }
        }
      })
    let names = Array(OrderedSet(all.flatMap(\.keys))).filter { !derived.contains($0) }
    let ordered = names.filter { !beside.contains($0) } + names.filter { beside.contains($0) }
    let telling = ordered.filter { name in Set(all.map { $0[name].map(CSV.cell) }).count > 1 }
    return telling.isEmpty ? ordered : telling
  }

  // MARK: As text

  /// For a terminal.
  public var text: String {
    guard !runs.isEmpty else { return isEmpty ? "there are no runs\n" : "no run matches\n" }
    let rest = left > 0 ? "and \(Readable.count(left, "measure")) more: name those that you want with --columns\n" : ""
    return AlignedText.rows([columns.map(\.name)] + values.map { $0.map(\.shown) }) + rest
  }

  public var csv: CSV { CSV(header: columns.map(\.name), rows: values.map { $0.map(\.cell) }) }

  /// For a page that shows GitHub's Markdown.
  public var markdown: String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
    let rules = columns.indices.map { place in
      let found = values.map { $0[place] }.filter { $0 != RunColumn.Value.none }
      return !found.isEmpty && found.allSatisfy { $0.number != nil } ? "---:" : "---"
    }
    return line(columns.map { Escape.markdown($0.name) }) + line(rules)
      + values.map { row in line(row.map { Escape.markdown($0.shown) }) }.joined()
  }

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
