/// A small instance of an operation on which its gradient is checked against finite differences.
///
/// Every operation lists its cases next to its gradient; the harness in the tests walks ``all`` and fails for an
/// operation recorded anywhere in this module that has none.
package struct GradientCase: Sendable {
  /// The name that the operation records.
  package let operation: String
  /// The shapes of its differentiable inputs.
  package let shapes: [[Int]]
  /// Inputs are drawn uniformly from here.
  package let range: ClosedRange<Double>
  package let body: @Sendable ([Tensor]) -> Tensor

  init(
    _ operation: String, _ shapes: [[Int]], in range: ClosedRange<Double> = -2...2,
    _ body: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.operation = operation
    self.shapes = shapes
    self.range = range
    self.body = body
  }

  package static let all: [GradientCase] =
    elementwiseCases + reductionCases + shapeCases + matrixCases + attentionCases + normalizationCases
    + convolutionCases
    + resamplingCases + indexingCases + recomputationCases
}
