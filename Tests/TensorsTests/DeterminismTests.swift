import Kernels
import Tensors
import Testing

/// The same bytes for every number of threads, at sizes that are cut into pieces.
@Suite(.serialized) struct DeterminismTests {
  struct Case: Sendable, CustomStringConvertible {
    let description: String
    let shapes: [[Int]]
    let body: @Sendable ([Tensor]) -> Tensor

    init(_ description: String, _ shapes: [[Int]], _ body: @escaping @Sendable ([Tensor]) -> Tensor) {
      (self.description, self.shapes, self.body) = (description, shapes, body)
    }
  }

  static let cases = [
    Case("conv2d", [[2, 33, 29, 24], [3, 3, 24, 40], [40]]) { $0[0].conv2d($0[1], $0[2], padding: .all(1)) },
    Case("conv2d, stride 2", [[2, 33, 29, 24], [3, 3, 24, 40]]) { $0[0].conv2d($0[1], stride: 2, padding: .all(1)) },
    Case("conv2d, many tiles", [[1, 93, 101, 40], [3, 3, 40, 72], [72], [1, 72], [1, 93, 101, 72]]) {
      $0[0].conv2d($0[1], $0[2], padding: .all(1), channelBias: $0[3], residual: $0[4])
    },
    Case("conv2d, upsample2x", [[2, 17, 13, 64], [3, 3, 64, 64]]) {
      $0[0].conv2d($0[1], padding: .all(1), upsample2x: true)
    },
    Case("conv2d, few pixels", [[1, 8, 8, 96], [3, 3, 96, 160], [160]]) {
      $0[0].conv2d($0[1], $0[2], padding: .all(1))
    },
    Case("linear", [[700, 130], [300, 130], [300]]) { $0[0].linear($0[1], $0[2]) },
    Case("matmul", [[5, 90, 70], [5, 70, 110]]) { $0[0].matmul($0[1]) },
    Case("groupNorm", [[2, 41, 37, 32], [32], [32]]) {
      $0[0].groupNorm(groups: 8, $0[1], $0[2], eps: 1e-6, silu: true)
    },
    Case("layerNorm", [[900, 96], [96], [96]]) { $0[0].layerNorm($0[1], $0[2]) },
    Case("softmax", [[900, 77]]) { $0[0].softmax(scale: 0.3) },
    Case("attention", [[3, 65, 64], [3, 90, 64], [3, 90, 64]]) {
      .attention(queries: $0[0], keys: $0[1], values: $0[2], heads: 4)
    },
    Case("attention, one head", [[1, 257, 96], [1, 257, 96], [1, 257, 96]]) {
      .attention(queries: $0[0], keys: $0[1], values: $0[2], heads: 1)
    },
    Case("selfAttention", [[2, 77, 192]]) { $0[0].selfAttention(heads: 4, isCausal: true) },
    Case("broadcast", [[4, 60, 60, 8], [4, 1, 1, 8]]) { ($0[0] * $0[1] + $0[1]).silu() },
    Case("resampling", [[2, 50, 40, 3]]) { $0[0].resizedBicubic(height: 77, width: 91).upsampledNearest2x() },
    Case("joining and cutting", [[6, 90, 50], [6, 90, 70]]) {
      Tensor.concatenated($0, axis: 2).permuted([1, 2, 0]).narrowed(1, 20..<100)
    },
    Case("sums", [[70, 80, 30]]) { $0[0].square().mean([0, 2]) * $0[0].exp().sum() },
  ]

  @Test(arguments: cases) func sameBytesForEveryNumberOfThreads(_ testCase: Case) {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    func run(threads: Int) -> [[UInt32]] {
      Parallel.threads = threads
      var source = RandomSource(seed: 9)
      let inputs = testCase.shapes.map { source.normal($0).parameterCopy() }
      let y = testCase.body(inputs)
      y.backward(source.normal(y.shape))
      return ([y] + inputs.compactMap(\.gradient)).map { $0.values.map(\.bitPattern) }
    }
    let alone = run(threads: 1)
    #expect(alone.count == testCase.shapes.count + 1)
    for threads in [2, 3] {
      // Compared as a whole, or a failure would print every number.
      let same = run(threads: threads) == alone
      #expect(same, "\(threads) threads")
    }
  }
}
