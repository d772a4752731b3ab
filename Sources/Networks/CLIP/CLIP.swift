import Foundation
import Kernels
import Tensors

/// CLIP with a vision transformer or a modified ResNet (Radford et al. 2021): pictures and texts as vectors of one space.
///
/// Parameters have OpenAI's names.
public final class CLIP: PictureNetwork {
  public struct Configuration: NetworkConfiguration {
    /// Width of the common space.
    public var embedDim: Int
    /// Height and width of the pictures it takes, in pixels.
    public var imageResolution: Int
    public var visionLayers: Int
    public var visionWidth: Int
    public var visionPatchSize: Int
    public var visionHeads: Int
    /// Blocks of each of the four stages of a modified ResNet, which then takes the place of the vision transformer.
    public var visionBlocks: [Int]?
    /// Tokens of a text.
    public var contextLength: Int
    public var vocabularySize: Int
    public var textLayers: Int
    public var textWidth: Int
    public var textHeads: Int
    /// Whether its transformers have the exact GELU, as some of open_clip's, and not x·σ(1.702x), as OpenAI's.
    public var exactGELU: Bool?

    /// Heads are 64 wide unless their number is given.
    public init(
      embedDim: Int, imageResolution: Int, visionLayers: Int, visionWidth: Int, visionPatchSize: Int,
      visionHeads: Int? = nil, contextLength: Int, vocabularySize: Int, textLayers: Int, textWidth: Int,
      textHeads: Int? = nil, visionBlocks: [Int]? = nil, exactGELU: Bool? = nil
    ) {
      self.embedDim = embedDim
      self.imageResolution = imageResolution
      self.visionLayers = visionLayers
      self.visionWidth = visionWidth
      self.visionPatchSize = visionPatchSize
      self.contextLength = contextLength
      self.vocabularySize = vocabularySize
      self.textLayers = textLayers
      self.textWidth = textWidth
      self.visionHeads = visionHeads ?? max(1, visionWidth / 64)
      self.textHeads = textHeads ?? max(1, textWidth / 64)
      self.visionBlocks = visionBlocks
      self.exactGELU = exactGELU
    }

    public var problem: String? {
      let sizes = [
        embedDim, imageResolution, visionLayers, visionWidth, visionPatchSize, visionHeads, contextLength,
        vocabularySize, textLayers, textWidth, textHeads,
      ]
      if sizes.contains(where: { $0 < 1 || $0 > 1 << 20 }) || max(visionLayers, textLayers) > 1024 {
        return "sizes must be positive, with at most 1024 layers"
      }
      if imageResolution % visionPatchSize != 0 {
        return "\(imageResolution) pixels cannot be cut into patches of \(visionPatchSize)"
      }
      if let visionBlocks {
        if visionBlocks.count != 4 || visionBlocks.contains(where: { !(1...256).contains($0) }) {
          return "a modified ResNet has four stages of 1 to 256 blocks"
        }
        if visionPatchSize != ModifiedResNet.reduction || visionWidth % 2 != 0 {
          return "a modified ResNet has patches of \(ModifiedResNet.reduction) pixels and an even width"
        }
      }
      let visionOutput = visionBlocks == nil ? visionWidth : ModifiedResNet.expansion * visionWidth
      for (width, heads) in [(visionOutput, visionHeads), (textWidth, textHeads)] where width % heads != 0 {
        return "a width of \(width) cannot be split into \(heads) heads"
      }
      return nil
    }
  }

  public static let architecture = "clip"
  public let configuration: Configuration
  public let parameters: ParameterSet

