import Kernels
import Tensors
import TestSupport
import Testing

/// Every operation and its gradient on a graphics card, or by PoCL, beside the processor's. Where neither is, nothing is tested,
/// and the list of tests says so.
@Suite(.enabled(if: !GPU.devices.isEmpty, "no OpenCL or CUDA device is here: install pocl-opencl-icd"), .serialized)
struct GPUOperationTests {
  private static let gpu = Result { try GPU(0) }
  private let gpu: GPU

  init() throws { gpu = try Self.gpu.get() }

  @Test(arguments: GradientCase.all.indices) func isTheProcessors(index: Int) throws {
    let testCase = GradientCase.all[index]
    var source = RandomSource(seed: 20_211_006, name: "\(testCase.operation) \(index)")
    let inputs = testCase.shapes.map { source.uniform($0, in: testCase.range) }
    func differentiated(_ inputs: [Tensor], on gpu: GPU?) -> (result: Tensor, gradients: [Tensor]) {
      let parameters = inputs.map { $0.placed(on: gpu).parameterCopy() }
      let y = testCase.body(parameters)
      // An operation without a side for cards would leave its result elsewhere.
      #expect(y.gpu === gpu, "\(testCase.operation)")
      var weights = RandomSource(seed: 3)
      y.backward(weights.uniform(y.shape, in: -1...1).placed(on: gpu))
      return (y.detached.placed(on: nil), parameters.compactMap { $0.gradient?.placed(on: nil) })
    }
    let expected = differentiated(inputs, on: nil)
    let found = gpu.use { differentiated(inputs, on: gpu) }
    #expect(gpu.takeFailure() == nil)
    // Winograd's method, by which the processor convolves, rounds more.
    let limit = testCase.operation == "conv2d" ? 5e-5 : 1e-5
    let pairs = zip([found.result] + found.gradients, [expected.result] + expected.gradients)
    #expect(found.gradients.count == expected.gradients.count)
    for (place, (a, b)) in pairs.enumerated() {
      let (a, b) = (a.values, b.values)
      let largest = b.map { abs($0) }.max() ?? 0
      let difference = zip(a, b).map { abs($0 - $1) }.reduce(0) { $1 > $0 || $1.isNaN ? $1 : $0 }
      #expect(Double(difference) <= limit * Double(max(largest, 1e-3)), "\(testCase.operation), \(place)")
    }
  }

  /// What goes wrong is told once, with the operation's name and shapes, and nothing is computed until it is.
  @Test func failuresAreKept() throws {
    gpu.attempt("nonsense of [3]") { try gpu.run("nonsense", of: .elementwise, groups: [1], []) }
    let x = gpu.use { Tensor(repeating: 2, shape: [3]) }
    let values = x.values
    #expect(values.allSatisfy { $0.isNaN })
    #expect(gpu.takeFailure()?.description.hasPrefix("nonsense of [3]: ") ?? false)
    #expect(gpu.takeFailure() == nil)
    #expect(gpu.use { Tensor(repeating: 2, shape: [3]) }.values == [2, 2, 2])
  }

  /// Between the first operation and the last nothing goes to the card or comes back.
  @Test func nothingIsMovedOnTheWay() throws {
    var source = RandomSource(seed: 1)
    let x = source.normal([1, 8, 8, 4]).placed(on: gpu).parameterCopy()
    let w = source.normal([3, 3, 4, 4]).placed(on: gpu).parameterCopy()
    let ones = Tensor(repeating: 1, shape: [4]).placed(on: gpu)
    var adam = Adam()
    func step() {
      let y = x.conv2d(w, padding: .all(1)).groupNorm(groups: 2, ones, ones, eps: 1e-5, silu: true)
      let z = Tensor.concatenated([y, y.permuted([0, 2, 1, 3])], axis: 3).resizedBicubic(height: 5, width: 6)
      (z.reshaped([1, 30, 8]).matmul(z.reshaped([1, 8, 30])).softmax().square().sum() / 3).backward()
      adam.update([x, w], rate: 1e-3)
    }
    step()
    let before = gpu.transfers
    for _ in 0..<3 { step() }
    #expect(gpu.transfers == before)
    #expect(gpu.takeFailure() == nil && x.isFinite)
  }
}
