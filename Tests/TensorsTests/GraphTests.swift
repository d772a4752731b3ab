import Tensors
import Testing

@Suite struct GraphTests {
  @Test func gradientsOfEveryUseAddUp() {
    let x = Tensor([2, 3] as [Double], shape: [2]).parameterCopy()
    // d/dx (x·x + 3x) = 2x + 3, by way of a tensor used twice.
    (x * x + x * 3).sum().backward()
    #expect(x.gradient?.doubleValues == [7, 9])
    (x * 10).sum().backward()
    #expect(x.gradient?.doubleValues == [17, 19])
  }

  @Test func nothingIsRecordedWhereGradientsAreOff() {
    let x = Tensor([2] as [Double], shape: [1]).parameterCopy()
    #expect(Gradients.off { x.square() }.requiresGradient == false)
    #expect(x.square().requiresGradient)
    #expect(x.square().detached.requiresGradient == false)
  }

  @Test func frozenParametersGetNoGradient() {
    let x = Tensor([2] as [Double], shape: [1]).parameterCopy()
    let y = Tensor([5] as [Double], shape: [1]).parameterCopy()
    y.setRequiresGradient(false)
    (x * y).sum().backward()
    #expect(x.gradient?.doubleValues == [5])
    #expect(y.gradient == nil)
  }

  /// What is no number must be seen at the end of a network, not lost on the way.
  @Test func whatIsNoNumberStaysNone() {
    let x = Tensor([.nan, 1, 2, 3] as [Float], shape: [1, 2, 2, 1])
    #expect(x.relu().doubleValues[0].isNaN && x.leakyReLU(slope: 0.1).doubleValues[0].isNaN)
    for values in [[.nan, 1, 2, 3], [1, .nan, 2, 3], [1, 2, 3, .nan]] as [[Float]] {
      let pooled = Tensor(values, shape: [1, 2, 2, 1]).maxPooled(size: 2, stride: 2)
      #expect(pooled.doubleValues[0].isNaN, "\(values)")
    }
  }

  @Test func deepGraphsDoNotExhaustTheStack() {
    let x = Tensor([1] as [Double], shape: [1]).parameterCopy()
    var y = x
    for _ in 0..<20_000 { y = y + 1 }
    y.sum().backward()
    #expect(x.gradient?.doubleValues == [1])
  }

  @Test func intermediatesAreFreedOnTheWayBack() {
    let x = Tensor([1, 2] as [Double], shape: [2]).parameterCopy()
    weak var middle: Tensor?
    var y: Tensor?
    do {
      let square = x.square()
      middle = square
      y = square.exp().sum()
    }
    #expect(middle != nil)
    y?.backward()
    #expect(middle == nil)
  }
}
