// Normalization and attention.

/// What group normalization keeps for its gradient.
package struct GPUGroupStatistics {
  let moments: GPUBuffer, scale: GPUBuffer, shift: GPUBuffer
}

/// Group normalization of [items, pixels, channels], then SiLU where asked.
package struct GPUGroupNorm {
  package let items: Int, pixels: Int, channels: Int, groups: Int
  package let eps: Double
  package let silu: Bool

  package init(items: Int, pixels: Int, channels: Int, groups: Int, eps: Double, silu: Bool) {
    (self.items, self.pixels, self.channels, self.groups) = (items, pixels, channels, groups)
    (self.eps, self.silu) = (eps, silu)
  }

  /// Pixels that a group of work items takes at a time.
  fileprivate static let piece = 1024
  fileprivate var pieces: Int { (pixels + Self.piece - 1) / Self.piece }
  fileprivate var count: Int { items * pixels * channels }
}

/// Rows of heads in a tensor [N, T, …].
package struct GPUHeads {
  let buffer: GPUBuffer
  /// Elements from one token to the next, to the first head, and from one head to the next.
  let stride: Int, first: Int, step: Int

  package init(_ buffer: GPUBuffer, stride: Int, first: Int, step: Int) {
    (self.buffer, self.stride, self.first, self.step) = (buffer, stride, first, step)
  }

  fileprivate var arguments: [GPUArgument] { [.buffer(buffer), .int(stride), .int(first), .int(step)] }
}

/// softmax(q·kᵀ/√width)·v of all heads.
package struct GPUAttention {
  package let items: Int, heads: Int, width: Int, queries: Int, keys: Int
  package let isCausal: Bool

  package init(items: Int, heads: Int, width: Int, queries: Int, keys: Int, isCausal: Bool) {
    (self.items, self.heads, self.width) = (items, heads, width)
    (self.queries, self.keys, self.isCausal) = (queries, keys, isCausal)
  }

  fileprivate var shape: [GPUArgument] {
    [.int(queries), .int(keys), .int(width), .float(1 / Double(width).squareRoot()), .int(isCausal ? 1 : 0)]
  }
  /// Of the result, heads side by side.
  fileprivate var resultStride: Int { heads * width }
  fileprivate func groups(_ tokens: Int) -> [Int] { [(tokens + 31) / 32, heads, items] }
}

extension GPU {
  package func groupNorm(
    _ n: GPUGroupNorm, _ x: GPUBuffer, weight: GPUBuffer, bias: GPUBuffer, into y: GPUBuffer
  ) throws(GPUError) -> GPUGroupStatistics {
    let part = try buffer(bytes: n.items * n.groups * n.pieces * 8)
    let kept = GPUGroupStatistics(
      moments: try buffer(bytes: n.items * n.groups * 8), scale: try buffer(bytes: n.items * n.channels * 4),
      shift: try buffer(bytes: n.items * n.channels * 4))
    let piece = GPUArgument.int(GPUGroupNorm.piece)
    try run(
      "group_moments", of: .normalization, groups: [n.pieces, n.groups, n.items],
      [.buffer(x), .buffer(part), .int(n.pixels), .int(n.channels), .int(n.groups), piece])
    try run(
      "group_statistics", of: .normalization, groups: [n.groups, n.items],
      [
        .buffer(part), .buffer(weight), .buffer(bias), .float(n.eps), .buffer(kept.moments), .buffer(kept.scale),
        .buffer(kept.shift), .int(n.pixels), .int(n.channels), .int(n.groups), piece, .int(n.pieces),
      ])
    try run(
      "channel_affine", of: .normalization, groups: Self.groups(for: n.count),
      [
        .buffer(x), .buffer(kept.scale), .buffer(kept.shift), .int(n.silu ? 1 : 0), .buffer(y), .int(n.pixels),
        .int(n.channels), .int(n.count),
      ])
    return kept
  }

