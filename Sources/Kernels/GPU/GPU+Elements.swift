import CKernels

// What the kernels of elements, shapes and reductions do, on whole buffers of float32. How the work is cut depends on the shapes
// alone.

extension GPU {
  private static let width = 256
  /// Elements that one group of a reduction adds up.
  private static let piece = 1 << 14

  /// Groups of kernels that take elements one by one.
  static func groups(for count: Int) -> [Int] { [max(1, min(4096, (count + width - 1) / width))] }

  /// A kernel of the elements of some buffers.
  private func each(_ kernel: String, _ count: Int, _ arguments: [GPUArgument]) throws(GPUError) {
    try run(kernel, of: .elementwise, groups: Self.groups(for: count), arguments + [.int(count)])
  }

  /// y = f(x), f as ck_unary numbers it.
  package func unary(
    _ function: Int, parameter: Double = 0, _ x: GPUBuffer, into y: GPUBuffer, count: Int
  ) throws(GPUError) {
    try each("unary", count, [.int(function), .float(parameter), .buffer(x), .buffer(y)])
  }

  /// gx = gy·f'(x)
  package func unaryGradient(
    _ function: Int, parameter: Double = 0, _ x: GPUBuffer, _ gy: GPUBuffer, into gx: GPUBuffer, count: Int
  ) throws(GPUError) {
    try each("unary_gradient", count, [.int(function), .float(parameter), .buffer(x), .buffer(gy), .buffer(gx)])
  }

  /// y = a ∘ b, ∘ as ck_binary numbers it.
  package func binary(
    _ operation: Int, _ a: GPUBuffer, _ b: GPUBuffer, into y: GPUBuffer, count: Int
  ) throws(GPUError) {
    try each("binary", count, [.int(operation), .buffer(a), .buffer(b), .buffer(y)])
  }

  /// y = scale·x + shift
  package func affine(
    _ x: GPUBuffer, scale: Double, shift: Double, into y: GPUBuffer, count: Int
  ) throws(GPUError) {
    try each("affine", count, [.buffer(x), .float(scale), .float(shift), .buffer(y)])
  }

  /// y += scale·x
  package func accumulate(_ x: GPUBuffer, scale: Double, into y: GPUBuffer, count: Int) throws(GPUError) {
    try each("accumulate", count, [.buffer(x), .float(scale), .buffer(y)])
  }

  package func fill(_ y: GPUBuffer, with value: Double, count: Int) throws(GPUError) {
    try each("fill", count, [.float(value), .buffer(y)])
  }

  package func clamp(_ x: GPUBuffer, to range: ClosedRange<Double>, into y: GPUBuffer, count: Int) throws(GPUError) {
    try each("clamp_to", count, [.buffer(x), .float(range.lowerBound), .float(range.upperBound), .buffer(y)])
  }

  package func clampGradient(
    _ x: GPUBuffer, to range: ClosedRange<Double>, _ gy: GPUBuffer, into gx: GPUBuffer, count: Int
  ) throws(GPUError) {
    try each(
      "clamp_gradient", count,
      [.buffer(x), .float(range.lowerBound), .float(range.upperBound), .buffer(gy), .buffer(gx)])
  }

  /// y[r, c] = x[r, c] + b[c]
  package func addRow(_ x: GPUBuffer, _ b: GPUBuffer, into y: GPUBuffer, rows: Int, columns: Int) throws(GPUError) {
    try run(
      "add_row", of: .elementwise, groups: Self.groups(for: rows * columns),
      [.buffer(x), .buffer(b), .buffer(y), .int(rows), .int(columns)])
  }

  /// Adam's step, as ck_adam has it.
  package func adam(
    _ p: GPUBuffer, _ g: GPUBuffer, first: GPUBuffer, second: GPUBuffer, beta1: Double, beta2: Double, step: Double,
    eps: Double, count: Int
  ) throws(GPUError) {
    try each(
      "adam", count,
      [
        .buffer(p), .buffer(g), .buffer(first), .buffer(second), .float(beta1), .float(beta2), .float(1 - beta1),
        .float(1 - beta2), .float(step), .float(eps),
      ])
  }

  // MARK: Shapes

