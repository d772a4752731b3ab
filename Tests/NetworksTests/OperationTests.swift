import Tensors
import TestSupport
import Testing

/// Single operations, forward and backward, against PyTorch. Tolerances: float32 sums in another order.
@Suite struct OperationTests {
  struct Case: Sendable, CustomStringConvertible {
    let name: String
    let inputs: [String]
    let function: @Sendable ([Tensor]) -> Tensor
    var description: String { name }

    init(_ name: String, _ inputs: [String] = ["x"], function: @escaping @Sendable ([Tensor]) -> Tensor) {
      (self.name, self.inputs, self.function) = (name, inputs, function)
    }
  }

  /// From PyTorch's order of a convolution's axes to the engine's.
  private static func kernel(_ weight: Tensor) -> Tensor { weight.permuted([2, 3, 1, 0]) }

  static let cases: [Case] = [
    Case("conv2d-3x3", ["x", "weight", "bias"]) { $0[0].conv2d(kernel($0[1]), $0[2], padding: .all(1)) },
    Case("conv2d-downsample", ["x", "weight", "bias"]) {
      $0[0].conv2d(kernel($0[1]), $0[2], stride: 2, padding: Padding(top: 0, left: 0, bottom: 1, right: 1))
    },
    Case("conv2d-patches", ["x", "weight"]) { $0[0].conv2d(kernel($0[1]), stride: 4) },
    Case("linear", ["x", "weight", "bias"]) { $0[0].linear($0[1], $0[2]) },
    Case("group-norm-silu", ["x", "weight", "bias"]) {
      $0[0].groupNorm(groups: 4, $0[1], $0[2], eps: 1e-6, silu: true)
    },
    Case("layer-norm", ["x", "weight", "bias"]) { $0[0].layerNorm($0[1], $0[2]) },
    Case("softmax") { $0[0].softmax() },
    Case("attention", ["q", "k", "v"]) {
      let (shape, width) = ($0[0].shape, $0[0].size(-1))
      let rows = $0.map { $0.reshaped([-1, shape[shape.count - 2], width]) }
      return Tensor.concatenated(rows, axis: 2).selfAttention(heads: 1, isCausal: true).reshaped(shape)
    },
    Case("bicubic-13x5") { $0[0].resizedBicubic(height: 13, width: 5) },
    Case("bicubic-4x4") { $0[0].resizedBicubic(height: 4, width: 4) },
    Case("bicubic-7x20") { $0[0].resizedBicubic(height: 7, width: 20) },
    Case("adaptive-average") { $0[0].averagePooled(height: 3, width: 4) },
    Case("max-pool") { $0[0].maxPooled(size: 3, stride: 2) },
    Case("upsample") { $0[0].upsampledNearest2x() },
    Case("gelu") { $0[0].gelu() },
    Case("quick-gelu") { $0[0].quickGELU() },
    Case("silu") { $0[0].silu() },
    Case("cross-entropy") { $0[0].crossEntropy([1, 4, -1, 0]) },
  ]

  @Test(arguments: cases) func agreesWithPyTorch(_ testCase: Case) throws {
    let fixture = try OracleFixture("operations.safetensors")
    let name = testCase.name
    let inputs = testCase.inputs.map { fixture["\(name)/input/\($0)"].parameterCopy() }
    let y = testCase.function(inputs)
    fixture.expect(y, "\(name)/output", within: 2e-6)
    y.backward(fixture["\(name)/seed"])
    for (input, tensor) in zip(testCase.inputs, inputs) {
      fixture.expect(tensor.gradient, "\(name)/gradient/\(input)", within: 1e-5)
    }
  }
}
