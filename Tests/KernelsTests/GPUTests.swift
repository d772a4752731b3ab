import Foundation
import Kernels
import Tensors
import Testing

/// The kernels for graphics cards beside those of the processor, on odd shapes. Where no device is, not even PoCL's, they are not
/// tested, and the list of tests says so.
@Suite(.enabled(if: !GPU.devices.isEmpty, "no OpenCL or CUDA device is here: install pocl-opencl-icd"), .serialized)
struct GPUTests {
  private static let gpu = Result { try GPU(0) }
  private let gpu: GPU
  private var random = RandomSource(seed: 7)

  init() throws { gpu = try Self.gpu.get() }

  private mutating func numbers(_ shape: [Int]) -> Tensor { random.normal(shape) }

  private func buffer(_ tensor: Tensor) throws -> GPUBuffer { try gpu.buffer(of: tensor.values) }

  /// The largest difference, relative to the largest value.
  private func error(_ buffer: GPUBuffer, _ expected: Tensor) throws -> Double {
    let found = try gpu.values(in: buffer, as: Float.self)
    let values = expected.values
    try #require(found.count == values.count)
    let difference = zip(found, values).map { abs(Double($0) - Double($1)) }.reduce(0) { $1 > $0 || $1.isNaN ? $1 : $0 }
    return difference / Double(values.map { abs($0) }.max() ?? 1)
  }

  private func expectEqual(_ buffer: GPUBuffer, _ expected: Tensor, _ what: String, within limit: Double = 1e-5) throws
  {
    let error = try error(buffer, expected)
    #expect(error <= limit, "\(what): \(error)")
  }

  /// A result and the gradients of its inputs for a gradient `g` of it.
  private func differentiated(
    _ inputs: [Tensor], _ g: Tensor, _ body: ([Tensor]) -> Tensor
  ) -> (result: Tensor, gradients: [Tensor]) {
    let parameters = inputs.map { $0.parameterCopy() }
    let y = body(parameters)
    y.backward(g)
    return (y.detached, parameters.compactMap(\.gradient))
  }

  // MARK: Elements

  @Test(arguments: Int(CK_EXP)...Int(CK_GELU)) mutating func functions(_ function: Int) throws {
    let count = 1037
    let needsPositive = [Int(CK_LOG), Int(CK_SQRT)].contains(function)
    let drawn = numbers([count])
    let x = needsPositive ? drawn.absolute() + 0.1 : drawn
    let g = numbers([count])
    let all: [(Tensor) -> Tensor] = [
      { $0.exp() }, { $0.log() }, { $0.squareRoot() }, { $0.square() }, { $0.absolute() }, { $0.tanh() },
      { $0.sigmoid() },
      { $0.relu() }, { $0.leakyReLU(slope: 0.25) }, { $0.silu() }, { $0.quickGELU() }, { $0.gelu() },
    ]
    let (expected, gradients) = differentiated([x], g) { all[function]($0[0]) }
    let (y, gx) = (try gpu.buffer(bytes: count * 4), try gpu.buffer(bytes: count * 4))
    let (bx, bg) = (try buffer(x), try buffer(g))
    try gpu.unary(function, parameter: 0.25, bx, into: y, count: count)
    try gpu.unaryGradient(function, parameter: 0.25, bx, bg, into: gx, count: count)
    try expectEqual(y, expected, "result")
    try expectEqual(gx, gradients[0], "gradient")
  }

