import StageKit

/// Over which items the means of several sets are compared.
enum ComparedItems: String, Choice {
  case same, common, any

  var help: String {
    switch self {
    case .same: "all must be over the same items."
    case .common: "over those items that all have."
    case .any: "each over its own, which may differ."
    }
  }

  /// How the items of some sets differ from those of the largest one; nil where they do not.
  static func difference(_ sets: [(label: String, items: Set<String>)]) -> String? {
    guard let most = sets.max(by: { $0.items.count < $1.items.count }),
      let other = sets.first(where: { $0.items != most.items })
    else { return nil }
    let (missing, extra) = (most.items.subtracting(other.items).sorted(), other.items.subtracting(most.items).sorted())
    return "'\(other.label)' has no \(missing.quoted), which '\(most.label)' has"
      + (extra.isEmpty ? "" : ", but \(extra.quoted)")
  }

  /// What is wrong with comparing the means of `measure` of these sets.
  func issue(_ measure: String, _ sets: [(label: String, items: Set<String>)]) -> String? {
    guard self == .same, let difference = Self.difference(sets) else { return nil }
    return "the means of '\(measure)' are over different items: \(difference): complete the sets, "
      + "or compare `items: common`, those that all have, or `items: any`"
  }
}

/// What a kind that compares means declares.
final class ComparisonOptions: StagePart {
  @Parameter(
    help: "Over which items means are compared. "
      + ComparedItems.allCases.map { "\($0.rawValue): \($0.help)" }.joined(separator: " "))
  var items = ComparedItems.same
}

extension ComparisonOptions {
  /// Issues about metrics at a list port whose means are over different items, as far as that is known.
  func check<Bound>(
    meansAt input: Input<Bound>, of measures: [String]?, _ draft: StageDraft
  ) -> [ValidationIssue] {
    let members = draft[input]
    guard Set(members.map(\.items)).count > 1 else { return [] }
    let names = measures ?? members.flatMap { $0.measures ?? [] }.uniqued
    let issue = names.lazy.compactMap { measure in
      self.items.issue(
        measure,
        members.compactMap { member in
          guard let items = member.items, member.measures?.contains(measure) ?? false else { return nil }
          return (member.placedLabel, Set(items))
        })
    }.first
    return issue.map { [ValidationIssue(about: input, $0)] } ?? []
  }
}

extension StageDraft.Member {
  /// The label, and where it stands in sweeps: `edited[steps=40]`
  fileprivate var placedLabel: String { Axis.placed(label, axes) }
}

extension Axis {
  /// What stands somewhere in sweeps, as a message names it: `edited[steps=40]`
  static func placed(_ label: String, _ axes: [Axis]) -> String {
    axes.isEmpty ? label : "\(label)[\(axes.map(\.description).joined(separator: ","))]"
  }
}

/// The means of several sets, over the items that a stage compares.
struct ComparedMeans {
  /// By member, in their order.
  let values: [[String: Double]]
  /// What they are means of, by member, measure and item.
  let numbers: [[String: [String: Double]]]
  /// Of each member, how many items its means are over; nil where that is the same for all.
  let counts: [Int]?

  /// - Throws: ``InputError`` where the items differ and must not.
  init(
    _ members: [(label: String, axes: [Axis], means: Means)], of measures: [String], by compared: ComparedItems,
    _ context: any StageContext
  ) throws {
    var common: [String: Set<String>] = [:]
    var differing: Set<String> = []
    for measure in measures {
      let sets = members.map { (label: Axis.placed($0.label, $0.axes), items: $0.means.items(of: measure)) }
        .filter { !$0.items.isEmpty }
      if let issue = compared.issue(measure, sets) { throw InputError(issue) }
      guard let difference = ComparedItems.difference(sets), let first = sets.first else { continue }
      differing.insert(measure)
      context.log("'\(measure)' is over different items: \(difference)")
      guard compared == .common else { continue }
      let shared = sets.reduce(first.items) { $0.intersection($1.items) }
      guard !shared.isEmpty else {
        throw InputError("the sets have no item in common that has '\(measure)': compare `items: any`")
      }
      context.log("means of '\(measure)' are over the \(shared.count) items that all have")
      common[measure] = shared
    }
    values = members.map { member in member.means.values { common[$0] } }
    numbers = members.map { member in member.means.numbers { common[$0] } }
    counts =
      compared == .any && !differing.isEmpty
      ? members.map { member in differing.map { member.means.items(of: $0).count }.max() ?? 0 } : nil
  }
}
