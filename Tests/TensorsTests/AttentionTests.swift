import Kernels
import Tensors
import TestSupport
import Testing

/// Attention in float32 against its definition in double precision, on sizes that fit no block.
@Suite struct AttentionTests {
  struct Case: Sendable {
    let items: Int, queries: Int, keys: Int, heads: Int, width: Int
  }

  static let cases = [
    Case(items: 1, queries: 1, keys: 1, heads: 1, width: 1), Case(items: 2, queries: 7, keys: 13, heads: 3, width: 5),
    Case(items: 1, queries: 197, keys: 197, heads: 2, width: 64),
    Case(items: 1, queries: 33, keys: 90, heads: 1, width: 130),
  ]

  /// softmax(q·kᵀ/√d)·v, made of other operations.
  private func defined(_ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, isCausal: Bool = false) -> Tensor {
    func split(_ x: Tensor) -> Tensor {
      x.reshaped([x.shape[0], x.shape[1], heads, -1]).permuted([0, 2, 1, 3])
    }
    var scores = split(q).matmul(split(k), transposed: (false, true)) / Double(q.size(-1) / heads).squareRoot()
    if isCausal {
      let (rows, columns) = (q.shape[1], k.shape[1])
      scores =
        scores
        + Tensor((0..<rows * columns).map { $0 % columns > $0 / columns ? -1e9 : 0.0 }, shape: [rows, columns])
    }
    return scores.softmax().matmul(split(v)).permuted([0, 2, 1, 3]).reshaped(q.shape)
  }

  private func expectEqual(_ found: [Tensor?], _ expected: [Tensor?]) {
    for (found, expected) in zip(found, expected) {
      guard let found, let expected else {
        Issue.record("there is no gradient")
        continue
      }
      #expect(TensorDifference(found.converted(to: .float64), expected).relative < 1e-5)
    }
  }

  /// The result and the gradients of parameters.
  private func results(
    _ inputs: [Tensor], seed: Tensor, _ body: ([Tensor]) -> Tensor
  ) -> [Tensor?] {
    let parameters = inputs.map { $0.parameterCopy() }
    let y = body(parameters)
    y.backward(seed)
    return [y.detached] + parameters.map(\.gradient)
  }

  @Test(arguments: cases) func agreesWithItsDefinition(_ size: Case) {
    var source = RandomSource(seed: 4)
    let width = size.heads * size.width
    let inputs = [size.queries, size.keys, size.keys].map { source.normal([size.items, $0, width]) }
    let seed = source.normal(inputs[0].shape)
    expectEqual(
      results(inputs, seed: seed) {
        .attention(queries: $0[0], keys: $0[1], values: $0[2], heads: size.heads)
      },
      results(inputs.map { $0.converted(to: .float64) }, seed: seed.converted(to: .float64)) {
        defined($0[0], $0[1], $0[2], heads: size.heads)
      })
  }

  @Test(arguments: [AttentionLayout.byPart, .byHead], [false, true])
  func takesPartsFromOneTensor(_ layout: AttentionLayout, _ isCausal: Bool) {
    var source = RandomSource(seed: 5)
    let (heads, width) = (3, 10)
    let x = source.normal([2, 21, 3 * heads * width])
    let seed = source.normal([2, 21, heads * width])
    func part(_ index: Int, _ x: Tensor) -> Tensor {
      let split =
        layout == .byPart
        ? x.reshaped([2, 21, 3, heads, width]).permuted([2, 0, 1, 3, 4])
        : x.reshaped([2, 21, heads, 3, width]).permuted([3, 0, 1, 2, 4])
      return split.narrowed(0, index..<index + 1).reshaped([2, 21, heads * width])
    }
    expectEqual(
      results([x], seed: seed) { $0[0].selfAttention(heads: heads, layout: layout, isCausal: isCausal) },
      results([x.converted(to: .float64)], seed: seed.converted(to: .float64)) {
        defined(part(0, $0[0]), part(1, $0[0]), part(2, $0[0]), heads: heads, isCausal: isCausal)
      })
  }
}