  @Test mutating func pairsAndSteps() throws {
    let (a, b) = (numbers([37, 11]), numbers([37, 11]) + 4)
    let count = 37 * 11
    let y = try gpu.buffer(bytes: count * 4)
    let (ba, bb) = (try buffer(a), try buffer(b))
    for (operation, expected) in [
      (Int(CK_ADD), a + b), (Int(CK_SUBTRACT), a - b), (Int(CK_MULTIPLY), a * b), (Int(CK_DIVIDE), a / b),
    ] {
      try gpu.binary(operation, ba, bb, into: y, count: count)
      try expectEqual(y, expected, "operation \(operation)")
    }
    try gpu.affine(ba, scale: -3, shift: 2, into: y, count: count)
    try expectEqual(y, a.affine(scale: -3, shift: 2), "affine")
    try gpu.accumulate(bb, scale: 0.5, into: y, count: count)
    try expectEqual(y, a.affine(scale: -3, shift: 2) + b * 0.5, "accumulate")
    try gpu.clamp(ba, to: -0.5...0.75, into: y, count: count)
    try expectEqual(y, a.clamped(to: -0.5...0.75), "clamp")
    let row = numbers([11])
    try gpu.addRow(ba, buffer(row), into: y, rows: 37, columns: 11)
    try expectEqual(y, a + row, "row")
    try gpu.fill(y, with: 2.5, count: count)
    try expectEqual(y, Tensor(repeating: 2.5, shape: [37, 11]), "fill")
    // Adam beside the engine's own, for three steps.
    let parameter = a.parameterCopy()
    var adam = Adam()
    let (p, m, v) = (try buffer(a), try buffer(.zeros([count])), try buffer(.zeros([count])))
    for step in 1...3 {
      let gradient = numbers([37, 11])
      parameter.gradient = gradient
      adam.update([parameter], rate: 0.01)
      let root = (1 - pow(0.999, Double(step))).squareRoot()
      try gpu.adam(
        p, buffer(gradient), first: m, second: v, beta1: 0.9, beta2: 0.999,
        step: 0.01 * root / (1 - pow(0.9, Double(step))),
        eps: 1e-8 * root, count: count)
    }
    try expectEqual(p, parameter.detached, "adam")
  }

  // MARK: Shapes

  @Test mutating func movingElements() throws {
    let x = numbers([3, 4, 5])
    let bx = try buffer(x)
    let y = try gpu.buffer(bytes: 60 * 4)
    try gpu.gather(bx, shape: [5, 3, 4], strides: [1, 20, 5], into: y)
    try expectEqual(y, x.permuted([2, 0, 1]), "permuted")
    let part = try gpu.buffer(bytes: 3 * 2 * 5 * 4)
    try gpu.gather(bx, shape: [3, 2, 5], strides: [20, 5, 1], offset: 5, into: part)
    try expectEqual(part, x.narrowed(1, 1..<3), "narrowed")
    // What repeats is added up where it came from.
    let row = numbers([3, 1, 5])
    let g = numbers([2, 3, 4, 5])
    let gradients = differentiated([row], g) { $0[0].expanded(to: [2, 3, 4, 5]) }.gradients
    let sums = try buffer(.zeros([3, 1, 5]))
    try gpu.scatterAdd(buffer(g), shape: [2, 3, 4, 5], strides: [0, 5, 0, 1], into: sums)
    try expectEqual(sums, gradients[0], "expanded, backwards")
  }

  // MARK: Reductions

  @Test mutating func sums() throws {
    let count = 40_961
    let (x, y) = (numbers([count]) + 3, numbers([count]))
    let to = try gpu.buffer(bytes: 8)
    let (bx, by) = (try buffer(x), try buffer(y))
    try gpu.sum(bx, into: to, count: count)
    try gpu.sum(bx, times: by, into: to, at: 1, scale: 0.5, count: count)
    let expected = Tensor([Float(x.sum().item), Float((x * y).sum().item / 2)], shape: [2])
    try expectEqual(to, expected, "sums", within: 1e-6)
    #expect(try gpu.areAllBelow(100, [(bx, count), (by, count)]))
    #expect(try !gpu.areAllBelow(3, [(by, 1), (bx, count)]))
    var broken = x.values
    broken[count - 1] = .nan
    #expect(try !gpu.areAllBelow(.infinity, [(bx, count), (gpu.buffer(of: broken), count)]))
    let matrix = numbers([1500, 37])
    let columns = try gpu.buffer(bytes: 37 * 4)
    try gpu.columnSums(buffer(matrix), rows: 1500, columns: 37, into: columns)
    try expectEqual(columns, matrix.sum([0]).reshaped([37]), "columns")
  }

  @Test mutating func softmaxOfRows() throws {
    let (x, g) = (numbers([13, 301]) * 4, numbers([13, 301]))
    let (expected, gradients) = differentiated([x], g) { $0[0].softmax(scale: 0.7) }
    let (y, gx) = (try gpu.buffer(bytes: x.count * 4), try gpu.buffer(bytes: x.count * 4))
    try gpu.softmax(buffer(x), scale: 0.7, into: y, rows: 13, columns: 301)
    try gpu.softmaxGradient(y, scale: 0.7, buffer(g), into: gx, rows: 13, columns: 301)
    try expectEqual(y, expected, "result")
    try expectEqual(gx, gradients[0], "gradient")
  }

