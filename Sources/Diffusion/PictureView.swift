import Tensors

/// How a network sees pictures at random: a part of them, in other colors. What is guided by a network that sees many
/// views has fewer ways to please it that nobody sees.
public struct PictureView: Sendable, Hashable {
  /// Which part of the rows and of the columns it shows.
  public let rows: ClosedRange<Double>
  public let columns: ClosedRange<Double>
  /// What each channel is multiplied by, and what is added to it then.
  public let gains: [Double]
  public let shifts: [Double]

  /// - Parameters:
  ///   - crop: up to what share of their sides the pictures lose, in [0, 1).
  ///   - color: up to how far channels are scaled and shifted.
  public init(_ random: inout RandomSource, crop: Double, color: Double) {
    let rest = crop * random.uniform()
    let (top, left) = (rest * random.uniform(), rest * random.uniform())
    rows = top...min(1, top + 1 - rest)
    columns = left...min(1, left + 1 - rest)
    gains = (0..<3).map { _ in 1 + color * (2 * random.uniform() - 1) }
    shifts = (0..<3).map { _ in color * (2 * random.uniform() - 1) }
  }

  /// Pictures [N, H, W, 3] as they are seen, of the same size: resampled bicubically.
  public func callAsFunction(_ pictures: Tensor) -> Tensor {
    let (height, width) = (pictures.shape[1], pictures.shape[2])
    let cropped = pictures.resampled(
      vertical: .bicubic(from: height, to: height, of: rows), horizontal: .bicubic(from: width, to: width, of: columns))
    func constant(_ values: [Double]) -> Tensor { .constant(values, shape: [3], like: pictures) }
    return cropped * constant(gains) + constant(shifts)
  }
}
