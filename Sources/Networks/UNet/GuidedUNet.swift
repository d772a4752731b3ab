import Foundation
import Tensors

/// The U-Net of guided diffusion (Dhariwal & Nichol 2021, appendix A) as the official DiffusionCLIP code has it for AFHQ,
/// FFHQ and ImageNet: time scales and shifts the normalization, residual blocks change the resolution, attention has
/// heads of a fixed width, and the variance may be learned.
///
/// Parameters have the official checkpoints' names.
public final class GuidedUNet: DiffusionModel {
  public struct Configuration: NetworkConfiguration {
    /// In which order the channels of queries, keys and values lie.
    public enum AttentionOrder: String, Codable, Sendable, CaseIterable {
      /// Head by head, each with its queries, keys and values: the published models.
      case legacy
      /// All queries, then all keys, then all values.
      case new
    }

    /// One resolution; each level halves it.
    public struct Level: Codable, Sendable, Hashable {
      public var channels: Int
      /// Whether attention follows each of its blocks.
      public var attention: Bool
      public init(channels: Int, attention: Bool) {
        self.channels = channels
        self.attention = attention
      }
    }

    /// Height and width of the pictures it is trained on, in pixels.
    public var resolution: Int
    /// The width of the time's sinusoids; a quarter of its embedding's.
    public var channels: Int
    public var levels: [Level]
    /// Residual blocks at each level.
    public var blocks: Int
    /// Channels of each head of attention.
    public var headChannels: Int
    public var attentionOrder: AttentionOrder
    /// Whether it says a variance beside the noise.
    public var learnsVariance: Bool
    /// Whether time scales as well as shifts.
    public var scalesByTime: Bool
    /// Whether residual blocks change the resolution, rather than convolutions.
    public var resamplesInBlocks: Bool
    public var groups: Int
    public var pictureChannels: Int
    /// How many classes it knows, where one of them is asked for.
    public var classes: Int?
    /// The class that it is asked for; it then predicts noise of such pictures alone.
    public var label: Int?

    public init(
      resolution: Int, channels: Int, levels: [Level], blocks: Int, headChannels: Int = 64,
      attentionOrder: AttentionOrder = .legacy, learnsVariance: Bool = true, scalesByTime: Bool = true,
      resamplesInBlocks: Bool = true, groups: Int = 32, pictureChannels: Int = 3, classes: Int? = nil, label: Int? = nil
    ) {
      self.resolution = resolution
      self.channels = channels
      self.levels = levels
      self.blocks = blocks
      self.headChannels = headChannels
      self.attentionOrder = attentionOrder
      self.learnsVariance = learnsVariance
      self.scalesByTime = scalesByTime
      self.resamplesInBlocks = resamplesInBlocks
      self.groups = groups
      self.pictureChannels = pictureChannels
      self.classes = classes
      self.label = label
    }

    /// AFHQ dogs and FFHQ at 256².
    public static let afhq = Configuration(
      resolution: 256, channels: 128,
      levels: [128, 128, 256, 256, 512, 512].enumerated().map { Level(channels: $1, attention: $0 == 4) }, blocks: 1)

    /// ImageNet at 512².
    public static let imageNet512 = Configuration(
      resolution: 512, channels: 256,
      levels: [128, 256, 256, 512, 512, 1024, 1024].enumerated().map { Level(channels: $1, attention: $0 >= 4) },
      blocks: 2)

    public var problem: String? {
      let sizes = [resolution, channels, blocks, headChannels, groups, pictureChannels] + levels.map(\.channels)
      if levels.isEmpty || levels.count > 16 || sizes.contains(where: { $0 < 1 || $0 > 1 << 16 }) || blocks > 64 {
        return "sizes must be positive, with 1 to 16 levels"
      }
      if resolution % (1 << (levels.count - 1)) != 0 {
        return "a resolution of \(resolution) cannot be halved \(levels.count - 1) times"
      }
      if channels % 2 != 0 { return "channels must be even, not \(channels)" }
      if let bad = levels.first(where: { $0.channels % groups != 0 }) {
        return "\(bad.channels) channels cannot be split into \(groups) groups"
      }
      let attending = levels.filter(\.attention) + levels.suffix(1)
      if let bad = attending.first(where: { $0.channels % headChannels != 0 }) {
        return "\(bad.channels) channels cannot be split into heads of \(headChannels)"
      }
      if let classes, !(1...1 << 20).contains(classes) { return "classes must be positive" }
      if (label != nil) != (classes != nil) { return "a class and the number of classes go together" }
      if let label, let classes, !(0..<classes).contains(label) { return "there is no class \(label) of \(classes)" }
      return nil
    }
  }

  public static let architecture = "guided-unet"
  public let configuration: Configuration
  public let parameters: ParameterSet
  public var resolution: Int { configuration.resolution }
  public var sizeStep: Int { 1 << (configuration.levels.count - 1) }
  public var pictureChannels: Int { configuration.pictureChannels }

