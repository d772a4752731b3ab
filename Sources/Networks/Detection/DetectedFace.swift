import Imaging

/// A face in a picture. Positions are in pixels from the top left corner, of which pixel i covers [i, i+1).
public struct DetectedFace: Sendable, Equatable {
  /// The edges of its box, which may lie outside of the picture.
  public let left, top, right, bottom: Double
  /// How sure it is a face, of 1.
  public let confidence: Double
  /// As they are seen in the picture: the left eye is on its left side.
  public let leftEye, rightEye, nose, leftMouthCorner, rightMouthCorner: Placement.Point

  /// Of its box, in square pixels.
  public var area: Double { (right - left) * (bottom - top) }

  /// The square of FFHQ and CelebA-HQ around the face (Karras et al. 2018, 2019), turned as the face is.
  ///
  /// Of the eyes l and r and the mouth's corners, whose mean is m: e = (l + r)/2, a = r − l, b = m − e. The direction of
  /// its upper edge is x = a − b⊥, with v⊥ = (−v_y, v_x); half a side is max(2|a|, 1.8|b|), the center e + 0.1·b.
  ///
  /// - Parameter margin: by which it is larger on each side, in parts of a side; may be negative.
  /// - Returns: three of its corners; nil where the landmarks tell no direction.
  public func frame(
    margin: Double = 0
  ) -> (topLeft: Placement.Point, topRight: Placement.Point, bottomLeft: Placement.Point)? {
    func length(_ v: Placement.Point) -> Double { (v.x * v.x + v.y * v.y).squareRoot() }
    let eyes = mean(leftEye, rightEye)
    let mouth = mean(leftMouthCorner, rightMouthCorner)
    let across = Placement.Point(x: rightEye.x - leftEye.x, y: rightEye.y - leftEye.y)
    let down = Placement.Point(x: mouth.x - eyes.x, y: mouth.y - eyes.y)
    let direction = Placement.Point(x: across.x + down.y, y: across.y - down.x)
    let half = max(2 * length(across), 1.8 * length(down)) * (1 + 2 * margin)
    guard length(direction) > 1e-3, half > 1e-3 else { return nil }
    let x = Placement.Point(x: direction.x / length(direction) * half, y: direction.y / length(direction) * half)
    let y = Placement.Point(x: -x.y, y: x.x)
    let center = Placement.Point(x: eyes.x + 0.1 * down.x, y: eyes.y + 0.1 * down.y)
    func corner(_ u: Double, _ v: Double) -> Placement.Point {
      Placement.Point(x: center.x + u * x.x + v * y.x, y: center.y + u * x.y + v * y.y)
    }
    return (corner(-1, -1), corner(1, -1), corner(-1, 1))
  }
}

private func mean(_ a: Placement.Point, _ b: Placement.Point) -> Placement.Point {
  Placement.Point(x: (a.x + b.x) / 2, y: (a.y + b.y) / 2)
}
