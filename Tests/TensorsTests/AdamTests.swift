import Tensors
import Testing

@Suite struct AdamTests {
  /// Values from torch.optim.Adam(lr=0.1) 2.15 in double precision.
  @Test func agreesWithPyTorch() {
    let parameter = Tensor([1, -2, 0.5] as [Double], shape: [3]).parameterCopy()
    var adam = Adam()
    let steps: [(gradient: [Double], expected: [Double])] = [
      ([0.5, -1, 0], [0.900000002, -1.900000001, 0.5]),
      ([1.5, 2, 1e-3], [0.8082218909226944, -1.9366103534720749, 0.4255873697336899]),
      ([-0.25, 0, 1e-9], [0.7481305560948981, -1.9649102620009304, 0.36806630997875966]),
    ]
    for step in steps {
      parameter.gradient = Tensor(step.gradient, shape: [3])
      adam.update([parameter], rate: 0.1)
      for (found, expected) in zip(parameter.doubleValues, step.expected) { #expect(abs(found - expected) < 1e-12) }
      #expect(parameter.gradient == nil)
    }
    #expect(adam.step == 3)
  }

  @Test func goesOnFromSavedMomentsWithTheSameBytes() {
    func gradient(_ step: Int) -> Tensor {
      var source = RandomSource(seed: UInt64(step))
      return source.normal([50])
    }
    func train(_ parameter: Tensor, _ adam: inout Adam, _ steps: Range<Int>) {
      for step in steps {
        parameter.gradient = gradient(step)
        adam.update([parameter], rate: 1e-3)
      }
    }
    let whole = Tensor.zeros([50]).parameterCopy()
    let halves = Tensor.zeros([50]).parameterCopy()
    var adam = Adam()
    train(whole, &adam, 0..<6)
    var first = Adam()
    train(halves, &first, 0..<3)
    var second = Adam(step: first.step, moments: first.moments)
    train(halves, &second, 3..<6)
    #expect(whole.values == halves.values)
  }

  @Test func parametersWithoutGradientStay() {
    let moving = Tensor.zeros([1]).parameterCopy()
    let resting = Tensor.zeros([1]).parameterCopy()
    moving.gradient = Tensor(repeating: 1, shape: [1])
    var adam = Adam()
    adam.update([moving, resting], rate: 0.1)
    #expect(moving.item < 0 && resting.item == 0)
  }

  @Test func movingAverageFollows() {
    let parameter = Tensor([1, 2] as [Double], shape: [2]).parameterCopy()
    let average = MovingAverage(of: [parameter], decay: 0.75)
    parameter.doubles[0] = 5
    average.update([parameter])
    #expect(average.values[0].doubleValues == [2, 2])
    average.update([parameter], decay: 0)
    #expect(average.values[0].doubleValues == [5, 2])
    #expect(average.values[0].requiresGradient == false)
  }
}
