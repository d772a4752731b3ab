/// One step of a trajectory, from time `t` to time `next`; −1 is the time of the clean image.
public struct Step: Sendable, Hashable {
  public let t: Int
  public let next: Int

  public init(t: Int, next: Int) {
    self.t = t
    self.next = next
  }

  /// The step back, from `next` to `t`.
  public var reversed: Step { Step(t: next, next: t) }

  /// How the times of a sequence lie between 0 and the return step t₀.
  public enum Spacing: String, Sendable, CaseIterable {
    /// ⌊y·t₀⌋ for y in linspace(0, 1, steps) as NumPy rounds it, which is what the official code's
    /// `np.linspace(0, 1, n) * t_0` gives; exact fractions would differ in one time in many sequences. The first time is
    /// 0, from which there is next to nothing to do.
    case official
    /// round((t₀ + 1)(1 − k/steps)) − 1 for k = 0, 1, …: equal parts of the whole way from t₀ to the clean image. For
    /// t₀ = 999 it is "trailing" of diffusers and of Lin et al. 2024 ("Common diffusion noise schedules and sample steps
    /// are flawed", table 2); halves are rounded to even numbers.
    case trailing
  }

  /// The steps of a generation from t₀ = `returnStep`: `steps` of them, each with one network evaluation at its `t`, the
  /// last one to the clean image. Every scheme of inversion, generation and fine-tuning goes through them, downwards or
  /// upwards. More steps than times repeat some: a step with `next` = `t` leaves x as it is.
  public static func sequence(returnStep: Int, steps: Int, spacing: Spacing = .official) -> [Step] {
    precondition(steps > 0 && returnStep >= 0)
    let times: [Int]
    switch spacing {
    case .official:
      let part = 1.0 / Double(max(1, steps - 1))
      times = (0..<steps).map {
        steps > 1 && $0 == steps - 1 ? returnStep : Int(Double($0) * part * Double(returnStep))
      }
    case .trailing:
      let (all, part) = (Double(returnStep + 1), Double(returnStep + 1) / Double(steps))
      times = (0..<steps).reversed().map { max(0, Int((all - Double($0) * part).rounded(.toNearestOrEven)) - 1) }
    }
    return zip(times, [-1] + times).reversed().map { Step(t: $0, next: $1) }
  }
}