  /// Eight numbers, the first `filling` where there are fewer.
  private func eight(_ numbers: [Int], filling: Int) -> [GPUArgument] {
    precondition(numbers.count <= 8, "at most 8 axes")
    return (Array(repeating: filling, count: 8 - numbers.count) + numbers).map { .int($0) }
  }

  /// y[i…] = x[offset + Σ i·stride]
  package func gather(
    _ x: GPUBuffer, shape: [Int], strides: [Int], offset: Int = 0, into y: GPUBuffer, from start: Int = 0
  ) throws(GPUError) {
    let count = shape.reduce(1, *)
    try run(
      "gather", of: .shapes, groups: Self.groups(for: count),
      [.buffer(x), .buffer(y)] + eight(shape, filling: 1) + eight(strides, filling: 0)
        + [.int(offset), .int(start), .int(count)])
  }

  /// y[r·stride + offset + i] = x[r, i], rows of `width`.
  package func join(
    _ x: GPUBuffer, rows: Int, width: Int, into y: GPUBuffer, stride: Int, at offset: Int
  ) throws(GPUError) {
    try run(
      "join", of: .shapes, groups: Self.groups(for: rows * width),
      [.buffer(x), .buffer(y), .int(width), .int(stride), .int(offset), .int(rows * width)])
  }

  /// gx[offset + Σ i·stride] += g[i…]: the transpose of ``gather(_:shape:strides:offset:into:from:)``. Axes whose stride is not 0
  /// must reach each place once at most.
  package func scatterAdd(
    _ g: GPUBuffer, shape: [Int], strides: [Int], offset: Int = 0, into gx: GPUBuffer
  ) throws(GPUError) {
    var steps = shape
    var step = 1
    for axis in shape.indices.reversed() {
      steps[axis] = step
      step *= shape[axis]
    }
    let moving = shape.indices.filter { strides[$0] != 0 }
    let repeating = shape.indices.filter { strides[$0] == 0 }
    let (count, repeats) = (moving.reduce(1) { $0 * shape[$1] }, repeating.reduce(1) { $0 * shape[$1] })
    try run(
      "scatter_add", of: .shapes, groups: Self.groups(for: count),
      [.buffer(g), .buffer(gx)] + eight(moving.map { shape[$0] }, filling: 1)
        + eight(moving.map { strides[$0] }, filling: 0) + eight(moving.map { steps[$0] }, filling: 0)
        + eight(repeating.map { shape[$0] }, filling: 1) + eight(repeating.map { steps[$0] }, filling: 0)
        + [.int(offset), .int(count), .int(repeats)])
  }

  /// y[r] = x[index[r]], rows of `width`.
  package func takeRows(
    _ x: GPUBuffer, _ index: GPUBuffer, into y: GPUBuffer, rows: Int, width: Int
  ) throws(GPUError) {
    try run(
      "take_rows", of: .shapes, groups: Self.groups(for: rows * width),
      [.buffer(x), .buffer(index), .buffer(y), .int(rows), .int(width)])
  }

  /// gx[k] = Σ gy[r] over the rows r with index k, of a table of so many rows.
  package func takeRowsGradient(
    _ gy: GPUBuffer, _ index: GPUBuffer, into gx: GPUBuffer, rows: Int, width: Int, table: Int
  ) throws(GPUError) {
    try run(
      "take_rows_gradient", of: .shapes, groups: Self.groups(for: table * width),
      [.buffer(gy), .buffer(index), .buffer(gx), .int(rows), .int(width), .int(table)])
  }

  /// The largest of each window of x [N, H, W, C], and where it was.
  package func maxPool(
    _ x: GPUBuffer, into y: GPUBuffer, winners: GPUBuffer, input: [Int], output: [Int], size: Int, stride: Int
  ) throws(GPUError) {
    let count = output.reduce(1, *)
    try run(
      "max_pool", of: .shapes, groups: Self.groups(for: count),
      [.buffer(x), .buffer(y), .buffer(winners)]
        + [input[1], input[2], input[3], output[1], output[2], size, stride, count].map { .int($0) })
  }

  package func maxPoolGradient(
    _ gy: GPUBuffer, winners: GPUBuffer, into gx: GPUBuffer, input: [Int], output: [Int], size: Int, stride: Int
  ) throws(GPUError) {
    let count = input.reduce(1, *)
    try run(
      "max_pool_gradient", of: .shapes, groups: Self.groups(for: count),
      [.buffer(gy), .buffer(winners), .buffer(gx)]
        + [input[1], input[2], input[3], output[1], output[2], size, stride, count].map { .int($0) })
  }