  /// gx, and the gradients of weight and bias.
  package func groupNormGradient(
    _ n: GPUGroupNorm, _ kept: GPUGroupStatistics, _ x: GPUBuffer, weight: GPUBuffer, _ gy: GPUBuffer,
    into gx: GPUBuffer, weightGradient gw: GPUBuffer, biasGradient gb: GPUBuffer
  ) throws(GPUError) {
    let width = n.items * 2 * n.channels
    let part = try buffer(bytes: n.pieces * width * 4)
    let sums = n.pieces == 1 ? part : try buffer(bytes: width * 4)
    let means = try buffer(bytes: n.items * n.groups * 8)
    let shape: [GPUArgument] = [.int(n.pixels), .int(n.channels), .int(n.groups)]
    try run(
      "group_gradient_sums", of: .normalization, groups: [(n.channels + 31) / 32, n.pieces, n.items],
      [
        .buffer(x), .buffer(kept.scale), .buffer(kept.shift), .buffer(kept.moments), .int(n.silu ? 1 : 0), .buffer(gy),
        .buffer(gx), .buffer(part),
      ] + shape + [.int(GPUGroupNorm.piece)])
    if n.pieces > 1 { try sumSlices(part, into: sums, parts: n.pieces, count: width) }
    try run(
      "group_gradient_means", of: .normalization, groups: [n.groups, n.items],
      [.buffer(sums), .buffer(weight), .buffer(means)] + shape)
    try run(
      "group_gradient", of: .normalization, groups: Self.groups(for: n.count),
      [.buffer(x), .buffer(gx), .buffer(weight), .buffer(kept.moments), .buffer(means), .buffer(gx)] + shape
        + [.int(n.count)])
    // [N, 2, C]: first Σ d, then Σ d·x̂.
    let both = try buffer(bytes: 2 * n.channels * 4)
    try columnSums(sums, rows: n.items, columns: 2 * n.channels, into: both)
    try gather(both, shape: [n.channels], strides: [1], into: gb)
    try gather(both, shape: [n.channels], strides: [1], offset: n.channels, into: gw)
  }

  /// Layer normalization of rows.
  /// - Parameter statistics: gets mean and 1/σ of each row, for the gradient.
  package func layerNorm(
    _ x: GPUBuffer, weight: GPUBuffer, bias: GPUBuffer, eps: Double, into y: GPUBuffer, statistics: GPUBuffer,
    rows: Int,
    columns: Int
  ) throws(GPUError) {
    try run(
      "layer_norm", of: .normalization, groups: [rows],
      [.buffer(x), .buffer(weight), .buffer(bias), .float(eps), .buffer(y), .buffer(statistics), .int(columns)])
  }

  package func layerNormGradient(
    _ x: GPUBuffer, weight: GPUBuffer, statistics: GPUBuffer, _ gy: GPUBuffer, into gx: GPUBuffer,
    weightGradient gw: GPUBuffer, biasGradient gb: GPUBuffer, rows: Int, columns: Int
  ) throws(GPUError) {
    try run(
      "layer_norm_gradient", of: .normalization, groups: [rows],
      [.buffer(x), .buffer(weight), .buffer(statistics), .buffer(gy), .buffer(gx), .int(columns)])
    let piece = 256
    let pieces = (rows + piece - 1) / piece
    let part = try buffer(bytes: pieces * 2 * columns * 4)
    try run(
      "layer_norm_weight_sums", of: .normalization, groups: [(columns + 31) / 32, pieces],
      [.buffer(x), .buffer(statistics), .buffer(gy), .buffer(part), .int(piece), .int(rows), .int(columns)])
    let sums = try buffer(bytes: 2 * columns * 4)
    try sumSlices(part, into: sums, parts: pieces, count: 2 * columns)
    try gather(sums, shape: [columns], strides: [1], into: gw)
    try gather(sums, shape: [columns], strides: [1], offset: columns, into: gb)
  }

  /// y [N, T, heads·width].
  /// - Returns: the logarithm of each query's sum of weights, for the gradient.
  package func attention(
    _ a: GPUAttention, queries q: GPUHeads, keys k: GPUHeads, values v: GPUHeads, into y: GPUBuffer
  ) throws(GPUError) -> GPUBuffer {
    let program = try KernelProgram.attention(width: a.width)
    let logarithms = try buffer(bytes: a.items * a.heads * a.queries * 4)
    try run(
      "attention", of: program, groups: a.groups(a.queries),
      q.arguments + k.arguments + v.arguments
        + [.buffer(y), .int(a.resultStride), .int(a.width), .buffer(logarithms)] + a.shape)
    return logarithms
  }

  package func attentionGradient(
    _ a: GPUAttention, queries q: GPUHeads, keys k: GPUHeads, values v: GPUHeads, result y: GPUBuffer,
    logarithms: GPUBuffer, _ g: GPUBuffer, intoQueries gq: GPUHeads, keys gk: GPUHeads, values gv: GPUHeads
  ) throws(GPUError) {
    let program = try KernelProgram.attention(width: a.width)
    let products = try buffer(bytes: a.items * a.heads * a.queries * 4)
    try run(
      "attention_products", of: program, groups: a.groups(a.queries),
      [.buffer(g), .buffer(y), .int(a.resultStride), .int(a.width), .buffer(products), .int(a.queries), .int(a.width)])
    let common =
      q.arguments + k.arguments + v.arguments
      + [.buffer(g), .int(a.resultStride), .int(a.width), .buffer(logarithms), .buffer(products)]
    try run(
      "attention_query_gradient", of: program, groups: a.groups(a.queries),
      common + gq.arguments + a.shape)
    try run(
      "attention_key_gradient", of: program, groups: a.groups(a.keys),
      common + gk.arguments + gv.arguments + a.shape)
  }
}
