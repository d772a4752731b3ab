import ArtifactStore
import Foundation
import StageKit
import Tensors

/// `survey`: asks people which of two methods' pictures they prefer, as in the paper's Table 2.
struct Survey: Stage {
  static let name = "survey"
  static let summary =
    "Makes a page that asks people which of two methods' pictures is better, blinded, and the key to its votes."
  static let revision = 1
  // Pictures are held as PNG, as text, and as the text of a page.
  static let memory = MemoryNeed(megabytes: 64, perInputByte: 8)

  @Input(help: "The originals, shown beside the two; swept along some of the axes of these, or none.")
  var images: [Labeled<Pictures>]?
  @Input(help: "What the first method made; a sweep is collected along its axes.") var first: [Labeled<Pictures>]
  @Input(help: "What the second method made: pictures of the same names at the same places of the sweeps.")
  var second: [Labeled<Pictures>]
  @Parameter(help: "Stands above each pair.") var question = "Which picture shows the change better?"
  @Parameter(help: "What the key calls the two methods, such as [ours, theirs]; as the stages unless given.")
  var names: [String]?
  @Parameter(help: "The page's heading; none unless given.") var title: String?
  @Parameter(help: "Stand on the page's first screen; none unless given.") var instructions: String?
  @Parameter(0...Int.max, help: "Of the order, the sides and the choice of pairs.") var seed = 0
  @Parameter(
    help: "Which pictures are shown. same: all, and each must be there of both methods. common: those that both have.")
  var items = ShownItems.same
  @Parameter(
    1...10_000, help: "How many pairs to show at most, as many of each place of the sweeps; all unless given.")
  var trials: Int?

  let page = Output<Pages>()
  let key = Output<Tables>()

  enum ShownItems: String, Choice { case same, common }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let sets = [draft[$first], draft[$second], draft[$images]].map(PlacedNames.sets)
    if items == .same, let sets = sets.unwrapped(),
      let issue = PlacedNames.issue(sets[0], sets[1], originals: sets[2])
    {
      return [issue]
    }
    do {
      _ = try methodNames(draft[$first].map(\.label), draft[$second].map(\.label))
      return []
    } catch { return [ValidationIssue(about: names == nil ? $second.name : $names.name, "\(error)")] }
  }

  func run(_ context: any StageContext) throws {
    let names = try methodNames(first.map(\.label), second.map(\.label))
    let trials = chosen(from: try allTrials(context))
    let shown = try SurveyPage(
      title: title, question: question, instructions: instructions, trials: trials.map(\.shown)
    ) { item in
      try context.checkCancellation()
      return try Picture.image(context.read(item), name: item.name).pngData()
    }
    let rows = trials.enumerated().sorted { $0.element.number < $1.element.number }.map { place, trial in
      let sides = trial.isSwapped ? [names.second, names.first] : [names.first, names.second]
      return [shown.id, "\(place + 1)", trial.item, trial.group] + sides + [names.first]
    }
    let key = CSV(header: ["survey", "trial", "item", "group", "left", "right", "first"], rows: rows)
    try context.write(Data(shown.html.utf8), to: page)
    try context.write(Data(key.text.utf8), to: self.key)
  }

  /// What the key calls the methods.
  /// - Parameters:
  ///   - first: the labels of all that is bound to `first`.
  ///   - second: the same of `second`.
  private func methodNames(_ first: [String], _ second: [String]) throws -> (first: String, second: String) {
    if let given = names {
      guard given.count == 2, given[0] != given[1], !given.contains("") else {
        throw InputError("'names' must be two different names, such as [ours, theirs]")
      }
      return (given[0], given[1])
    }
    let names = [($first.name, first.uniqued), ($second.name, second.uniqued)].map { port, labels in
      labels.count == 1 ? labels[0] : port
    }
    guard names[0] != names[1] else {
      throw InputError("both methods are called '\(names[0])': give them 'names', such as [ours, theirs]")
    }
    return (names[0], names[1])
  }

  /// Every picture of the first method with what belongs to it.
  private func allTrials(_ context: any StageContext) throws -> [Trial] {
    let (first, second) = (PlacedSet.sets(first), PlacedSet.sets(second))
    let originals = PlacedSet.sets(images ?? [])
    let issue = PlacedNames.issue(first.map(\.placed), second.map(\.placed), originals: originals.map(\.placed))
    if let issue {
      guard items == .common else { throw InputError(issue.message) }
      context.log("shown are the pictures that both have: \(issue.message)")
    }
    let partners = Dictionary(uniqueKeysWithValues: second.map { (Set($0.place), $0.items) })
    func original(_ name: String, _ place: [Axis]) -> Artifact.Item? {
      originals.lazy.filter { Set($0.place).isSubset(of: place) }.compactMap { $0.items[name] }.first
    }
    var trials: [Trial] = []
    for set in first {
      for name in set.names {
        guard let one = set.items[name], let other = partners[Set(set.place)]?[name] else { continue }
        let before = original(name, set.place)
        guard originals.isEmpty || before != nil else { continue }
        trials.append(
          Trial(number: trials.count, item: name, place: set.place, original: before, first: one, second: other))
      }
    }
    guard !trials.isEmpty else {
      throw InputError("the two methods have no picture in common: give them pictures of the same names")
    }
    return trials
  }

  /// At most `trials` of them, as many of each group, in random order. The methods stand on random sides, in each group
  /// as often on the one as on the other, so that people who like a side favor neither.
  private func chosen(from all: [Trial]) -> [Trial] {
    var random = RandomSource(seed: UInt64(seed), name: "survey")
    let groups = all.map(\.group).uniqued.shuffled(using: &random).map { group -> [Trial] in
      var mine = all.filter { $0.group == group }.shuffled(using: &random)
      let start = Bool.random(using: &random)
      for index in mine.indices { mine[index].isSwapped = index.isMultiple(of: 2) == start }
      return mine
    }
    let rounds = (0..<(groups.map(\.count).max() ?? 0)).flatMap { round in
      groups.compactMap { round < $0.count ? $0[round] : nil }
    }
    return rounds.prefix(trials ?? rounds.count).shuffled(using: &random)
  }
}

