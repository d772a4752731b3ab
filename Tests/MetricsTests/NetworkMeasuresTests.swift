import Metrics
import Networks
import Tensors
import Testing

@Suite struct NetworkMeasuresTests {
  private func picture(_ seed: UInt64) -> Tensor {
    var source = RandomSource(seed: seed)
    return source.uniform([1, 16, 16, 3], in: -1...1)
  }

  @Test func labelsAreWhereLogitsAreLargest() {
    let logits = Tensor([1, 3, 2, -5, -7, -6, 0, 1, 1] as [Float], shape: [1, 3, 1, 3])
    // The first of equals.
    #expect(NetworkMeasures.labels(logits) == [1, 0, 1])
    #expect(NetworkMeasures.labels(Tensor([2, 4] as [Double], shape: [2, 1])) == [0, 0])
  }

  @Test func consistencyIsTheShareOfEqualLabels() throws {
    let network = try SegmentationNetwork(.init(classes: ["background", "skin", "hair"]), seed: 1)
    let (a, b) = (picture(1), picture(2))
    #expect(NetworkMeasures.segmentationConsistency(a, a, by: network) == 1)
    let (x, y) = (network(a).values, network(b).values)
    let equal = (0..<256).count { pixel in
      func label(_ logits: [Float]) -> Int? {
        let own = Array(logits[3 * pixel..<3 * pixel + 3])
        return own.max().flatMap(own.firstIndex)
      }
      return label(x) == label(y)
    }
    #expect((1..<256).contains(equal))
    #expect(NetworkMeasures.segmentationConsistency(a, b, by: network) == Double(equal) / 256)
  }

  @Test func identityIsTheCosine() throws {
    let network = try IdentityNetwork(.init(resolution: 16, widths: [8, 16], groups: 4, embedDim: 12), seed: 1)
    let (a, b) = (picture(1), picture(2))
    #expect(abs(NetworkMeasures.identity(a, a, by: network) - 1) < 1e-6)
    let (x, y) = (network(a).doubleValues, network(b).doubleValues)
    func dot(_ u: [Double], _ v: [Double]) -> Double { zip(u, v).reduce(0) { $0 + $1.0 * $1.1 } }
    let cosine = dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
    #expect(abs(NetworkMeasures.identity(a, b, by: network) - cosine) < 1e-6)
    #expect(cosine < 0.999)
  }
}
