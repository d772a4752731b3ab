import Networks
import Tensors

/// Measures that look through a network. Pictures are [1, H, W, 3] in [−1, 1].
public enum NetworkMeasures {
  /// SC: the share of pixels whose segmentation label stays the same (paper Sec. 4.1); no number where the network gives
  /// none.
  public static func segmentationConsistency(_ a: Tensor, _ b: Tensor, by network: any SegmentationModel) -> Double {
    let logits = (network(a), network(b))
    // The largest of numbers that are none would be any.
    guard logits.0.isFinite, logits.1.isFinite else { return .nan }
    let (x, y) = (labels(logits.0), labels(logits.1))
    return Double(zip(x, y).count { $0 == $1 }) / Double(x.count)
  }

  /// ID: the cosine of the two faces' embeddings.
  public static func identity(_ a: Tensor, _ b: Tensor, by network: any IdentityModel) -> Double {
    (network(a) * network(b)).sum().item
  }

  /// The index of the largest logit of each row of [..., K].
  public static func labels(_ logits: Tensor) -> [Int] {
    let classes = logits.size(-1)
    let values = logits.values
    return stride(from: 0, to: values.count, by: classes).map { row in
      (0..<classes).max { values[row + $0] < values[row + $1] } ?? 0
    }
  }
}
