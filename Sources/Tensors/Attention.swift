import Kernels

// Attention in heads (Vaswani et al. 2017). Scores and weights of one head exist at a time, in a core's cache; gradients
// compute them again.

/// How queries, keys and values of all heads lie in one row.
public enum AttentionLayout: Sendable {
  /// All queries, then all keys, then all values.
  case byPart
  /// Of each head its query, its key and its value.
  case byHead
}

extension Tensor {
  /// softmax(q·kᵀ/√d)·v in heads of width d = D/heads, side by side in the result [N, T, D].
  ///
  /// - Parameters:
  ///   - queries: [N, T, D].
  ///   - keys: [N, S, D].
  ///   - values: [N, S, D].
  public static func attention(queries: Tensor, keys: Tensor, values: Tensor, heads: Int) -> Tensor {
    let width = queries.size(-1)
    precondition(keys.size(-1) == width && values.shape == keys.shape, "keys \(keys.shape), values \(values.shape)")
    func operand(_ tensor: Tensor) -> AttentionOperand {
      AttentionOperand(tensor: tensor.detached, stride: width, first: 0, step: width / heads)
    }
    let attention = HeadAttention(
      queries: operand(queries), keys: operand(keys), values: operand(values), heads: heads, width: width / heads)
    let result = attention.result()
    let kept = result.y.detached
    return result.y.recorded("attention", [queries, keys, values]) { g in
      let gradients = [queries, keys, values].map { Tensor(uninitialized: $0.shape, like: $0) }
      attention.takeGradients(
        of: g, (kept, result.logarithms), queries: operand(gradients[0]), keys: operand(gradients[1]),
        values: operand(gradients[2]))
      return gradients
    }
  }

  /// Attention of rows [N, T, 3D] that hold queries, keys and values, to each other: [N, T, D].
  ///
  /// - Parameter isCausal: whether no token sees those behind it.
  public func selfAttention(heads: Int, layout: AttentionLayout = .byPart, isCausal: Bool = false) -> Tensor {
    precondition(rank == 3 && size(-1) % (3 * heads) == 0, "\(shape) as queries, keys and values of \(heads) heads")
    let width = size(-1) / 3 / heads
    func operand(_ part: Int, of tensor: Tensor) -> AttentionOperand {
      let (first, step) = layout == .byPart ? (part * heads * width, width) : (part * width, 3 * width)
      return AttentionOperand(tensor: tensor, stride: 3 * heads * width, first: first, step: step)
    }
    let x = detached
    let attention = HeadAttention(
      queries: operand(0, of: x), keys: operand(1, of: x), values: operand(2, of: x), heads: heads, width: width,
      isCausal: isCausal)
    let result = attention.result()
    let kept = result.y.detached
    return result.y.recorded("selfAttention", [self]) { g in
      let gradient = Tensor(uninitialized: x.shape, like: x)
      attention.takeGradients(
        of: g, (kept, result.logarithms), queries: operand(0, of: gradient), keys: operand(1, of: gradient),
        values: operand(2, of: gradient))
      return [gradient]
    }
  }
}

/// Queries, keys or values of all heads: for each item and head a matrix in a tensor [N, T, …].
private struct AttentionOperand {
  let tensor: Tensor
  /// Elements from one token to the next.
  let stride: Int
  /// Where the first head begins.
  let first: Int
  /// Elements from one head to the next.
  let step: Int

  var tokens: Int { tensor.shape[1] }

  func pointer(_ item: Int, _ head: Int) -> UnsafeMutableRawPointer {
    tensor.pointer(at: item * tokens * stride + first + head * step)
  }

  func matrix(_ item: Int, _ head: Int, transposed: Bool = false) -> MatrixArgument {
    MatrixArgument(pointer(item, head), stride: stride, transposed: transposed)
  }

  /// On a graphics card.
  var heads: GPUHeads { GPUHeads(tensor.buffer, stride: stride, first: first, step: step) }
}

/// One application of attention.
private struct HeadAttention {
  let queries: AttentionOperand, keys: AttentionOperand, values: AttentionOperand
  let heads: Int
  /// Of a head.
  let width: Int
  var isCausal = false

  private var type: ScalarType { queries.tensor.type }
  private var items: Int { queries.tensor.shape[0] }
  private var scale: Double { 1 / Double(width).squareRoot() }

  /// As a graphics card has it.
  private var onCard: GPUAttention {
    GPUAttention(
      items: items, heads: heads, width: width, queries: queries.tokens, keys: keys.tokens, isCausal: isCausal)
  }

  /// The result, and what a graphics card needs for its gradient.
  func result() -> (y: Tensor, logarithms: GPUBuffer?) {
    countProducts(2)
    var logarithms: GPUBuffer?
    let y = Tensor.computed(
      "attention", [items, queries.tokens, heads * width], from: queries.tensor, keys.tensor, values.tensor
    ) { y in
      let target = AttentionOperand(tensor: y, stride: heads * width, first: 0, step: width)
      forEachHead { item, head in
        let weights = weights(item, head)
        multiply(
          MatrixArgument(weights.pointer, stride: keys.tokens), values.matrix(item, head),
          into: target.pointer(item, head), stride: target.stride, rows: queries.tokens, columns: width,
          inner: keys.tokens, type: type)
      }
    } card: {
      logarithms = try $0.attention(
        onCard, queries: queries.heads, keys: keys.heads, values: values.heads, into: $1)
    }
    return (y, logarithms)
  }

