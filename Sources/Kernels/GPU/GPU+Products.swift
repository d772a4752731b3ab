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
  fileprivate var items: Int { input[0] }
  fileprivate var itemPixels: Int { output[1] * output[2] }
  fileprivate var itemInputPixels: Int { input[1] * input[2] / (isHalved ? 4 : 1) }
  fileprivate var taps: Int { weight[0] * weight[1] }
}

/// What is added to a product once: to each row, to each row of an item, whose rows are `itemRows`, and to each element.
struct GPUAddends {
  var bias: GPUBuffer?
  var channelBias: GPUBuffer?
  var residual: GPUBuffer?
  var itemRows = 1

  fileprivate var arguments: [GPUArgument] { [.buffer(bias), .buffer(channelBias), .buffer(residual)] }
}

extension GPU {
  /// Queues a product into `y`, and where its sums are spread over parts, what adds these.
  /// - Parameter arguments: those of the kernel before `piece`, for what it writes to and what it adds.
  private func multiply(
    _ kernel: String, _ shape: GPUTiling.Shape, into y: GPUBuffer, adding addends: GPUAddends = GPUAddends(),
    _ arguments: (GPUBuffer, GPUAddends) -> [GPUArgument]
  ) throws(GPUError) {
    let tiling = GPUTiling(shape, on: description)
    let count = shape.batch * shape.rows * shape.columns
    let isSpread = tiling.parts > 1
    let target = isSpread ? try buffer(bytes: tiling.parts * count * 4) : y
    try run(
      kernel, of: tiling.program, groups: [tiling.tiles, tiling.parts, shape.batch],
      arguments(target, isSpread ? GPUAddends() : addends) + [.int(tiling.piece)])
    if isSpread {
      try sumSlices(target, into: y, parts: tiling.parts, count: count, columns: shape.columns, adding: addends)
    }
  }

  /// y[i] = Σ part[p, i] over parts, in order.
  func sumSlices(
    _ part: GPUBuffer, into y: GPUBuffer, parts: Int, count: Int, columns: Int = 1,
    adding addends: GPUAddends = GPUAddends()
  ) throws(GPUError) {
    try run(
      "sum_slices", of: .products, groups: Self.groups(for: count),
      [.buffer(part)] + addends.arguments
        + [.buffer(y), .int(parts), .int(count), .int(columns), .int(addends.itemRows)])
  }

  /// C = A·B + bias for each of a batch; A rows × inner, B inner × columns. C's rows lie one behind the other.
  package func product(
    _ a: GPUMatrix, _ b: GPUMatrix, bias: GPUBuffer? = nil, into c: GPUBuffer, batch: Int = 1, rows: Int, columns: Int,
    inner: Int
  ) throws(GPUError) {
    // How many of the rows are one item's is not known.
    let shape = GPUTiling.Shape(
      rows: rows, columns: columns, inner: inner, batch: batch, itemRows: 1, itemInner: inner)
    try multiply("product", shape, into: c, adding: GPUAddends(bias: bias)) { target, addends in
      a.arguments + b.arguments
        + [
          .buffer(addends.bias), .buffer(target), .int(rows), .int(columns), .int(inner),
        ]
    }
  }

  /// y = x ∗ w + bias + channelBias + residual; channelBias [N, O], residual as y.
  package func convolution(
    _ c: GPUConvolution, _ x: GPUBuffer, _ w: GPUBuffer, bias: GPUBuffer? = nil, channelBias: GPUBuffer? = nil,
    residual: GPUBuffer? = nil, into y: GPUBuffer
  ) throws(GPUError) {
    let inner = c.taps * c.input[3]
    let shape = GPUTiling.Shape(
      rows: c.items * c.itemPixels, columns: c.output[3], inner: inner, itemRows: c.itemPixels, itemInner: inner)
    let addends = GPUAddends(bias: bias, channelBias: channelBias, residual: residual, itemRows: c.itemPixels)
    try multiply("convolution", shape, into: y, adding: addends) { target, addends in
      [.buffer(x), .buffer(w)] + addends.arguments + [.buffer(target)] + c.arguments
    }
  }

  package func convolutionInputGradient(
    _ c: GPUConvolution, _ gy: GPUBuffer, _ w: GPUBuffer, into gx: GPUBuffer
  ) throws(GPUError) {
    let inner = c.taps * c.output[3]
    let shape = GPUTiling.Shape(
      rows: c.items * c.itemInputPixels, columns: c.input[3], inner: inner, itemRows: c.itemInputPixels,
      itemInner: inner)
    try multiply("convolution_input_gradient", shape, into: gx) { target, _ in
      [.buffer(gy), .buffer(w), .buffer(target)] + c.arguments
    }
  }

  package func convolutionWeightGradient(
    _ c: GPUConvolution, _ gy: GPUBuffer, _ x: GPUBuffer, into gw: GPUBuffer
  ) throws(GPUError) {
    let rows = c.taps * c.input[3]
    let shape = GPUTiling.Shape(
      rows: rows, columns: c.output[3], inner: c.items * c.itemPixels, itemRows: rows, itemInner: c.itemPixels)
    try multiply("convolution_weight_gradient", shape, into: gw) { target, _ in
      [.buffer(gy), .buffer(x), .buffer(target)] + c.arguments
    }
  }
}