  // MARK: Products

  @Test(arguments: [(false, false), (true, false), (false, true), (true, true)])
  mutating func products(_ transposed: (Bool, Bool)) throws {
    for (rows, columns, inner, batch) in [(5, 7, 9, 1), (70, 65, 33, 2), (64, 64, 16, 1), (1, 130, 100, 3)] {
      let a = numbers([batch] + (transposed.0 ? [inner, rows] : [rows, inner]))
      let b = numbers([batch] + (transposed.1 ? [columns, inner] : [inner, columns]))
      let bias = numbers([columns])
      let y = try gpu.buffer(bytes: batch * rows * columns * 4)
      try gpu.product(
        GPUMatrix(buffer(a), batch: rows * inner, stride: transposed.0 ? rows : inner, transposed: transposed.0),
        GPUMatrix(buffer(b), batch: inner * columns, stride: transposed.1 ? inner : columns, transposed: transposed.1),
        bias: buffer(bias), into: y, batch: batch, rows: rows,
        columns: columns, inner: inner)
      try expectEqual(y, a.matmul(b, transposed: transposed) + bias, "\(rows)×\(columns)×\(inner)")
    }
  }

  struct Layer: Sendable, CustomTestStringConvertible {
    let input: [Int], weight: [Int]
    var stride = 1
    var padding = Padding.all(1)
    var isHalved = false
    var testDescription: String { "\(input) with \(weight)" }
  }

  @Test(arguments: [
    Layer(input: [2, 5, 6, 3], weight: [3, 3, 3, 4]),
    Layer(
      input: [1, 6, 6, 2], weight: [3, 3, 2, 3], stride: 2, padding: Padding(top: 0, left: 0, bottom: 1, right: 1)),
    Layer(input: [1, 7, 5, 2], weight: [3, 3, 2, 3], stride: 2),
    Layer(input: [1, 8, 8, 2], weight: [4, 4, 2, 3], stride: 4, padding: .all(0)),
    Layer(input: [2, 3, 4, 2], weight: [3, 3, 2, 3], isHalved: true),
    Layer(
      input: [1, 7, 8, 2], weight: [5, 2, 2, 3], stride: 3, padding: Padding(top: 4, left: 0, bottom: 1, right: 3)),
    Layer(input: [2, 3, 9, 3], weight: [1, 1, 3, 35], padding: .all(0)),
    Layer(input: [1, 17, 19, 20], weight: [3, 3, 20, 70]),
    Layer(input: [1, 70, 66, 3], weight: [3, 3, 3, 5]),
  ])
  mutating func convolutions(_ layer: Layer) throws {
    let (x, w) = (numbers(layer.input), numbers(layer.weight))
    let outputs = layer.weight[3]
    let (bias, channelBias) = (numbers([outputs]), numbers([layer.input[0], outputs]))
    let scale = layer.isHalved ? 2 : 1
    let seen = [layer.input[0], scale * layer.input[1], scale * layer.input[2], layer.input[3]]
    let shape = x.conv2d(w, stride: layer.stride, padding: layer.padding, upsample2x: layer.isHalved).shape
    let (residual, g) = (numbers(shape), numbers(shape))
    let (expected, gradients) = differentiated([x, w], g) {
      $0[0].conv2d(
        $0[1], bias, stride: layer.stride, padding: layer.padding, upsample2x: layer.isHalved, channelBias: channelBias,
        residual: residual)
    }
    let convolution = GPUConvolution(
      input: seen, weight: layer.weight, stride: layer.stride, top: layer.padding.top, left: layer.padding.left,
      output: shape, isHalved: layer.isHalved)
    let (y, gx, gw) = (
      try gpu.buffer(bytes: g.count * 4), try gpu.buffer(bytes: x.count * 4), try gpu.buffer(bytes: w.count * 4)
    )
    let (bx, bw, bg) = (try buffer(x), try buffer(w), try buffer(g))
    try gpu.convolution(
      convolution, bx, bw, bias: buffer(bias), channelBias: buffer(channelBias), residual: buffer(residual), into: y)
    try gpu.convolutionInputGradient(convolution, bg, bw, into: gx)
    try gpu.convolutionWeightGradient(convolution, bg, bx, into: gw)
    // The processor's own go by Winograd's method, which rounds more.
    try expectEqual(y, expected, "result", within: 5e-5)
    try expectEqual(gx, gradients[0], "gradient of the input", within: 5e-5)
    try expectEqual(gw, gradients[1], "gradient of the weight", within: 5e-5)
  }

