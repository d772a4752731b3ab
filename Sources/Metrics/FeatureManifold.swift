import Tensors

/// Where a set of pictures lies: balls around their features, each as far as the k-th nearest other one of them
/// (Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models", eqs. 1 and 2).
///
/// Of generated pictures the share that lies in the manifold of real ones is the precision; of real ones that in the
/// manifold of generated ones the recall.
public struct FeatureManifold {
  /// [N, d]
  private let centers: Tensor
  /// The squared radius of each ball.
  private let radii: [Double]

  /// - Parameters:
  ///   - features: [N, d] of more than `neighbors` pictures.
  ///   - neighbors: k ≥ 1
  public init(_ features: Tensor, neighbors: Int) {
    precondition(features.rank == 2 && neighbors >= 1 && features.shape[0] > neighbors, "features \(features.shape)")
    let centers = features.converted(to: .float64)
    var radii: [Double] = []
    Self.forEachRow(of: centers, distancesTo: centers) { place, distances in
      var others = distances
      others.remove(at: place)
      radii.append(others.sorted()[neighbors - 1])
    }
    self.centers = centers
    self.radii = radii
  }

  /// The share of pictures with features [M, d] that lie in a ball.
  public func share(of features: Tensor) -> Double {
    precondition(features.rank == 2 && features.shape[1] == centers.shape[1], "features \(features.shape)")
    var inside = 0
    Self.forEachRow(of: features.converted(to: .float64), distancesTo: centers) { _, distances in
      if zip(distances, radii).contains(where: <=) { inside += 1 }
    }
    return Double(inside) / Double(features.shape[0])
  }

  /// ‖xᵢ − yⱼ‖² for all j, one i after the other: exactly 0 where both are one picture.
  private static func forEachRow(of x: Tensor, distancesTo y: Tensor, _ body: (Int, [Double]) -> Void) {
    let (columns, width) = (y.shape[0], y.shape[1])
    let (left, right) = (x.doubleValues, y.doubleValues)
    for row in 0..<x.shape[0] {
      let distances = (0..<columns).map { column in
        (0..<width).reduce(0.0) { sum, place in
          let difference = left[row * width + place] - right[column * width + place]
          return sum + difference * difference
        }
      }
      body(row, distances)
    }
  }
}
