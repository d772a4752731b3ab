import Foundation
import Tensors

/// The U-Net of DDPM (Ho et al. 2020, appendix B) as the official DiffusionCLIP code has it for CelebA-HQ and LSUN.
///
/// Predicts the noise ε in x_t. Parameters have the official checkpoints' names.
public final class DDPMUNet: DiffusionModel {
  public struct Configuration: NetworkConfiguration {
    /// Height and width of the pictures it is trained on, in pixels; it decides where attention sits.
    public var resolution: Int
    /// Channels at full resolution.
    public var channels: Int
    /// Channels at each level, as multiples of `channels`; each level halves the resolution.
    public var multipliers: [Int]
    /// Residual blocks at each level.
    public var blocks: Int
    /// Resolutions at which attention follows each block.
    public var attentionResolutions: [Int]
    /// Groups of the normalizations.
    public var groups: Int
    /// Channels of the picture.
    public var pictureChannels: Int

    public init(
      resolution: Int, channels: Int, multipliers: [Int], blocks: Int, attentionResolutions: [Int], groups: Int = 32,
      pictureChannels: Int = 3
    ) {
      self.resolution = resolution
      self.channels = channels
      self.multipliers = multipliers
      self.blocks = blocks
      self.attentionResolutions = attentionResolutions
      self.groups = groups
      self.pictureChannels = pictureChannels
    }

    /// CelebA-HQ and LSUN at 256².
    public static let celebAHQ = Configuration(
      resolution: 256, channels: 128, multipliers: [1, 1, 2, 2, 4, 4], blocks: 2, attentionResolutions: [16])

    public var problem: String? {
      let sizes = [resolution, channels, blocks, groups, pictureChannels] + multipliers
      if multipliers.isEmpty || multipliers.count > 16 || blocks > 64
        || sizes.contains(where: { $0 < 1 || $0 > 1 << 16 })
      {
        return "sizes must be positive, with 1 to 16 multipliers"
      }
      if resolution % (1 << (multipliers.count - 1)) != 0 {
        return "a resolution of \(resolution) cannot be halved \(multipliers.count - 1) times"
      }
      if let bad = multipliers.map({ $0 * channels }).first(where: { $0 > 1 << 16 }) {
        return "a level has \(bad) channels, more than \(1 << 16)"
      }
      if channels % 2 != 0 || channels < 4 { return "channels must be even and at least 4, not \(channels)" }
      if let bad = multipliers.map({ $0 * channels }).first(where: { $0 % groups != 0 }) {
        return "\(bad) channels cannot be split into \(groups) groups"
      }
      return nil
    }
  }

  public static let architecture = "ddpm-unet"
  public let configuration: Configuration
  public let parameters: ParameterSet

  private let embedding: (Linear, Linear)
  private let input: Conv2d
  private let down: [DownLevel]
  private let middle: (first: ResidualBlock, attention: AttentionBlock, second: ResidualBlock)
  /// By level, as in checkpoints.
  private let up: [UpLevel]
  private let outputNorm: GroupNorm
  private let output: Conv2d

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let channels = configuration.channels
    let width = 4 * channels
    let groups = configuration.groups
    let levels = configuration.multipliers.map { $0 * channels }

    let dense = root["temb"]["dense"]
    embedding = (Linear(dense[0], channels, width), Linear(dense[1], width, width))
    input = Conv2d(root["conv_in"], configuration.pictureChannels, channels, kernel: 3, padding: .all(1))