  // MARK: Layers

  @Test(arguments: [(6, 3, false, 12), (40, 4, true, 1500)])
  mutating func groupNorms(_ channels: Int, _ groups: Int, _ silu: Bool, _ pixels: Int) throws {
    let items = 2
    let x = numbers([items, pixels, 1, channels]) * 3 + 5
    let (w, b, g) = (numbers([channels]), numbers([channels]), numbers(x.shape))
    let (expected, gradients) = differentiated([x, w, b], g) {
      $0[0].groupNorm(groups: groups, $0[1], $0[2], eps: 1e-5, silu: silu)
    }
    let norm = GPUGroupNorm(items: items, pixels: pixels, channels: channels, groups: groups, eps: 1e-5, silu: silu)
    let (y, gx) = (try gpu.buffer(bytes: x.count * 4), try gpu.buffer(bytes: x.count * 4))
    let (gw, gb) = (try gpu.buffer(bytes: channels * 4), try gpu.buffer(bytes: channels * 4))
    let (bx, bw) = (try buffer(x), try buffer(w))
    let kept = try gpu.groupNorm(norm, bx, weight: bw, bias: buffer(b), into: y)
    try gpu.groupNormGradient(norm, kept, bx, weight: bw, buffer(g), into: gx, weightGradient: gw, biasGradient: gb)
    try expectEqual(y, expected, "result")
    try expectEqual(gx, gradients[0], "gradient")
    try expectEqual(gw, gradients[1], "gradient of the weight")
    try expectEqual(gb, gradients[2], "gradient of the bias")
  }

  @Test mutating func layerNorms() throws {
    let (rows, columns) = (300, 67)
    let x = numbers([rows, columns]) + 2
    let (w, b, g) = (numbers([columns]), numbers([columns]), numbers([rows, columns]))
    let (expected, gradients) = differentiated([x, w, b], g) { $0[0].layerNorm($0[1], $0[2]) }
    let (y, gx) = (try gpu.buffer(bytes: x.count * 4), try gpu.buffer(bytes: x.count * 4))
    let (gw, gb) = (try gpu.buffer(bytes: columns * 4), try gpu.buffer(bytes: columns * 4))
    let (bx, bw) = (try buffer(x), try buffer(w))
    let statistics = try gpu.buffer(bytes: rows * 8)
    try gpu.layerNorm(
      bx, weight: bw, bias: buffer(b), eps: 1e-5, into: y, statistics: statistics, rows: rows, columns: columns)
    try gpu.layerNormGradient(
      bx, weight: bw, statistics: statistics, buffer(g), into: gx, weightGradient: gw, biasGradient: gb, rows: rows,
      columns: columns)
    try expectEqual(y, expected, "result")
    try expectEqual(gx, gradients[0], "gradient")
    try expectEqual(gw, gradients[1], "gradient of the weight")
    try expectEqual(gb, gradients[2], "gradient of the bias")
  }

