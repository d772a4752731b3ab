import Tensors

/// Small random changes to pictures, so that a network learns what they show and not their exact pixels. What is
/// guided by such a network has fewer ways to please it without doing what is asked.
struct Augmentation {
  /// 0 changes nothing, 1 is strong.
  let strength: Double

  /// Pictures [N, H, W, 3] in [−1, 1], each moved by up to 4 pixels (its edges repeated), each channel scaled and
  /// shifted by up to 0.2, with noise of deviation up to 0.1; all in proportion to the strength.
  func callAsFunction(_ pictures: Tensor, _ random: inout RandomSource) -> Tensor {
    guard strength > 0 else { return pictures }
    let (items, height, width) = (pictures.shape[0], pictures.shape[1], pictures.shape[2])
    let source = pictures.values
    var target = random.normal(pictures.shape).values
    for item in 0..<items {
      func signed(_ bound: Double) -> Double { (2 * random.uniform() - 1) * bound * strength }
      let move = (Int(signed(4).rounded()), Int(signed(4).rounded()))
      let gains = (0..<3).map { _ in Float(1 + signed(0.2)) }
      let shifts = (0..<3).map { _ in Float(signed(0.2)) }
      let deviation = Float(abs(signed(0.1)))
      for y in 0..<height {
        let row = min(max(y + move.0, 0), height - 1)
        for x in 0..<width {
          let column = min(max(x + move.1, 0), width - 1)
          let from = ((item * height + row) * width + column) * 3
          let to = ((item * height + y) * width + x) * 3
          for channel in 0..<3 {
            target[to + channel] =
              source[from + channel] * gains[channel] + shifts[channel] + target[to + channel] * deviation
          }
        }
      }
    }
    return Tensor(target, shape: pictures.shape)
  }
}