  private let embedding: (Linear, Linear)
  private let classEmbedding: Tensor?
  private let input: Conv2d
  private let down: [[GuidedLayer]]
  private let middle: [GuidedLayer]
  private let up: [[GuidedLayer]]
  private let outputNorm: GroupNorm
  private let output: Conv2d

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let levels = configuration.levels
    let width = 4 * configuration.channels
    let groups = configuration.groups
    embedding = (
      Linear(root["time_embed"][0], configuration.channels, width), Linear(root["time_embed"][2], width, width)
    )
    classEmbedding = configuration.classes.map {
      root["label_emb"].parameter("weight", [$0, width], .normal(deviation: 1))
    }
    input = Conv2d(
      root["input_blocks"][0][0], configuration.pictureChannels, levels[0].channels, kernel: 3, padding: .all(1))

    func block(
      _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, _ change: GuidedBlock.Change = .none
    ) -> GuidedLayer {
      .block(GuidedBlock(scope, inputs, outputs, embedding: width, configuration, change))
    }
    func attention(_ scope: ParameterScope, _ channels: Int) -> GuidedLayer {
      .attention(GuidedAttention(scope, channels, configuration))
    }

    var current = levels[0].channels
    var skips = [current]
    var stages: [[GuidedLayer]] = []
    for (index, level) in levels.enumerated() {
      for _ in 0..<configuration.blocks {
        let scope = root["input_blocks"][stages.count + 1]
        let layers = [block(scope[0], current, level.channels)]
        stages.append(layers + (level.attention ? [attention(scope[1], level.channels)] : []))
        current = level.channels
        skips.append(current)
      }
      guard index < levels.count - 1 else { break }
      let scope = root["input_blocks"][stages.count + 1][0]
      stages.append([
        configuration.resamplesInBlocks
          ? block(scope, current, current, .halve)
          : .downsample(Conv2d(scope["op"], current, current, kernel: 3, stride: 2, padding: .all(1)))
      ])
      skips.append(current)
    }
    down = stages

    let mid = root["middle_block"]
    middle = [block(mid[0], current, current), attention(mid[1], current), block(mid[2], current, current)]

    stages = []
    for (index, level) in levels.enumerated().reversed() {
      for number in 0...configuration.blocks {
        let scope = root["output_blocks"][stages.count]
        var layers = [block(scope[0], current + skips.removeLast(), level.channels)]
        current = level.channels
        if level.attention { layers.append(attention(scope[1], current)) }
        if index > 0, number == configuration.blocks {
          let last = scope[layers.count]
          layers.append(
            configuration.resamplesInBlocks
              ? block(last, current, current, .double)
              : .upsample(Conv2d(last["conv"], current, current, kernel: 3, padding: .all(1))))
        }
        stages.append(layers)
      }
    }
    up = stages
    outputNorm = GroupNorm(root["out"][0], current, groups: groups, eps: guidedEps)
    output = Conv2d(
      root["out"][2], current, configuration.pictureChannels * (configuration.learnsVariance ? 2 : 1), kernel: 3,
      padding: .all(1), weights: .zero)
  }

  public func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    let y = self(x, timesteps: timesteps)
    guard configuration.learnsVariance else { return NoisePrediction(noise: y) }
    let channels = configuration.pictureChannels
    return NoisePrediction(
      noise: y.narrowed(3, 0..<channels), variance: y.narrowed(3, channels..<2 * channels))
  }

  /// All that the network says of pictures x [N, H, W, C] in [−1, 1], one timestep each: [N, H, W, C] or [N, H, W, 2C].
  public func callAsFunction(_ x: Tensor, timesteps: [Int]) -> Tensor {
    precondition(timesteps.count == x.shape[0], "\(timesteps.count) timesteps for \(x.shape)")
    let sinusoids = Self.sinusoids(timesteps, width: configuration.channels, like: x)
    var time = embedding.1(embedding.0(sinusoids).silu())
    if let classEmbedding, let label = configuration.label { time = time + classEmbedding.rows([label]) }
    // Every residual block takes SiLU of the embedding: once is enough.
    time = time.silu()

    var h = input(x)
    var skips = [h]
    for stage in down {
      h = stage.reduce(h) { $1($0, time) }
      skips.append(h)
    }
    h = middle.reduce(h) { $1($0, time) }
    for stage in up {
      h = stage[0](h, joining: skips.removeLast(), time)
      h = stage.dropFirst().reduce(h) { $1($0, time) }
    }
    return .segment([h]) { [output, outputNorm] in output(outputNorm($0[0], silu: true)) }
  }

  /// cos(t·ω_i) then sin(t·ω_i) with ω_i = 10000^(−i/half): [N, width], where x is.
  static func sinusoids(_ timesteps: [Int], width: Int, like x: Tensor) -> Tensor {
    let half = width / 2
    let frequencies = (0..<half).map { exp(-log(10000) * Double($0) / Double(half)) }
    let values = timesteps.map(Double.init).flatMap { t in
      frequencies.map { cos(t * $0) } + frequencies.map { sin(t * $0) }
    }
    return .constant(values, shape: [timesteps.count, width], like: x)
  }
}