  @Test(arguments: [(2, 3, 5, 2), (1, 40, 70, 20), (1, 33, 34, 80)])
  mutating func attention(_ items: Int, _ queries: Int, _ keys: Int, _ width: Int) throws {
    let heads = 2
    let (q, k, v) = (
      numbers([items, queries, heads * width]), numbers([items, keys, heads * width]),
      numbers([items, keys, heads * width])
    )
    let g = numbers(q.shape)
    let (expected, gradients) = differentiated([q, k, v], g) {
      .attention(queries: $0[0], keys: $0[1], values: $0[2], heads: heads)
    }
    let attention = GPUAttention(
      items: items, heads: heads, width: width, queries: queries, keys: keys, isCausal: false)
    func rows(_ buffer: GPUBuffer) -> GPUHeads { GPUHeads(buffer, stride: heads * width, first: 0, step: width) }
    let (bq, bk, bv) = (rows(try buffer(q)), rows(try buffer(k)), rows(try buffer(v)))
    let y = try gpu.buffer(bytes: q.count * 4)
    let found = try [q, k, v].map { try gpu.buffer(bytes: $0.count * 4) }
    let logarithms = try gpu.attention(attention, queries: bq, keys: bk, values: bv, into: y)
    try gpu.attentionGradient(
      attention, queries: bq, keys: bk, values: bv, result: y, logarithms: logarithms, buffer(g),
      intoQueries: rows(found[0]), keys: rows(found[1]), values: rows(found[2]))
    try expectEqual(y, expected, "result")
    for (place, name) in ["queries", "keys", "values"].enumerated() {
      try expectEqual(found[place], gradients[place], "gradient of the \(name)")
    }
  }

  @Test mutating func causalAttentionOfTokensToEachOther() throws {
    let (items, tokens, heads, width) = (2, 35, 2, 24)
    let x = numbers([items, tokens, 3 * heads * width])
    let g = numbers([items, tokens, heads * width])
    let (expected, gradients) = differentiated([x], g) {
      $0[0].selfAttention(heads: heads, layout: .byHead, isCausal: true)
    }
    let attention = GPUAttention(
      items: items, heads: heads, width: width, queries: tokens, keys: tokens, isCausal: true)
    func part(_ number: Int, of buffer: GPUBuffer) -> GPUHeads {
      GPUHeads(buffer, stride: 3 * heads * width, first: number * width, step: 3 * width)
    }
    let (bx, gx, y) = (try buffer(x), try gpu.buffer(bytes: x.count * 4), try gpu.buffer(bytes: g.count * 4))
    let logarithms = try gpu.attention(
      attention, queries: part(0, of: bx), keys: part(1, of: bx), values: part(2, of: bx), into: y)
    try gpu.attentionGradient(
      attention, queries: part(0, of: bx), keys: part(1, of: bx), values: part(2, of: bx), result: y,
      logarithms: logarithms, buffer(g), intoQueries: part(0, of: gx), keys: part(1, of: gx), values: part(2, of: gx))
    try expectEqual(y, expected, "result")
    try expectEqual(gx, gradients[0], "gradient")
  }

  /// The same work gives the same bytes.
  @Test mutating func bytesAreTheSameEachTime() throws {
    let (x, w) = (numbers([1, 33, 31, 20]), numbers([3, 3, 20, 40]))
    let convolution = GPUConvolution(
      input: x.shape, weight: w.shape, stride: 1, top: 1, left: 1, output: [1, 33, 31, 40])
    let g = numbers([1, 33, 31, 40])
    let (bx, bg) = (try buffer(x), try buffer(g))
    var found: Set<[Float]> = []
    for _ in 0..<3 {
      let gw = try gpu.buffer(bytes: w.count * 4)
      try gpu.convolutionWeightGradient(convolution, bg, bx, into: gw)
      found.insert(try gpu.values(in: gw, as: Float.self))
    }
    #expect(found.count == 1)
  }

  // MARK: What goes wrong

  @Test func headsHaveALargestWidth() throws {
    let attention = GPUAttention(items: 1, heads: 1, width: 513, queries: 1, keys: 1, isCausal: false)
    let row = GPUHeads(try gpu.buffer(bytes: 513 * 4), stride: 513, first: 0, step: 513)
    #expect(
      throws: GPUError.failed(
        "a head has 513 channels, and on a graphics card it may have at most 512; the processor computes wider ones",
        in: "attention")
    ) {
      _ = try gpu.attention(attention, queries: row, keys: row, values: row, into: gpu.buffer(bytes: 513 * 4))
    }
  }

  @Test func whatCannotBeIsSaid() throws {
    #expect(throws: GPUError.refused("there is no device 99")) { _ = try GPU(99) }
    #expect(throws: GPUError.self) { try gpu.run("nothing", of: .elementwise, groups: [1], []) }
    #expect(throws: GPUError.self) { _ = try gpu.buffer(bytes: 1 << 50) }
  }
}
