/// How much noise there is at each time t: β_t and ᾱ_t = Π_{s ≤ t} (1 − β_s) for t in 0 ..< count (paper eq. 1).
public struct NoiseSchedule: Sendable, Hashable {
  public let betas: [Double]
  public let alphasCumprod: [Double]
  public var count: Int { betas.count }

  public init(betas: [Double]) {
    self.betas = betas
    var product = 1.0
    alphasCumprod = betas.map {
      product *= 1 - $0
      return product
    }
  }

  /// β linear in t. The defaults are DDPM's (Ho et al. 2020), which all the paper's models use.
  public static func linear(from first: Double = 1e-4, to last: Double = 0.02, count: Int = 1000) -> NoiseSchedule {
    NoiseSchedule(betas: (0..<count).map { first + (last - first) * Double($0) / Double(max(1, count - 1)) })
  }

  /// ᾱ_t, and 1 for t = −1, the time of the clean image.
  public func alphaCumprod(_ t: Int) -> Double { t < 0 ? 1 : alphasCumprod[t] }
}
