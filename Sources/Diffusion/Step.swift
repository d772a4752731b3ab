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

  /// The steps of a generation from t₀ = `returnStep`: `steps` of them, each with one network evaluation at its `t`, the
  /// last one to the clean image. Every scheme of inversion, generation and fine-tuning goes through them, downwards or
  /// upwards.
  ///
  /// The times t are ⌊y·t₀⌋ for y in linspace(0, 1, steps) as NumPy rounds it, which is what the official code's
  /// `np.linspace(0, 1, n) * t_0` gives; exact fractions would differ in one time in many sequences. More steps than
  /// times repeat some: a step with `next` = `t` leaves x as it is.
  public static func sequence(returnStep: Int, steps: Int) -> [Step] {
    precondition(steps > 0 && returnStep >= 0)
    guard steps > 1 else { return [Step(t: 0, next: -1)] }
    let spacing = 1.0 / Double(steps - 1)
    let times = (0..<steps).map { $0 == steps - 1 ? returnStep : Int(Double($0) * spacing * Double(returnStep)) }
    return zip(times, [-1] + times).reversed().map { Step(t: $0, next: $1) }
  }
}
