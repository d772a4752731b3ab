import StageKit

/// What is known of outputs before anything runs: the names of sets' items, as far as they follow from files, what metrics
/// measure, and what each comes from.
struct KnownOutputs {
  private var items: [OutputReference: [String]] = [:]
  private var measures: [OutputReference: [String]] = [:]
  /// By the ID of a stage: the stages that it takes something from.
  private(set) var predecessors: [String: [String]] = [:]

  /// Takes note of a stage, all of whose inputs are noted.
  mutating func settle(_ stage: PlannedStage) {
    predecessors[stage.id] = stage.predecessors
    for output in stage.outputs {
      let reference = OutputReference(stage: stage.id, port: output.name, type: output.type)
      if output.type == .metrics { measures[reference] = output.measures }
      guard output.type.isItemSet else { continue }
      switch stage.mapping {
      case .items(let port):
        if case .one(let input) = stage.inputs[port] { items[reference] = items[input] }
      case .files, .numbers: items[reference] = stage.ownItems
      // A set that is called like the parameter with its files is made of these.
      case .whole: items[reference] = stage.sources[output.name]?.files.map(\.name)
      }
    }
  }

  /// What is known of all that is bound to a port.
  func members(at input: PlannedInput) -> [StageDraft.Member] {
    func member(_ reference: OutputReference, label: String, axes: [Axis] = []) -> StageDraft.Member {
      .init(
        label: label, axes: axes, stage: reference.stage, items: items[reference], measures: measures[reference])
    }
    return switch input {
    case .one(let reference): [member(reference, label: reference.stage)]
    case .list(let members): members.map { member($0.reference, label: $0.label, axes: $0.axes) }
    case .mixture(let mixture):
      mixture.segments.flatMap { $0.weights.map { member($0.member, label: $0.label) } }
    }
  }

  /// What is wrong with a stage that goes through the items at one port and takes those of the same names at others.
  func issues(about ports: [Port], _ mapping: Mapping, _ inputs: [String: PlannedInput]) -> [ValidationIssue] {
    guard case .items(let mapped) = mapping, case .one(let set) = inputs[mapped], let names = items[set] else {
      return []
    }
    return ports.compactMap { port in
      guard case .one(let other) = inputs[port.name], let found = items[other] else { return nil }
      if port.role == .parts {
        let stray = port.role.strays(among: found, for: names)
        return stray.isEmpty
          ? nil
          : ValidationIssue(
            about: port.name,
            "'\(port.name)' (from '\(other.stage)') has \(stray.quoted), of no picture of '\(mapped)' (from '\(set.stage)'): a part is called like its picture, or like it with a number"
          )
      }
      let missing = port.role == .matching ? names.missing(from: Set(found)) : []
      guard !missing.isEmpty else { return nil }
      return ValidationIssue(
        about: port.name,
        "'\(port.name)' (from '\(other.stage)') has no item \(missing.quoted) for '\(mapped)' (from '\(set.stage)'): give both the same items"
      )
    }
  }
}