  // MARK: Reductions

  /// to[place] = scale·Σ x·y, or scale·Σ x without y.
  package func sum(
    _ x: GPUBuffer, times y: GPUBuffer? = nil, into to: GPUBuffer, at place: Int = 0, scale: Double = 1, count: Int
  ) throws(GPUError) {
    let pieces = max(1, (count + Self.piece - 1) / Self.piece)
    let part = try buffer(bytes: pieces * 8)
    try run(
      "sum_pieces", of: .reductions, groups: [pieces],
      [.buffer(x), .buffer(y), .int(y == nil ? 0 : 1), .buffer(part), .int(Self.piece), .int(count)])
    try run(
      "sum_parts", of: .reductions, groups: [1],
      [.buffer(part), .buffer(to), .int(place), .int(pieces), .float(scale)])
  }

  /// Whether |x| < limit for every element of all of some buffers; one that is not a number is not. Waits, once.
  package func areAllBelow(_ limit: Double, _ all: [(x: GPUBuffer, count: Int)]) throws(GPUError) -> Bool {
    let pieces = all.map { max(1, ($0.count + Self.piece - 1) / Self.piece) }
    let found = try buffer(bytes: max(1, pieces.reduce(0, +)) * 4)
    var place = 0
    for (one, pieces) in zip(all, pieces) {
      try run(
        "all_below", of: .reductions, groups: [pieces],
        [.buffer(one.x), .float(limit), .buffer(found), .int(place), .int(Self.piece), .int(one.count)])
      place += pieces
    }
    return try values(in: found, as: Float.self).prefix(place).allSatisfy { $0 == 0 }
  }

  /// sums[n, c] = Σ x[n, r, c] over rows.
  package func columnSums(
    _ x: GPUBuffer, items: Int = 1, rows: Int, columns: Int, into sums: GPUBuffer
  ) throws(GPUError) {
    let piece = 512
    let pieces = max(1, (rows + piece - 1) / piece)
    let part = pieces == 1 ? sums : try buffer(bytes: pieces * items * columns * 4)
    try run(
      "column_sums", of: .reductions, groups: [(columns + 31) / 32, pieces, items],
      [.buffer(x), .buffer(part), .int(piece), .int(rows), .int(columns)])
    if pieces > 1 { try sumSlices(part, into: sums, parts: pieces, count: items * columns) }
  }

  /// Softmax of scale·x over rows.
  package func softmax(
    _ x: GPUBuffer, scale: Double, into y: GPUBuffer, rows: Int, columns: Int
  ) throws(GPUError) {
    try run(
      "softmax", of: .reductions, groups: [rows], [.buffer(x), .float(scale), .buffer(y), .int(columns)])
  }

  package func softmaxGradient(
    _ y: GPUBuffer, scale: Double, _ gy: GPUBuffer, into gx: GPUBuffer, rows: Int, columns: Int
  ) throws(GPUError) {
    try run(
      "softmax_gradient", of: .reductions, groups: [rows],
      [.buffer(y), .float(scale), .buffer(gy), .buffer(gx), .int(columns)])
  }

  /// Of each row with a label of 0 or more −log softmax(x)[label], else 0.
  package func crossEntropy(
    _ x: GPUBuffer, labels: GPUBuffer, into losses: GPUBuffer, rows: Int, columns: Int
  ) throws(GPUError) {
    try run(
      "cross_entropy", of: .reductions, groups: [rows],
      [.buffer(x), .buffer(labels), .buffer(losses), .int(columns)])
  }

  /// gx = g·scale·(p − [column is the label]) of rows with a label; p is their softmax, g one number.
  package func crossEntropyGradient(
    _ p: GPUBuffer, labels: GPUBuffer, _ g: GPUBuffer, scale: Double, into gx: GPUBuffer, rows: Int, columns: Int
  ) throws(GPUError) {
    try run(
      "cross_entropy_gradient", of: .reductions, groups: Self.groups(for: rows * columns),
      [.buffer(p), .buffer(labels), .buffer(g), .float(scale), .buffer(gx), .int(columns), .int(rows * columns)])
  }
}
