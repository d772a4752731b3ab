import Tensors
import TestSupport
import Testing

/// The comparer that all comparisons of tensors rely on.
@Suite struct TensorDifferenceTests {
  private func tensor(_ values: [Double], _ shape: [Int]) -> Tensor { Tensor(values, shape: shape) }

  @Test func findsTheLargestErrorAndItsPlace() {
    let difference = TensorDifference(
      tensor([1, 2, 3, 4, 5.5, 6], [2, 3]), tensor([1, 2.25, 3, 4, 5, 8.0], [2, 3]))
    #expect(difference.absolute == 2)
    #expect(difference.relative == 0.25)
    #expect(difference.place == [1, 2])
    #expect((difference.found, difference.expected) == (6, 8))
    #expect("\(difference)" == "largest error 2.0, 0.25 of the largest value, at [1, 2] of [2, 3]: 6.0, expected 8.0")
  }

  /// Errors of opposite signs must not cancel.
  @Test func errorsDoNotCancel() {
    #expect(TensorDifference(tensor([1, -1], [2]), tensor([0, 0], [2])).absolute == 1)
  }

  @Test func equalTensorsDoNotDiffer() {
    let zero = TensorDifference(tensor([0, 0], [2]), tensor([0, 0], [2]))
    #expect(zero.absolute == 0 && zero.relative == 0)
    #expect(TensorDifference(tensor([], [0, 3]), tensor([], [0, 3])).relative == 0)
    #expect(TensorDifference(tensor([4], []), tensor([4], [])).place == [])
  }

  @Test func anErrorWhereZeroIsExpectedIsInfinite() {
    #expect(TensorDifference(tensor([1e-9], [1]), tensor([0], [1])).relative == .infinity)
  }

  @Test func whatIsNotANumberIsInfinitelyFar() {
    let found = TensorDifference(tensor([1, .nan], [2]), tensor([1, 2], [2]))
    #expect(found.absolute == .infinity && found.relative == .infinity && found.place == [1])
    #expect(TensorDifference(tensor([1], [1]), tensor([.nan], [1])).relative == .infinity)
    #expect(TensorDifference(tensor([.infinity], [1]), tensor([.infinity], [1])).relative == .infinity)
  }

  @Test func shapesMustBeEqual() {
    let difference = TensorDifference(tensor([1, 2], [2]), tensor([1, 2], [2, 1]))
    #expect(difference.relative == .infinity)
    #expect("\(difference)" == "shape [2], expected [2, 1]")
  }
}
