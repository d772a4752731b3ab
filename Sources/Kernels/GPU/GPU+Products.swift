// Products of matrices, and convolutions as such products.

/// A matrix in a buffer, of float32, as a product takes it.
package struct GPUMatrix {
  let buffer: GPUBuffer
  let offset: Int
  /// Elements from one of a batch to the next, from one row to the next, and from one column to the next.
  let batch: Int, row: Int, column: Int

  /// A stored matrix whose rows are `stride` apart; `transposed`, the transpose of that.
  package init(_ buffer: GPUBuffer, offset: Int = 0, batch: Int = 0, stride: Int, transposed: Bool = false) {
    (self.buffer, self.offset, self.batch) = (buffer, offset, batch)
    (row, column) = transposed ? (1, stride) : (stride, 1)
  }

  fileprivate var arguments: [GPUArgument] { [.buffer(buffer), .int(offset), .int(batch), .int(row), .int(column)] }
}

/// The geometry of a convolution, channels last.
package struct GPUConvolution {
  /// [N, H, W, C] as the convolution sees it.
  package let input: [Int]
  /// [h, w, C, O]
  package let weight: [Int]
  package let stride: Int
  package let top: Int, left: Int
  /// [N, H', W', O]
  package let output: [Int]
  /// Whether the input is stored at half the size, and each of its pixels stands for 2×2.
  package let isHalved: Bool

  package init(input: [Int], weight: [Int], stride: Int, top: Int, left: Int, output: [Int], isHalved: Bool = false) {
    (self.input, self.weight, self.stride) = (input, weight, stride)
    (self.top, self.left, self.output, self.isHalved) = (top, left, output, isHalved)
  }

  fileprivate var arguments: [GPUArgument] {
    (input + weight[..<2] + output[1...]).map { .int($0) }
      + [.int(stride), .int(top), .int(left), .int(isHalved ? 1 : 0)]
  }
  fileprivate var pixels: Int { output[0] * output[1] * output[2] }
  fileprivate var inputPixels: Int { input[0] * input[1] * input[2] / (isHalved ? 4 : 1) }
  fileprivate var windowSize: Int { weight[0] * weight[1] * weight[2] }
}

extension GPU {
  /// The side of the square that a group makes of a product, and by which program.
  private var tiling: (side: Int, program: KernelProgram) {
    description.isProcessor ? (64, .products) : (128, .largeProducts)
  }

  private func tiles(_ rows: Int, _ columns: Int) -> [Int] {
    let side = tiling.side
    return [(columns + side - 1) / side, (rows + side - 1) / side]
  }

  /// C = A·B + bias for each of a batch; A rows × inner, B inner × columns.
  package func product(
    _ a: GPUMatrix, _ b: GPUMatrix, bias: GPUBuffer? = nil, into c: GPUMatrix, batch: Int = 1, rows: Int, columns: Int,
    inner: Int
  ) throws(GPUError) {
    try run(
      "product", of: tiling.program, groups: tiles(rows, columns) + [batch],
      a.arguments + b.arguments
        + [
          .buffer(bias), .buffer(c.buffer), .int(c.offset), .int(c.batch), .int(c.row), .int(rows), .int(columns),
          .int(inner),
        ])
  }

  /// y = x ∗ w + bias + channelBias + residual; channelBias [N, O], residual as y.
  package func convolution(
    _ c: GPUConvolution, _ x: GPUBuffer, _ w: GPUBuffer, bias: GPUBuffer? = nil, channelBias: GPUBuffer? = nil,
    residual: GPUBuffer? = nil, into y: GPUBuffer
  ) throws(GPUError) {
    try run(
      "convolution", of: tiling.program, groups: tiles(c.pixels, c.output[3]),
      [.buffer(x), .buffer(w), .buffer(bias), .buffer(channelBias), .buffer(residual), .buffer(y)] + c.arguments)
  }

  package func convolutionInputGradient(
    _ c: GPUConvolution, _ gy: GPUBuffer, _ w: GPUBuffer, into gx: GPUBuffer
  ) throws(GPUError) {
    try run(
      "convolution_input_gradient", of: tiling.program, groups: tiles(c.inputPixels, c.input[3]),
      [.buffer(gy), .buffer(w), .buffer(gx)] + c.arguments)
  }

  package func convolutionWeightGradient(
    _ c: GPUConvolution, _ gy: GPUBuffer, _ x: GPUBuffer, into gw: GPUBuffer
  ) throws(GPUError) {
    // Long sums are cut into parts.
    let piece = 4096
    let parts = max(1, (c.pixels + piece - 1) / piece)
    let count = c.windowSize * c.output[3]
    let part = parts == 1 ? gw : try buffer(bytes: parts * count * 4)
    try run(
      "convolution_weight_gradient", of: tiling.program,
      groups: tiles(c.windowSize, c.output[3]) + [parts],
      [.buffer(gy), .buffer(x), .buffer(part)] + c.arguments + [.int(piece)])
    if parts > 1 { try sumSlices(part, into: gw, parts: parts, count: count) }
  }
}
