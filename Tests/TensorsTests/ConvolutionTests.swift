import Tensors
import TestSupport
import Testing

/// The convolution and both its gradients against sums written out in double precision, on odd shapes.
@Suite struct ConvolutionTests {
  struct Geometry: Sendable, CustomStringConvertible {
    let items: Int, height: Int, width: Int, channels: Int, outputs: Int, kernel: (Int, Int), stride: Int
    let padding: Padding
    var description: String {
      "\(items)x\(height)x\(width)x\(channels) to \(outputs), kernel \(kernel), stride \(stride), \(padding)"
    }

    var outputHeight: Int { (height + padding.top + padding.bottom - kernel.0) / stride + 1 }
    var outputWidth: Int { (width + padding.left + padding.right - kernel.1) / stride + 1 }

    /// Calls `body` for each product in the convolution, with the places in y, x and weight.
    func forEachProduct(_ body: (Int, Int, Int) -> Void) {
      for n in 0..<items {
        for i in 0..<outputHeight {
          for j in 0..<outputWidth {
            for (a, b) in (0..<kernel.0).flatMap({ a in (0..<kernel.1).map { (a, $0) } }) {
              let (row, column) = (i * stride + a - padding.top, j * stride + b - padding.left)
              guard (0..<height).contains(row), (0..<width).contains(column) else { continue }
              for c in 0..<channels {
                for o in 0..<outputs {
                  body(
                    ((n * outputHeight + i) * outputWidth + j) * outputs + o,
                    ((n * height + row) * width + column) * channels + c,
                    ((a * kernel.1 + b) * channels + c) * outputs + o)
                }
              }
            }
          }
        }
      }
    }
  }

  static let geometries: [Geometry] = {
    var source = RandomSource(seed: 3)
    func draw(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(source.next() % UInt64(range.count)) }
    // Windows that lie side by side are computed in another way than those that overlap or leave gaps.
    var chosen = [(2, 4, 6), (3, 9, 3), (4, 8, 12)].map { size, height, width in
      Geometry(
        items: 2, height: height, width: width, channels: 3, outputs: 5, kernel: (size, size), stride: size,
        padding: .all(0))
    }
    while chosen.count < 60 {
      let geometry = Geometry(
        items: draw(1...3), height: draw(1...11), width: draw(1...11), channels: draw(1...7), outputs: draw(1...40),
        kernel: (draw(1...5), draw(1...5)), stride: draw(1...3),
        padding: Padding(top: draw(0...3), left: draw(0...3), bottom: draw(0...3), right: draw(0...3)))
      if geometry.height + geometry.padding.top + geometry.padding.bottom >= geometry.kernel.0,
        geometry.width + geometry.padding.left + geometry.padding.right >= geometry.kernel.1
      {
        chosen.append(geometry)
      }
    }
    return chosen
  }()

  @Test(arguments: geometries) func agreesWithWrittenOutSums(_ geometry: Geometry) {
    var source = RandomSource(seed: 5)
    let x = source.normal([geometry.items, geometry.height, geometry.width, geometry.channels]).parameterCopy()
    let weight = source.normal([geometry.kernel.0, geometry.kernel.1, geometry.channels, geometry.outputs])
      .parameterCopy()
    let bias = source.normal([geometry.outputs]).parameterCopy()
    let y = x.conv2d(weight, bias, stride: geometry.stride, padding: geometry.padding)
    let seed = source.normal(y.shape)
    y.backward(seed)

    let shape = [geometry.items, geometry.outputHeight, geometry.outputWidth, geometry.outputs]
    let (xs, ws, bs, gs) = (x.doubleValues, weight.doubleValues, bias.doubleValues, seed.doubleValues)
    var expected = (0..<shape.reduce(1, *)).map { bs[$0 % geometry.outputs] }
    var gx = [Double](repeating: 0, count: xs.count)
    var gw = [Double](repeating: 0, count: ws.count)
    geometry.forEachProduct { at, from, tap in
      expected[at] += xs[from] * ws[tap]
      gx[from] += gs[at] * ws[tap]
      gw[tap] += gs[at] * xs[from]
    }
    var gb = [Double](repeating: 0, count: bs.count)
    for (index, value) in gs.enumerated() { gb[index % geometry.outputs] += value }
    // Sums of up to a few thousand float32 products.
    func check(_ found: Tensor?, _ values: [Double], _ shape: [Int], _ what: String) {
      guard let found else {
        Issue.record("there is no \(what)")
        return
      }
      let difference = TensorDifference(found, Tensor(values, shape: shape))
      #expect(difference.relative <= 5e-6 || difference.absolute == 0, "\(what): \(difference)")
    }
    check(y, expected, shape, "result")
    check(x.gradient, gx, x.shape, "gradient of the input")
    check(weight.gradient, gw, weight.shape, "gradient of the weight")
    check(bias.gradient, gb, bias.shape, "gradient of the bias")
  }
}
