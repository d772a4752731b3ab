import StageKit

extension StageKind {
  /// How a stage of this kind falls apart into actions: a single file is one action.
  func mapping(_ parameters: Parameters, over sources: [String: PlannedSource]) -> Mapping {
    if let port = itemwise(parameters)?.first { return .items(of: port) }
    if let numbering, parameters[numbering] != nil { return .numbers(to: numbering) }
    if case .files(let parameter) = mapping, sources[parameter]?.form != .several { return .whole }
    return mapping
  }
}

extension StageDraft {
  /// What a kind's check sees of a stage.
  /// - Parameter known: of all the stages before it.
  init(
    _ parameters: Parameters, inputs: [String: PlannedInput], _ known: KnownOutputs, sources: [String: PlannedSource],
    expectations: [Expectation]
  ) {
    self.init(
      parameters: parameters, inputs: inputs.mapValues { $0.references.map(\.type) },
      members: inputs.mapValues(known.members),
      fileCounts: sources.mapValues(\.files.count), expected: expectations.map(\.measure),
      predecessors: known.predecessors)
  }
}
