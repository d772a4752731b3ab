import Tensors
import TestSupport
import Testing

/// Winograd's method, whatever the choice of method would be, against the direct convolution in double precision, which
/// has tests of its own.
@Suite struct WinogradTests {
  struct Geometry: Sendable, CustomStringConvertible {
    let m: Int, items: Int, height: Int, width: Int, channels: Int, outputs: Int
    let padding: Padding
    let upsample2x: Bool
    var description: String {
      "F(\(m)), \(items)x\(height)x\(width)x\(channels) to \(outputs), \(padding)\(upsample2x ? ", upsample2x" : "")"
    }

    var convolution: WinogradConvolution {
      let size = upsample2x ? 2 : 1
      let (h, w) = (size * height, size * width)
      return WinogradConvolution(
        m: m, input: [items, h, w, channels],
        output: [items, h + padding.top + padding.bottom - 2, w + padding.left + padding.right - 2, outputs],
        top: padding.top, left: padding.left, upsample2x: upsample2x)
    }

    /// What rounding may add up to, of the largest value.
    var tolerance: Double { m == 4 ? 5e-5 : 1e-5 }
  }

  static let geometries: [Geometry] = {
    var source = RandomSource(seed: 11)
    func draw(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(source.next() % UInt64(range.count)) }
    var chosen = [4, 2].flatMap { m in
      // All channels of the largest U-Nets, more tiles than a block, and more than one chunk of the weight's gradient.
      [
        Geometry(
          m: m, items: 1, height: 16, width: 16, channels: 1024, outputs: 48, padding: .all(1), upsample2x: false),
        Geometry(
          m: m, items: 1, height: 93, width: 101, channels: 40, outputs: 72, padding: .all(1), upsample2x: false),
        Geometry(
          m: m, items: 1, height: 130, width: 126, channels: 96, outputs: 32, padding: .all(1), upsample2x: false),
      ]
    }
    for index in 0..<40 {
      let upsample2x = index % 4 == 3
      chosen.append(
        Geometry(
          m: index % 2 == 0 ? 4 : 2, items: draw(1...3), height: draw(3...27), width: draw(3...27),
          channels: draw(1...70), outputs: draw(1...70),
          padding: upsample2x
            ? .all(1) : Padding(top: draw(0...2), left: draw(0...2), bottom: draw(0...2), right: draw(0...2)),
          upsample2x: upsample2x))
    }
    return chosen
  }()

  @Test(arguments: geometries) func agreesWithTheDirectConvolution(_ geometry: Geometry) throws {
    var source = RandomSource(seed: 5)
    let x = source.normal([geometry.items, geometry.height, geometry.width, geometry.channels])
    let weight = source.normal([3, 3, geometry.channels, geometry.outputs])
    let bias = source.normal([geometry.outputs])
    let shift = source.normal([geometry.items, geometry.outputs])
    let exact = [x, weight, bias, shift].map { $0.converted(to: .float64).parameterCopy() }
    let y = exact[0].conv2d(
      exact[1], exact[2], padding: geometry.padding, upsample2x: geometry.upsample2x, channelBias: exact[3])
    let residual = source.normal(y.shape)
    let gy = source.normal(y.shape)
    (y + residual.converted(to: .float64)).backward(gy.converted(to: .float64))

    let convolution = geometry.convolution
    func check(_ found: Tensor, _ expected: Tensor?, _ what: String) throws {
      let difference = TensorDifference(found.converted(to: .float64), try #require(expected))
      #expect(difference.relative <= geometry.tolerance, "\(what): \(difference)")
    }
    try check(
      convolution(x, weight, bias: bias, channelBias: shift, residual: residual), y + residual.converted(to: .float64),
      "result")
    try check(convolution.inputGradient(gy, weight, m: geometry.m), exact[0].gradient, "gradient of the input")
    try check(convolution.weightGradient(gy, x), exact[1].gradient, "gradient of the weight")
  }

  /// A convolution is linear in its input and in its weight, so that differences are derivatives, at any distance.
  @Test(arguments: [4, 2]) func gradientsAgreeWithFiniteDifferences(m: Int) {
    var source = RandomSource(seed: 6)
    let (xShape, wShape) = ([2, 9, 14, 20], [3, 3, 20, 35])
    let (x, weight) = (source.normal(xShape), source.normal(wShape))
    let (dx, dw) = (source.normal(xShape), source.normal(wShape))
    let convolution = WinogradConvolution(m: m, input: xShape, output: [2, 9, 14, 35], top: 1, left: 1)
    let gy = source.normal([2, 9, 14, 35])
    func objective(_ x: Tensor, _ weight: Tensor) -> Double {
      zip(convolution(x, weight).doubleValues, gy.doubleValues).reduce(0) { $0 + $1.0 * $1.1 }
    }
    func along(_ direction: Tensor, _ gradient: Tensor) -> Double {
      zip(direction.doubleValues, gradient.doubleValues).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let byX = (objective(x + dx, weight) - objective(x - dx, weight)) / 2
    let byW = (objective(x, weight + dw) - objective(x, weight - dw)) / 2
    #expect(abs(along(dx, convolution.inputGradient(gy, weight, m: m)) / byX - 1) < 1e-4)
    #expect(abs(along(dw, convolution.weightGradient(gy, x)) / byW - 1) < 1e-4)
  }

  /// Transformed weights are kept with the weights, and must not outlive a change.
  @Test func followsItsWeights() {
    var source = RandomSource(seed: 7)
    let x = source.normal([1, 40, 40, 64])
    let weight = source.normal([3, 3, 64, 64]).parameterCopy()
    func result(_ weight: Tensor) -> [Float] { Gradients.off { x.conv2d(weight, padding: .all(1)).values } }
    let before = result(weight)
    var adam = Adam()
    weight.gradient = source.normal(weight.shape)
    adam.update([weight], rate: 0.1)
    let after = result(weight)
    #expect(after != before && after == result(weight.parameterCopy()))
    weight.assign(source.normal(weight.shape))
    #expect(result(weight) != after)
    #expect(result(weight) == result(weight.parameterCopy()))
  }
}