  /// With weights P and gP = g·vᵀ: gs = P∘(gP − Σ P∘gP)/√d, then gq = gs·k, gk = gsᵀ·q and gv = Pᵀ·g.
  func takeGradients(
    of g: Tensor, _ result: (y: Tensor, logarithms: GPUBuffer?), queries gq: AttentionOperand,
    keys gk: AttentionOperand,
    values gv: AttentionOperand
  ) {
    if let gpu = g.gpu {
      countProducts(5)
      return gpu.attempt("attention of \(queries.tensor.shape), backwards") {
        guard let logarithms = result.logarithms else { return }
        try gpu.attentionGradient(
          onCard, queries: queries.heads, keys: keys.heads, values: values.heads, result: result.y.buffer,
          logarithms: logarithms, g.buffer, intoQueries: gq.heads, keys: gk.heads, values: gv.heads)
      }
    }
    let source = AttentionOperand(tensor: g, stride: heads * width, first: 0, step: width)
    let (rows, columns) = (queries.tokens, keys.tokens)
    countProducts(5)
    forEachHead { item, head in
      let weights = weights(item, head)
      let (outputGradient, scores) = (numbers(), numbers())
      multiply(
        source.matrix(item, head), values.matrix(item, head, transposed: true), into: outputGradient.pointer,
        stride: columns, rows: rows, columns: columns, inner: width, type: type)
      forEachRow { at, count in
        ck_softmax_gradient(
          type.rawValue, weights.pointer + at, scale, outputGradient.pointer + at, scores.pointer + at, count, columns)
      }
      multiply(
        MatrixArgument(scores.pointer, stride: columns), keys.matrix(item, head), into: gq.pointer(item, head),
        stride: gq.stride, rows: rows, columns: width, inner: columns, type: type)
      multiply(
        MatrixArgument(scores.pointer, stride: columns, transposed: true), queries.matrix(item, head),
        into: gk.pointer(item, head), stride: gk.stride, rows: columns, columns: width, inner: rows, type: type)
      multiply(
        MatrixArgument(weights.pointer, stride: columns, transposed: true), source.matrix(item, head),
        into: gv.pointer(item, head), stride: gv.stride, rows: columns, columns: width, inner: rows, type: type)
    }
  }

  /// Counts so many products of all queries with all keys.
  private func countProducts(_ number: Int) {
    FLOPs.add(multiplications: number, items, heads, queries.tokens, keys.tokens, width)
  }

  /// How much each query of a head takes from each value.
  private func weights(_ item: Int, _ head: Int) -> Storage {
    let (scores, weights) = (numbers(), numbers())
    multiply(
      queries.matrix(item, head), keys.matrix(item, head, transposed: true), into: scores.pointer,
      stride: keys.tokens, rows: queries.tokens, columns: keys.tokens, inner: width, type: type)
    if isCausal { hideLaterTokens(scores) }
    forEachRow { at, count in
      ck_softmax(type.rawValue, scores.pointer + at, scale, weights.pointer + at, count, keys.tokens)
    }
    return weights
  }

  /// Makes the scores of tokens behind the query's so low that their weights are 0.
  private func hideLaterTokens(_ scores: Storage) {
    for row in 0..<min(queries.tokens, keys.tokens) {
      let (at, count) = (row * keys.tokens + row + 1, keys.tokens - row - 1)
      switch type {
      case .float32: (scores.pointer.assumingMemoryBound(to: Float.self) + at).update(repeating: -1e9, count: count)
      case .float64: (scores.pointer.assumingMemoryBound(to: Double.self) + at).update(repeating: -1e9, count: count)
      }
    }
  }

  /// Room for a number for each query and key.
  private func numbers() -> Storage { Storage(bytes: max(1, queries.tokens * keys.tokens) * type.size) }

  private func forEachHead(_ body: (_ item: Int, _ head: Int) -> Void) {
    Parallel.forEach(items * heads) { body($0 / heads, $0 % heads) }
  }

  /// - Parameter body: takes the place in bytes of a run of rows of scores, and how many these are.
  private func forEachRow(_ body: (_ at: Int, _ count: Int) -> Void) {
    let grain = max(1, elementwiseGrain / 4 / max(1, keys.tokens))
    Parallel.forEachRange(queries.tokens, grain: grain) {
      body($0.lowerBound * keys.tokens * type.size, $0.count)
    }
  }
}

let attentionCases: [GradientCase] = [
  GradientCase("attention", [[2, 3, 4], [2, 5, 4], [2, 5, 4]]) {
    .attention(queries: $0[0], keys: $0[1], values: $0[2], heads: 2)
  },
  GradientCase("selfAttention", [[2, 3, 12]]) { $0[0].selfAttention(heads: 2) },
  GradientCase("selfAttention", [[1, 4, 12]]) { $0[0].selfAttention(heads: 2, layout: .byHead, isCausal: true) },
]
