import RecipeSyntax
import StageKit

/// What texts on the command line name: `stage`, `stage.port`, `stage[axis=value]`, `stage[axis=value].port`; all stages
/// of a recipe in use by the use's name. An address that leaves axes open means all places along these.
extension Plan {
  /// A stage, and which of its outputs; nil for all.
  package typealias Addressed = (stage: PlannedStage, port: String?)

  /// The stages that `name` means.
  /// - Throws: `InputError` where there are none.
  public func stages(called name: String) throws -> [PlannedStage] {
    try addressed(name, isOutput: false).map(\.stage)
  }

  /// The outputs that `name` means, in the order of the plan.
  /// - Throws: `InputError` where there are none.
  package func outputs(called name: String) throws -> [OutputReference] {
    try addressed(name, isOutput: true).flatMap { stage, port in
      stage.outputs.filter { port == nil || $0.name == port }.map {
        OutputReference(stage: stage.id, port: $0.name, type: $0.type)
      }
    }
  }

  private func addressed(_ text: String, isOutput: Bool) throws -> [Addressed] {
    if let stage = self[text] { return [(stage, nil)] }
    guard let address = Address(text) else {
      throw InputError(
        "'\(text)' names nothing: write stage, stage[axis=value]" + (isOutput ? " or stage[axis=value].port" : ""))
    }
    let (found, port) = try based(address, text, isOutput: isOutput)
    let chosen = try address.selection.reduce(found) { stages, pick in
      try picked(pick.axis, pick.value, from: stages, of: found, address.base)
    }
    guard let port else { return chosen.map { ($0, nil) } }
    let with = chosen.filter { stage in stage.outputs.contains { $0.name == port } }
    guard with.isEmpty else { return with.map { ($0, port) } }
    let ports = chosen.flatMap { $0.outputs.map(\.name) }.uniqued
    let meant = Suggestion.question(about: port, in: ports).map { "\($0) " } ?? ""
    throw InputError(
      "'\(chosen[0].name)' has no output '\(port)'; \(meant)it has \(Suggestion.list(ports))")
  }

  /// The stages that the part in front of the brackets names, and the output behind it.
  private func based(
    _ address: Address, _ text: String, isOutput: Bool
  ) throws -> (stages: [PlannedStage], port: String?) {
    func stages(_ base: String) -> [PlannedStage] {
      let named = self.stages.filter { $0.name == base }
      return named.isEmpty ? self.stages.filter { $0.name.utf8.starts(with: "\(base).".utf8) } : named
    }
    let whole = stages(address.base)
    if !whole.isEmpty, isOutput || address.port == nil { return (whole, address.port) }
    if isOutput, address.port == nil, let point = address.base.utf8.lastIndex(of: UInt8(ascii: ".")) {
      let base = String(address.base[..<point])
      let named = self.stages.filter { $0.name == base }
      if !named.isEmpty { return (named, String(address.base[address.base.utf8.index(after: point)...])) }
    }
    let names = self.stages.flatMap { [$0.name, $0.id] }.uniqued
    if isOutput {
      let outputs = self.stages.flatMap { stage in stage.outputs.map { "\(stage.name).\($0.name)" } }
      throw InputError(
        unknown: "output", text, meant: Suggestion.nearest(to: text, in: names + outputs),
        shown: self.stages.map(\.name).uniqued)
    }
    throw InputError(
      unknown: "stage", text, meant: Suggestion.nearest(to: text, in: names), shown: self.stages.map(\.name).uniqued)
  }

  /// Those of `stages` whose axis has the value.
  /// - Parameter all: what the address names without its selection.
  private func picked(
    _ axis: String, _ value: String, from stages: [PlannedStage], of all: [PlannedStage], _ base: String
  ) throws -> [PlannedStage] {
    let axes = all.flatMap(\.axes)
    let names = axes.map(\.name).uniqued
    // The axes of a recipe in use go by the last part of their names, too.
    func fits(_ name: String) -> Bool { name == axis || name.utf8.reversed().starts(with: ".\(axis)".utf8.reversed()) }
    let exact = names.contains(axis)
    let known = axes.filter { exact ? $0.name == axis : fits($0.name) }
    guard !known.isEmpty else {
      let meant = Suggestion.question(about: axis, in: names).map { "\($0) " } ?? ""
      let swept = names.map { name in
        "\(name) (\(Suggestion.list(axes.filter { $0.name == name }.map(\.value.spelling).uniqued)))"
      }
      throw InputError(
        "'\(base)' has no axis '\(axis)'; \(meant)"
          + (swept.isEmpty ? "no sweep reaches it" : "it is swept along \(swept.joined(separator: " and "))"))
    }
    func matching(_ key: Value) -> [PlannedStage] {
      stages.filter { stage in
        stage.axes.contains { (exact ? $0.name == axis : fits($0.name)) && $0.value.referenceKeys.contains(key) }
      }
    }
    // The best reading that some place of the whole sweep has.
    let keys = Value.referenceKeys(for: value)
    let key = keys.first { key in known.contains { $0.value.referenceKeys.contains(key) } }
    let values = known.map(\.value.spelling).uniqued
    guard let key else {
      let meant = Suggestion.question(about: value, in: values).map { "\($0) " } ?? ""
      throw InputError(
        "'\(axis)' of '\(base)' is never '\(value)'; \(meant)it is \(Suggestion.list(values))")
    }
    let matching = matching(key)
    guard !matching.isEmpty else {
      throw InputError("'\(base)' has no place with \(axis)=\(value) and what stands beside it")
    }
    return matching
  }
}

extension Plan {
  /// The plan of these stages and of all that they need.
  public func only(_ wanted: [PlannedStage]) -> Plan {
    let needed = stages.needed(for: wanted.map(\.id))
    let ids = Set(needed.map(\.id))
    let kept = outputs.filter { ids.contains($0.stage) }
    let ends = wanted.compactMap { stage in
      stage.outputs.first.map { OutputReference(stage: stage.id, port: $0.name, type: $0.type) }
    }
    return Plan(
      recipe: recipe, description: description, file: file, source: source, texts: texts, parameters: parameters,
      overlays: overlays, profile: profile, stages: needed, outputs: (kept + ends).uniqued)
  }
}

extension InputError {
  /// A name on the command line that the recipe does not have.
  /// - Parameters:
  ///   - what: what it should name, in a word.
  ///   - meant: what it probably stands for; nil where nothing is like it.
  ///   - shown: those that are told then.
  package init(unknown what: String, _ name: String, meant: String?, shown: [String]) {
    self.init(
      "the recipe has no \(what) '\(name)'; "
        + (meant.map { "did you mean '\($0)'?" } ?? "there are \(shown.quoted(upTo: 12))"))
  }
}
