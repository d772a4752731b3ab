import Foundation
import Metrics
import Tensors
import TestSupport
import Testing

/// Precision and recall against scikit-learn's neighbors, and on sets whose answer is known.
@Suite struct FeatureManifoldTests {
  private struct Fixture: Decodable {
    struct Sets: Decodable {
      let x: [[Double]]
      let y: [[Double]]
      let neighbors: Int
      let precision: Double
      let recall: Double
    }
    let manifolds: [Sets]
  }

  private func tensor(_ rows: [[Double]]) -> Tensor {
    Tensor(rows.flatMap(\.self), shape: [rows.count, rows[0].count])
  }

  @Test func agrees() throws {
    let data = try Data(contentsOf: URL(filePath: fixture("statistics/statistics.json")))
    let fixtures = try JSONDecoder().decode(Fixture.self, from: data).manifolds
    #expect(fixtures.count == 3)
    for sets in fixtures {
      let (x, y) = (tensor(sets.x), tensor(sets.y))
      #expect(abs(FeatureManifold(y, neighbors: sets.neighbors).share(of: x) - sets.precision) < 1e-12)
      #expect(abs(FeatureManifold(x, neighbors: sets.neighbors).share(of: y) - sets.recall) < 1e-12)
    }
  }

  /// On a line: balls of radius 1 and 2 around 0, 1, 3 and 5, whose ends belong to them.
  @Test func ballsReachTheirNeighbor() {
    let manifold = FeatureManifold(tensor([[0], [1], [3], [5]]), neighbors: 1)
    #expect(manifold.share(of: tensor([[-1], [2], [7]])) == 1)
    #expect(manifold.share(of: tensor([[-1.01], [7.01], [4], [6.9]])) == 0.5)
    #expect(manifold.share(of: tensor([[0], [1], [3], [5]])) == 1)
  }
}
