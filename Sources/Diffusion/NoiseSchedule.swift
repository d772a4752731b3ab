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

  /// The `steps` times at which a trajectory between 0 and t₀ = `returnStep` evaluates the network, ascending.
  ///
  /// ⌊y·t₀⌋ for y in linspace(0, 1, steps) as NumPy rounds it, which is what the official code's
  /// `np.linspace(0, 1, n) * t_0` gives; exact fractions would differ in one time in many sequences.
  public static func timesteps(steps: Int, returnStep: Int) -> [Int] {
    precondition(steps > 0 && returnStep >= 0)
    guard steps > 1 else { return [0] }
    let step = 1.0 / Double(steps - 1)
    return (0..<steps).map { $0 == steps - 1 ? returnStep : Int(Double($0) * step * Double(returnStep)) }
  }
}