  private let vision: (Tensor) -> Tensor
  private let tokenEmbedding: Tensor
  private let positionalEmbedding: Tensor
  private let transformer: Transformer
  private let finalNorm: LayerNorm
  private let textProjection: Tensor
  /// The logarithm of the factor by which cosines become logits, of shape [].
  public let logitScale: Tensor

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let width = configuration.textWidth
    if let blocks = configuration.visionBlocks {
      let resnet = ModifiedResNet(root["visual"], blocks: blocks, configuration)
      vision = { resnet($0) }
    } else {
      let transformer = VisionTransformer(root["visual"], configuration)
      vision = { transformer($0) }
    }
    tokenEmbedding = root["token_embedding"].parameter(
      "weight", [configuration.vocabularySize, width], .normal(deviation: 0.02))
    positionalEmbedding = root.parameter(
      "positional_embedding", [configuration.contextLength, width], .normal(deviation: 0.01))
    transformer = Transformer(
      root["transformer"], width: width, layers: configuration.textLayers, heads: configuration.textHeads,
      exactGELU: configuration.exactGELU ?? false)
    finalNorm = LayerNorm(root["ln_final"], width)
    textProjection = root.parameter(
      "text_projection", [width, configuration.embedDim], .normal(deviation: 1 / Double(width).squareRoot()))
    logitScale = root.parameter("logit_scale", [], .constant(log(1 / 0.07)))
  }

  /// Embeddings [N, embedDim], not normalized, of pictures [N, H, W, 3] as ``preprocessed(_:by:)`` gives them.
  public func encodeImage(_ x: Tensor) -> Tensor {
    let size = configuration.imageResolution
    precondition(x.shape.dropFirst() == [size, size, 3], "pictures \(x.shape) for a resolution of \(size)")
    return vision(x)
  }

  /// Embeddings [N, embedDim], not normalized, of texts as tokens, all of one length, at most `contextLength`.
  ///
  /// A text's vector is taken at its end token, the one with the greatest number. No token looks behind itself, so
  /// what fills a text up behind its end changes nothing.
  public func encodeText(_ texts: [[Int]]) -> Tensor {
    let length = texts.first?.count ?? 0
    precondition(
      length <= configuration.contextLength && texts.allSatisfy { $0.count == length },
      "texts of \(texts.map(\.count)) tokens for a context of \(configuration.contextLength)")
    let positions = positionalEmbedding.narrowed(0, 0..<length)
    let h = tokenEmbedding.rows(texts.flatMap { $0 }).reshaped([texts.count, length, -1]) + positions
    let mixed = transformer(h, isCausal: true)
    let ends = texts.enumerated().map { $0 * length + ($1.firstIndex(of: $1.max() ?? 0) ?? 0) }
    let last = mixed.reshaped([texts.count * length, -1]).rows(ends)
    return finalNorm(last).matmul(textProjection)
  }

  /// How pictures are brought to the network's size.
  public enum Preprocessing: String, Sendable, CaseIterable {
    /// Bicubic without antialias and without clamping: what torchvision did with tensors when the official
    /// DiffusionCLIP code was written.
    case official
    /// Bicubic with antialias, as torchvision does it since 0.17.
    case antialias
    /// The same, with the result clamped to [0, 1] as in a picture of 8 bits: nearest to how CLIP was trained.
    case clamped
  }

  /// What the network takes, from pictures [N, H, W, 3] in [−1, 1]: (x + 1)/2, a resize of the short side to the
  /// network's, the center of the long side, and normalization. The long side and where it is cut are rounded as
  /// torchvision's Resize and CenterCrop round.
  public func preprocessed(_ x: Tensor, by preprocessing: Preprocessing = .official) -> Tensor {
    let size = configuration.imageResolution
    let (height, width) = (x.shape[1], x.shape[2])
    let short = min(height, width)
    let (tall, wide) = (size * height / short, size * width / short)
    /// Nil where there is nothing to cut.
    func center(_ length: Int) -> Range<Int>? {
      let start = Int((Double(length - size) / 2).rounded(.toNearestOrEven))
      return length == size ? nil : start..<start + size
    }
    var resized = ((x + 1) / 2).resizedBicubic(
      height: tall, width: wide, rows: center(tall), columns: center(wide), antialias: preprocessing != .official)
    if preprocessing == .clamped { resized = resized.clamped(to: 0...1) }
    func constant(_ values: [Double]) -> Tensor { .constant(values, shape: [3], like: resized) }
    return (resized - constant(Self.mean)) / constant(Self.deviation)
  }

  /// Mean and standard deviation of the channels of CLIP's training pictures in [0, 1].
  public static let mean = [0.48145466, 0.4578275, 0.40821073]
  public static let deviation = [0.26862954, 0.26130258, 0.27577711]
}

/// A vision transformer (Dosovitskiy et al. 2021) as in CLIP: [N, H, W, 3] → [N, embedDim].
private struct VisionTransformer {
  let patches: Conv2d
  let classEmbedding: Tensor
  let positionalEmbedding: Tensor
  let inputNorm: LayerNorm
  let transformer: Transformer
  let outputNorm: LayerNorm
  let projection: Tensor

  init(_ scope: ParameterScope, _ configuration: CLIP.Configuration) {
    let width = configuration.visionWidth
    let patch = configuration.visionPatchSize
    let side = configuration.imageResolution / patch
    let values = InitialValues.normal(deviation: 1 / Double(width).squareRoot())
    patches = Conv2d(scope["conv1"], 3, width, kernel: patch, stride: patch, bias: false)
    classEmbedding = scope.parameter("class_embedding", [width], values)
    positionalEmbedding = scope.parameter("positional_embedding", [side * side + 1, width], values)
    inputNorm = LayerNorm(scope["ln_pre"], width)
    transformer = Transformer(
      scope["transformer"], width: width, layers: configuration.visionLayers, heads: configuration.visionHeads,
      exactGELU: configuration.exactGELU ?? false)
    outputNorm = LayerNorm(scope["ln_post"], width)
    projection = scope.parameter("proj", [width, configuration.embedDim], values)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let items = x.shape[0]
    let width = classEmbedding.count
    let tokens = Tensor.concatenated(
      [classEmbedding.expanded(to: [items, 1, width]), patches(x).reshaped([items, -1, width])], axis: 1)
    let h = transformer(inputNorm(tokens + positionalEmbedding))
    return outputNorm(h.narrowed(1, 0..<1).reshaped([items, width])).matmul(projection)
  }
}