    func hasAttention(_ level: Int) -> Bool {
      configuration.attentionResolutions.contains(configuration.resolution >> level)
    }
    var current = channels
    down = levels.indices.map { level in
      defer { current = levels[level] }
      return DownLevel(
        root["down"][level], current, levels[level], blocks: configuration.blocks, embedding: width, groups: groups,
        attention: hasAttention(level), last: level == levels.count - 1)
    }
    let mid = root["mid"]
    middle = (
      ResidualBlock(mid["block_1"], current, current, embedding: width, groups: groups),
      AttentionBlock(mid["attn_1"], current, groups: groups),
      ResidualBlock(mid["block_2"], current, current, embedding: width, groups: groups)
    )
    up = levels.indices.reversed().map { level in
      defer { current = levels[level] }
      // The last block of a level meets what entered the level on the way down.
      let entering = level == 0 ? channels : levels[level - 1]
      let skips = Array(repeating: levels[level], count: configuration.blocks) + [entering]
      return UpLevel(
        root["up"][level], current, levels[level], skips: skips, embedding: width, groups: groups,
        attention: hasAttention(level), first: level == 0)
    }.reversed()
    outputNorm = GroupNorm(root["norm_out"], current, groups: groups, eps: normalizationEps)
    output = Conv2d(
      root["conv_out"], current, configuration.pictureChannels, kernel: 3, padding: .all(1), weights: .zero)
  }

  /// ε for pictures x [N, H, W, C] in [−1, 1], one timestep each.
  public func callAsFunction(_ x: Tensor, timesteps: [Int]) -> Tensor {
    precondition(timesteps.count == x.shape[0], "\(timesteps.count) timesteps for \(x.shape)")
    let sinusoids = Self.sinusoids(timesteps, width: configuration.channels, like: x)
    // Every residual block takes SiLU of the embedding: once is enough.
    let time = embedding.1(embedding.0(sinusoids).silu()).silu()

    var h = input(x)
    var skips = [h]
    for level in down { h = level(h, time, &skips) }
    h = middle.second(middle.attention(middle.first(h, time)), time)
    for level in up.reversed() { h = level(h, time, &skips) }
    return .segment([h]) { [output, outputNorm] in output(outputNorm($0[0], silu: true)) }
  }

  public var resolution: Int { configuration.resolution }
  public var sizeStep: Int { 1 << (configuration.multipliers.count - 1) }
  public var pictureChannels: Int { configuration.pictureChannels }

  public func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    NoisePrediction(noise: self(x, timesteps: timesteps))
  }

  /// sin(t·ω_i) then cos(t·ω_i) with ω_i = 10000^(−i/(half − 1)): [N, width], where x is.
  static func sinusoids(_ timesteps: [Int], width: Int, like x: Tensor) -> Tensor {
    let half = width / 2
    let frequencies = (0..<half).map { exp(-log(10000) * Double($0) / Double(half - 1)) }
    let values = timesteps.map(Double.init).flatMap { t in
      frequencies.map { sin(t * $0) } + frequencies.map { cos(t * $0) }
    }
    return .constant(values, shape: [timesteps.count, width], like: x)
  }
}

private let normalizationEps = 1e-6

/// One resolution on the way down.
private struct DownLevel {
  let blocks: [ResidualBlock]
  /// As many as blocks, or none.
  let attentions: [AttentionBlock]
  let downsample: Conv2d?

  init(
    _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, blocks count: Int, embedding: Int, groups: Int,
    attention: Bool, last: Bool
  ) {
    blocks = (0..<count).map {
      ResidualBlock(scope["block"][$0], $0 == 0 ? inputs : outputs, outputs, embedding: embedding, groups: groups)
    }
    attentions = attention ? (0..<count).map { AttentionBlock(scope["attn"][$0], outputs, groups: groups) } : []
    downsample =
      last
      ? nil
      : Conv2d(
        scope["downsample"]["conv"], outputs, outputs, kernel: 3, stride: 2,
        padding: Padding(top: 0, left: 0, bottom: 1, right: 1))
  }

  func callAsFunction(_ x: Tensor, _ time: Tensor, _ skips: inout [Tensor]) -> Tensor {
    var h = x
    for (index, block) in blocks.enumerated() {
      h = block(h, time)
      if !attentions.isEmpty { h = attentions[index](h) }
      skips.append(h)
    }
    guard let downsample else { return h }
    h = downsample(h)
    skips.append(h)
    return h
  }
}