/// Two pictures to choose from.
private struct Trial {
  /// In the order of the recipe.
  let number: Int
  let item: String
  let place: [Axis]
  let original: Artifact.Item?
  let first: Artifact.Item
  let second: Artifact.Item
  /// Whether the second method stands on the left.
  var isSwapped = false

  var group: String { place.map(\.value.spelling).joined(separator: ", ") }

  /// Blind: nothing in it says which method is which. Numbers such as return steps tell people nothing.
  var shown: SurveyPage.Trial {
    let change = place.compactMap(\.value.string).joined(separator: ", ")
    return .init(
      left: isSwapped ? second : first, right: isSwapped ? first : second, original: original,
      change: change.isEmpty ? nil : change)
  }
}

/// A set of pictures at a list port, and where it stands.
private struct PlacedSet {
  let placed: PlacedNames
  let items: [String: Artifact.Item]

  var place: [Axis] { placed.place }
  var names: [String] { placed.names }

  static func sets(_ members: [Labeled<Pictures>]) -> [PlacedSet] {
    let placed = PlacedNames.sets(
      members.map { .init(label: $0.label, axes: $0.axes, items: $0.artifact.items.map(\.name)) })
    return zip(members, placed ?? []).map { member, placed in
      PlacedSet(
        placed: placed, items: Dictionary(uniqueKeysWithValues: member.artifact.items.map { ($0.name, $0) }))
    }
  }
}

/// The names of a set of pictures, and where it stands.
private struct PlacedNames {
  /// In the sweeps; where a port lists several stages, their labels are one more axis, without a name.
  let place: [Axis]
  let names: [String]

  /// Nil where the names of some are not known.
  static func sets(_ members: [StageDraft.Member]) -> [PlacedNames]? {
    let isLabeled = Set(members.map(\.label)).count > 1
    return members.map { member in
      let label = isLabeled ? [Axis(name: "", value: .string(member.label))] : []
      return member.items.map { PlacedNames(place: label + member.axes, names: $0) }
    }.unwrapped()
  }

  /// What one method has no picture for that the other has, or the originals; nil where all fits together.
  static func issue(
    _ first: [PlacedNames], _ second: [PlacedNames], originals: [PlacedNames]
  ) -> ValidationIssue? {
    func missing(
      _ sets: [PlacedNames], of port: String, in other: String, has: (_ name: String, _ place: [Axis]) -> Bool
    ) -> ValidationIssue? {
      let missing = sets.flatMap { set in set.names.filter { !has($0, set.place) }.map { set.text(of: $0) } }
      guard !missing.isEmpty else { return nil }
      let shown =
        missing.prefix(5).joined(separator: "; ") + (missing.count > 5 ? "; and \(missing.count - 5) more" : "")
      return ValidationIssue(
        about: other,
        "'\(other)' has no picture for \(shown) of '\(port)': give it pictures of the same names, at the same places of the sweeps"
      )
    }
    for (mine, port, others, other) in [(first, "first", second, "second"), (second, "second", first, "first")] {
      let places = Dictionary(others.map { (Set($0.place), Set($0.names)) }) { $0.union($1) }
      let issue = missing(mine, of: port, in: other) { name, place in
        places[Set(place)]?.contains(name) ?? false
      }
      if let issue { return issue }
    }
    guard !originals.isEmpty else { return nil }
    let known = originals.map { (place: Set($0.place), names: Set($0.names)) }
    return missing(first, of: "first", in: "images") { name, place in
      known.contains { $0.place.isSubset(of: place) && $0.names.contains(name) }
    }
  }

  /// `'ada' at tanned, steps=40`
  func text(of name: String) -> String {
    let axes = place.map { $0.name.isEmpty ? $0.value.text : $0.description }.joined(separator: ", ")
    return axes.isEmpty ? "'\(name)'" : "'\(name)' at \(axes)"
  }
}

extension Array {
  /// The elements, where there is none missing.
  fileprivate func unwrapped<Wrapped>() -> [Wrapped]? where Element == Wrapped? {
    let there = compactMap(\.self)
    return there.count == count ? there : nil
  }
}
