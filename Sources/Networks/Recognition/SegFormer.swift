import Tensors

/// SegFormer (Xie et al. 2021), as Hugging Face has it for ADE20k: what each part of a scene shows.
///
/// It is the ADE20k segmenter here because it is the most downloaded one there, comes in sizes from B0 (3.7 million
/// parameters) to B5, and is held as plain safetensors. Parameters have the names of those files.
public final class SegFormer: SegmentationModel {
  public struct Configuration: NetworkConfiguration {
    public var classes: [String]
    /// Height and width at which it works, in pixels.
    public var resolution: Int
    /// Width, blocks, heads, by what keys and values are reduced, and the patches' size and distance, stage by stage.
    public var widths: [Int]
    public var depths: [Int]
    public var heads: [Int]
    public var reductions: [Int]
    public var patchSizes: [Int]
    public var strides: [Int]
    /// How many times wider the blocks' hidden layers are.
    public var expansions: [Int]
    public var decoderWidth: Int

    public init(
      classes: [String], resolution: Int = 512, widths: [Int], depths: [Int], heads: [Int] = [1, 2, 5, 8],
      reductions: [Int] = [8, 4, 2, 1], patchSizes: [Int] = [7, 3, 3, 3], strides: [Int] = [4, 2, 2, 2],
      expansions: [Int] = [4, 4, 4, 4], decoderWidth: Int
    ) {
      self.classes = classes
      self.resolution = resolution
      self.widths = widths
      self.depths = depths
      self.heads = heads
      self.reductions = reductions
      self.patchSizes = patchSizes
      self.strides = strides
      self.expansions = expansions
      self.decoderWidth = decoderWidth
    }

    public var problem: String? {
      let lists = [widths, depths, heads, reductions, patchSizes, strides, expansions]
      if !(1...8).contains(widths.count) || lists.contains(where: { $0.count != widths.count }) {
        return "1 to 8 stages with all their numbers are needed"
      }
      if (lists.flatMap { $0 } + [decoderWidth, resolution, classes.count]).contains(where: { $0 < 1 || $0 > 1 << 14 })
        || depths.contains(where: { $0 > 256 })
      {
        return "sizes must be positive"
      }
      if let bad = widths.indices.first(where: { widths[$0] % heads[$0] != 0 }) {
        return "a width of \(widths[bad]) cannot be split into \(heads[bad]) heads"
      }
      let least = zip(strides, reductions).reduce((1, 1)) { ($0.0 * $1.0, max($0.1, $0.0 * $1.0 * $1.1)) }.1
      return resolution % least == 0 ? nil : "the resolution must be a multiple of \(least)"
    }
  }

  public static let architecture = "segformer"
  public let configuration: Configuration
  public let parameters: ParameterSet
  public var classes: [String] { configuration.classes }

  private let stages: [Stage]
  private let projections: [Linear]
  private let fuse: Conv2d
  private let norm: BatchNorm
  private let output: Linear

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let width = configuration.decoderWidth
    let head = root["decode_head"]
    stages = configuration.widths.indices.map { Stage(root["segformer"]["encoder"], $0, configuration) }
    projections = configuration.widths.enumerated().map { Linear(head["linear_c"][$0]["proj"], $1, width) }
    fuse = Conv2d(head["linear_fuse"], configuration.widths.count * width, width, kernel: 1, bias: false)
    norm = BatchNorm(head["batch_norm"], width)
    output = Linear(head["classifier"], width, configuration.classes.count, pointwise: true)
  }

  /// Logits [N, R, R, K] at the network's own resolution R.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let side = configuration.resolution
    return logits(x.resizedBilinear(height: side, width: side, corners: false).normalizedForImageNet())
      .resizedBilinear(height: side, width: side, corners: false)
  }

  /// Logits of pictures [N, H, W, 3] as ImageNet's networks take them, at the resolution of the first stage.
  public func logits(_ x: Tensor) -> Tensor {
    var h = x
    var features: [Tensor] = []
    for stage in stages {
      h = stage(h)
      features.append(h)
    }
    let (rows, columns) = (features[0].shape[1], features[0].shape[2])
    let parts = zip(features, projections).map { feature, projection in
      projection(feature).resizedBilinear(height: rows, width: columns, corners: false)
    }
    return output(norm(fuse(.concatenated(parts.reversed(), axis: -1))).relu())
  }

  /// Overlapping patches, then blocks of attention: [N, H, W, C] → [N, H/stride, W/stride, D].
  private struct Stage {
    let patches: Conv2d
    let patchNorm: LayerNorm
    let blocks: [Block]
    let norm: LayerNorm

    init(_ scope: ParameterScope, _ index: Int, _ configuration: Configuration) {
      let width = configuration.widths[index]
      let patch = configuration.patchSizes[index]
      let embedding = scope["patch_embeddings"][index]
      patches = Conv2d(
        embedding["proj"], index == 0 ? 3 : configuration.widths[index - 1], width, kernel: patch,
        stride: configuration.strides[index], padding: .all(patch / 2))
      patchNorm = LayerNorm(embedding["layer_norm"], width)
      blocks = (0..<configuration.depths[index]).map {
        Block(
          scope["block"][index][$0], width, heads: configuration.heads[index],
          reduction: configuration.reductions[index], expansion: configuration.expansions[index])
      }
      norm = LayerNorm(scope["layer_norm"][index], width)
    }

    func callAsFunction(_ x: Tensor) -> Tensor { norm(blocks.reduce(patchNorm(patches(x))) { $1($0) }) }
  }

  /// x + attention(norm1(x)), then x + mlp(norm2(x)), where the MLP looks at neighboring pixels.
  private struct Block {
    let norm1: LayerNorm, norm2: LayerNorm
    let query: Linear, key: Linear, value: Linear
    let reduction: (convolution: Conv2d, norm: LayerNorm)?
    let projection: Linear
    let expand: Linear, contract: Linear
    let neighbors: DepthwiseConv
    let heads: Int

    init(_ scope: ParameterScope, _ width: Int, heads: Int, reduction: Int, expansion: Int) {
      let attention = scope["attention"]["self"]
      norm1 = LayerNorm(scope["layer_norm_1"], width)
      query = Linear(attention["query"], width, width)
      key = Linear(attention["key"], width, width)
      value = Linear(attention["value"], width, width)
      self.reduction =
        reduction > 1
        ? (
          Conv2d(attention["sr"], width, width, kernel: reduction, stride: reduction),
          LayerNorm(attention["layer_norm"], width)
        ) : nil
      projection = Linear(scope["attention"]["output"]["dense"], width, width)
      norm2 = LayerNorm(scope["layer_norm_2"], width)
      expand = Linear(scope["mlp"]["dense1"], width, expansion * width)
      neighbors = DepthwiseConv(scope["mlp"]["dwconv"]["dwconv"], expansion * width)
      contract = Linear(scope["mlp"]["dense2"], expansion * width, width)
      self.heads = heads
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
      let h = x + attention(norm1(x))
      return h + contract(neighbors(expand(norm2(h))).gelu())
    }

    private func attention(_ x: Tensor) -> Tensor {
      let source = reduction.map { $0.norm($0.convolution(x)) } ?? x
      func row(_ x: Tensor) -> Tensor { x.reshaped([x.shape[0], -1, x.size(-1)]) }
      let mixed = Tensor.attention(
        queries: row(query(x)), keys: row(key(source)), values: row(value(source)), heads: heads)
      return projection(mixed.reshaped(x.shape))
    }
  }
}
