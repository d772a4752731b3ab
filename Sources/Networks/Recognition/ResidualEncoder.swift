import Tensors

/// A small residual network with group normalization (He et al. 2016, pre-activation):
/// [N, H, W, 3] → [N, H/2ᵏ, W/2ᵏ, C] for k widths, the last of which is C.
struct ResidualEncoder {
  let stem: Conv2d
  let blocks: [DownsamplingBlock]
  let norm: GroupNorm

  init(_ scope: ParameterScope, widths: [Int], groups: Int) {
    stem = Conv2d(scope["stem"], 3, widths[0], kernel: 5, stride: 2, padding: .all(2))
    blocks = (1..<widths.count).map {
      DownsamplingBlock(scope["blocks"][$0 - 1], widths[$0 - 1], widths[$0], groups: groups)
    }
    norm = GroupNorm(scope["norm"], widths[widths.count - 1], groups: groups, eps: recognitionEps)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { norm(blocks.reduce(stem(x)) { $1($0) }, silu: true) }

  /// Why there is no such encoder, or nil.
  static func problem(widths: [Int], groups: Int) -> String? {
    if widths.count < 2 || widths.count > 8 { return "2 to 8 widths are needed, not \(widths.count)" }
    if groups < 1 { return "groups must be positive" }
    if let bad = widths.first(where: { $0 < 1 || $0 > 1 << 14 || $0 % groups != 0 }) {
      return "a width of \(bad) cannot be split into \(groups) groups"
    }
    return nil
  }
}

let recognitionEps = 1e-5

/// conv2(SiLU(norm2(conv1(SiLU(norm1(x)))))) at half the size, plus a 2×2 convolution of x that halves it too.
struct DownsamplingBlock {
  let norm1: GroupNorm
  let conv1: Conv2d
  let norm2: GroupNorm
  let conv2: Conv2d
  let shortcut: Conv2d

  init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int, groups: Int) {
    norm1 = GroupNorm(scope["norm1"], inputs, groups: groups, eps: recognitionEps)
    conv1 = Conv2d(scope["conv1"], inputs, outputs, kernel: 3, stride: 2, padding: .all(1))
    norm2 = GroupNorm(scope["norm2"], outputs, groups: groups, eps: recognitionEps)
    conv2 = Conv2d(scope["conv2"], outputs, outputs, kernel: 3, padding: .all(1))
    shortcut = Conv2d(scope["shortcut"], inputs, outputs, kernel: 2, stride: 2)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { shortcut(x) + conv2(norm2(conv1(norm1(x, silu: true)), silu: true)) }
}
