/// Signed distances, negative inside, and smooth noise.
enum Shape {
  @inline(__always)
  static func circle(_ u: Float, _ v: Float, _ radius: Float) -> Float { (u * u + v * v).squareRoot() - radius }

  /// First-order distance from an ellipse: exact to first order at the rim.
  @inline(__always)
  static func ellipse(_ u: Float, _ v: Float, _ radiusU: Float, _ radiusV: Float) -> Float {
    let (a, b) = (u / radiusU, v / radiusV)
    let (c, d) = (a / radiusU, b / radiusV)
    let k = (a * a + b * b).squareRoot()
    return k * (k - 1) / max(1e-6, (c * c + d * d).squareRoot())
  }

  @inline(__always)
  static func roundedBox(_ u: Float, _ v: Float, _ halfU: Float, _ halfV: Float, _ radius: Float) -> Float {
    let (a, b) = (abs(u) - halfU + radius, abs(v) - halfV + radius)
    let (p, q) = (max(a, 0), max(b, 0))
    return (p * p + q * q).squareRoot() + min(max(a, b), 0) - radius
  }

  @inline(__always)
  static func segment(_ u: Float, _ v: Float, _ start: (Float, Float), _ end: (Float, Float)) -> Float {
    let (pu, pv) = (u - start.0, v - start.1)
    let (du, dv) = (end.0 - start.0, end.1 - start.1)
    let t = clamp((pu * du + pv * dv) / max(1e-9, du * du + dv * dv))
    let (a, b) = (pu - t * du, pv - t * dv)
    return (a * a + b * b).squareRoot()
  }

  /// Triangle wave of period 1 between 0 and 1.
  @inline(__always)
  static func wave(_ t: Float) -> Float {
    let fraction = t - t.rounded(.down)
    return abs(2 * fraction - 1)
  }

  /// Smooth noise in [0, 1] on a line: values at the integers, blended between.
  @inline(__always)
  static func noise(_ t: Float, seed: UInt32) -> Float {
    let floor = t.rounded(.down)
    let i = Int32(floor)
    return mix(hash(i, 0, seed), hash(i &+ 1, 0, seed), ramp(t - floor, 0, 1))
  }

  /// Smooth noise in [0, 1] on the plane.
  @inline(__always)
  static func noise(_ u: Float, _ v: Float, seed: UInt32) -> Float {
    let (floorU, floorV) = (u.rounded(.down), v.rounded(.down))
    let (i, j) = (Int32(floorU), Int32(floorV))
    let (a, b) = (ramp(u - floorU, 0, 1), ramp(v - floorV, 0, 1))
    let upper = mix(hash(i, j, seed), hash(i &+ 1, j, seed), a)
    let lower = mix(hash(i, j &+ 1, seed), hash(i &+ 1, j &+ 1, seed), a)
    return mix(upper, lower, b)
  }

  /// A value in [0, 1) for each point of the integer lattice.
  @inline(__always)
  static func hash(_ i: Int32, _ j: Int32, _ seed: UInt32) -> Float {
    var h = UInt32(bitPattern: i) &* 0x9E37_79B1 ^ UInt32(bitPattern: j) &* 0x85EB_CA77 ^ seed &* 0xC2B2_AE3D
    h = (h ^ (h >> 15)) &* 0x2C1B_3C6D
    h = (h ^ (h >> 12)) &* 0x297A_2D39
    return Float((h ^ (h >> 15)) >> 8) * 0x1p-24
  }
}
