import Kernels

// Gradients in less memory (Chen et al. 2016, "Training deep nets with sublinear memory cost"): of a segment of a
// network only its inputs are kept, and it is computed once more when its gradient is due.

/// How much is kept for gradients. Results are the same bytes whatever the setting.
public final class Recomputation: @unchecked Sendable {
  /// Set where memory is limited.
  @TaskLocal static var current: Recomputation?

  /// Bytes that segments may keep.
  private let limit: Int
  /// Bytes that they do keep. Only the thread that builds and uses the graph changes it.
  private var kept = 0

  private init(limit: Int) { self.limit = limit }

  /// Runs `body` with at most about `limit` bytes of intermediates of segments kept for gradients, and what is derived
  /// from weights made anew for each use.
  public static func limited<Result>(to limit: Int, _ body: () throws -> Result) rethrows -> Result {
    try $current.withValue(Recomputation(limit: limit)) {
      try Storage.$keepsDerived.withValue(false, operation: body)
    }
  }

  fileprivate var mayKeep: Bool { kept < limit }

  fileprivate func keep(_ bytes: Int) { kept += bytes }
}

extension Tensor {
  /// body(inputs), as one operation that may be computed again for its gradient instead of being kept.
  ///
  /// `body` must be a function of `inputs` and of parameters alone, and use each parameter once.
  public static func segment(_ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor) -> Tensor {
    guard Gradients.areRecorded, inputs.contains(where: \.requiresGradient) else { return body(inputs) }
    // The same elements as the beginning of a graph of the segment's own.
    let leaves = inputs.map { input in
      let leaf = input.detached
      leaf.requiresGradient = input.requiresGradient
      return leaf
    }
    func gradients(of y: Tensor, _ gy: Tensor) -> [Tensor?] {
      y.backward(gy)
      return leaves.map { leaf in
        defer { leaf.gradient = nil }
        return leaf.gradient
      }
    }
    let recomputation = Recomputation.current
    guard recomputation?.mayKeep ?? true else {
      return Gradients.off { body(leaves) }.detached.recorded("segment", inputs) { gy in
        gradients(of: Gradients.$areRecorded.withValue(true) { body(leaves) }, gy)
      }
    }
    func bytesInUse() -> Int { leaves[0].gpu?.memoryInUse.now ?? MemoryPool.shared.bytesInUse }
    let before = bytesInUse()
    let y = body(leaves)
    let bytes = bytesInUse() - before
    recomputation?.keep(bytes)
    return y.detached.recorded("segment", inputs) { gy in
      recomputation?.keep(-bytes)
      return gradients(of: y, gy)
    }
  }
}

let recomputationCases: [GradientCase] = [
  GradientCase("segment", [[3, 4], [4]]) { inputs in
    Tensor.segment(inputs) { ($0[0] * $0[1]).silu() * $0[1] }
  },
  GradientCase("segment", [[3, 4], [4]]) { inputs in
    Recomputation.limited(to: 0) { Tensor.segment(inputs) { ($0[0] * $0[1]).silu() * $0[1] } }
  },
]