/// One resolution on the way up.
private struct UpLevel {
  let blocks: [ResidualBlock]
  /// As many as blocks, or none.
  let attentions: [AttentionBlock]
  let upsample: Conv2d?

  init(
    _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, skips: [Int], embedding: Int, groups: Int,
    attention: Bool, first: Bool
  ) {
    blocks = skips.enumerated().map { index, skip in
      ResidualBlock(
        scope["block"][index], (index == 0 ? inputs : outputs) + skip, outputs, embedding: embedding, groups: groups)
    }
    attentions = attention ? skips.indices.map { AttentionBlock(scope["attn"][$0], outputs, groups: groups) } : []
    upsample = first ? nil : Conv2d(scope["upsample"]["conv"], outputs, outputs, kernel: 3, padding: .all(1))
  }

  func callAsFunction(_ x: Tensor, _ time: Tensor, _ skips: inout [Tensor]) -> Tensor {
    var h = x
    for (index, block) in blocks.enumerated() {
      h = block(h, joining: skips.removeLast(), time)
      if !attentions.isEmpty { h = attentions[index](h) }
    }
    return upsample.map { $0(h, upsample2x: true) } ?? h
  }
}

/// x + conv2(SiLU(norm2(conv1(SiLU(norm1(x))) + proj(time)))), with a 1×1 convolution of x where channels change.
private struct ResidualBlock {
  let norm1: GroupNorm
  let conv1: Conv2d
  let time: Linear
  let norm2: GroupNorm
  let conv2: Conv2d
  let shortcut: Linear?

  init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int, embedding: Int, groups: Int) {
    norm1 = GroupNorm(scope["norm1"], inputs, groups: groups, eps: normalizationEps)
    conv1 = Conv2d(scope["conv1"], inputs, outputs, kernel: 3, padding: .all(1))
    time = Linear(scope["temb_proj"], embedding, outputs)
    norm2 = GroupNorm(scope["norm2"], outputs, groups: groups, eps: normalizationEps)
    conv2 = Conv2d(scope["conv2"], outputs, outputs, kernel: 3, padding: .all(1), weights: .zero)
    shortcut = inputs == outputs ? nil : Linear(scope["nin_shortcut"], inputs, outputs, pointwise: true)
  }

  /// - Parameters:
  ///   - skip: what is joined to the channels of x before.
  ///   - silu: SiLU of the embedding of time.
  func callAsFunction(_ x: Tensor, joining skip: Tensor? = nil, _ silu: Tensor) -> Tensor {
    .segment([silu, x] + (skip.map { [$0] } ?? [])) { inputs in
      let x = inputs.count == 2 ? inputs[1] : .concatenated(Array(inputs[1...]), axis: -1)
      let h = conv1(norm1(x, silu: true), channelBias: time(inputs[0]))
      return conv2(norm2(h, silu: true), residual: shortcut?(x) ?? x)
    }
  }
}

/// x + proj(softmax(q·kᵀ/√C)·v) over all pixels of a picture, with one head.
private struct AttentionBlock {
  let norm: GroupNorm
  let query: Linear, key: Linear, value: Linear
  let projection: Linear

  init(_ scope: ParameterScope, _ channels: Int, groups: Int) {
    norm = GroupNorm(scope["norm"], channels, groups: groups, eps: normalizationEps)
    query = Linear(scope["q"], channels, channels, pointwise: true)
    key = Linear(scope["k"], channels, channels, pointwise: true)
    value = Linear(scope["v"], channels, channels, pointwise: true)
    projection = Linear(scope["proj_out"], channels, channels, pointwise: true, weights: .zero)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    .segment([x]) { inputs in
      let x = inputs[0]
      let (items, channels) = (x.shape[0], x.size(-1))
      let h = norm(x).reshaped([items, -1, channels])
      let mixed = Tensor.attention(queries: query(h), keys: key(h), values: value(h), heads: 1)
      return x + projection(mixed).reshaped(x.shape)
    }
  }
}
