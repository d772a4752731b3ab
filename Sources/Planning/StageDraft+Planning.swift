import StageKit

extension StageDraft {
  /// What a kind's check sees of a stage.
  /// - Parameter measures: of the outputs of stages in front of it, as far as they are known.
  init(
    _ parameters: Parameters, inputs: [String: PlannedInput], sources: [String: PlannedSource],
    expectations: [Expectation], measures: [OutputReference: [String]]
  ) {
    self.init(
      parameters: parameters, inputs: inputs.mapValues { $0.references.map(\.type) },
      members: inputs.compactMapValues { input in
        guard case .list(let members) = input else { return nil }
        return members.map { Member(label: $0.label, axes: $0.axes, measures: measures[$0.reference]) }
      },
      fileCounts: sources.mapValues(\.files.count), expected: expectations.map(\.measure))
  }
}

extension PlannedStage {
  /// The measures of its outputs, as far as they are known.
  var measures: [OutputReference: [String]] {
    outputs.reduce(into: [:]) { measures, output in
      measures[OutputReference(stage: id, port: output.name, type: output.type)] = output.measures
    }
  }
}
