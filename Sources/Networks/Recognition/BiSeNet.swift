import Tensors

/// The bilateral segmentation network (Yu et al. 2018) over a ResNet-18, as it is published for parsing faces into 19
/// classes (CelebAMask-HQ, `79999_iter.pth`, whose parameter names it has).
public final class BiSeNet: SegmentationModel {
  public struct Configuration: NetworkConfiguration {
    public var classes: [String]
    /// Height and width at which it works, in pixels.
    public var resolution: Int
    /// Channels of the ResNet's first stage; each of the three others doubles them.
    public var width: Int

    public init(classes: [String] = BiSeNet.faceParts, resolution: Int = 512, width: Int = 64) {
      self.classes = classes
      self.resolution = resolution
      self.width = width
    }

    public var problem: String? {
      if classes.isEmpty || classes.count > 1 << 12 { return "1 to 4096 classes are needed" }
      if resolution < 32 || resolution % 32 != 0 || resolution > 1 << 13 {
        return "the resolution must be a multiple of 32"
      }
      return width > 0 && width % 2 == 0 && width <= 1 << 10 ? nil : "the width must be even and positive"
    }
  }

  /// CelebAMask-HQ's classes, in the order of the published weights.
  public static let faceParts = [
    "background", "skin", "left brow", "right brow", "left eye", "right eye", "glasses", "left ear", "right ear",
    "earring", "nose", "mouth", "upper lip", "lower lip", "neck", "necklace", "cloth", "hair", "hat",
  ]

  public static let architecture = "bisenet"
  public let configuration: Configuration
  public let parameters: ParameterSet
  public var classes: [String] { configuration.classes }

  private let stem: (convolution: Conv2d, norm: BatchNorm)
  private let stages: [[BasicBlock]]
  private let refine16: Refinement, refine32: Refinement
  private let head16: ConvNormReLU, head32: ConvNormReLU
  private let average: ConvNormReLU
  private let fusion: Fusion
  private let outputBlock: ConvNormReLU
  private let output: Conv2d

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let width = configuration.width
    let context = root["cp"]
    let resnet = context["resnet"]
    stem = (
      Conv2d(resnet["conv1"], 3, width, kernel: 7, stride: 2, padding: .all(3), bias: false),
      BatchNorm(resnet["bn1"], width)
    )
    stages = (0..<4).map { stage in
      let outputs = width << stage
      return (0..<2).map { index in
        BasicBlock(
          resnet["layer\(stage + 1)"][index], index == 0 && stage > 0 ? outputs / 2 : outputs, outputs,
          stride: index == 0 && stage > 0 ? 2 : 1)
      }
    }
    let middle = 2 * width
    refine16 = Refinement(context["arm16"], 4 * width, middle)
    refine32 = Refinement(context["arm32"], 8 * width, middle)
    head32 = ConvNormReLU(context["conv_head32"], middle, middle, kernel: 3)
    head16 = ConvNormReLU(context["conv_head16"], middle, middle, kernel: 3)
    average = ConvNormReLU(context["conv_avg"], 8 * width, middle, kernel: 1)
    fusion = Fusion(root["ffm"], 2 * middle)
    outputBlock = ConvNormReLU(root["conv_out"]["conv"], 2 * middle, 2 * middle, kernel: 3)
    output = Conv2d(root["conv_out"]["conv_out"], 2 * middle, configuration.classes.count, kernel: 1, bias: false)
  }

  /// Logits [N, R, R, K] at the network's own resolution R.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let side = configuration.resolution
    return logits(x.resizedBilinear(height: side, width: side, corners: false).normalizedForImageNet())
  }

  /// Logits [N, H, W, K] of pictures as ImageNet's networks take them, whose sides are multiples of 32.
  public func logits(_ x: Tensor) -> Tensor {
    let start = stem.norm(stem.convolution(x)).relu().padded(.all(1)).maxPooled(size: 3, stride: 2)
    let first = stages[0].reduce(start) { $1($0) }
    let eighth = stages[1].reduce(first) { $1($0) }
    let sixteenth = stages[2].reduce(eighth) { $1($0) }
    let lowest = stages[3].reduce(sixteenth) { $1($0) }

    func grown(_ x: Tensor, like other: Tensor) -> Tensor {
      x.resizedNearest(height: other.shape[1], width: other.shape[2])
    }
    let low = refine32(lowest) + average(lowest.averagedOverPixels)
    let middle = refine16(sixteenth) + head32(grown(low, like: sixteenth))
    let high = head16(grown(middle, like: eighth))
    return output(outputBlock(fusion(eighth, high)))
      .resizedBilinear(height: x.shape[1], width: x.shape[2], corners: true)
  }

  /// ReLU(shortcut(x) + norm2(conv2(ReLU(norm1(conv1(x)))))) (He et al. 2016).
  private struct BasicBlock {
    let conv1: Conv2d, conv2: Conv2d
    let norm1: BatchNorm, norm2: BatchNorm
    let shortcut: (convolution: Conv2d, norm: BatchNorm)?

    init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int, stride: Int) {
      conv1 = Conv2d(scope["conv1"], inputs, outputs, kernel: 3, stride: stride, padding: .all(1), bias: false)
      norm1 = BatchNorm(scope["bn1"], outputs)
      conv2 = Conv2d(scope["conv2"], outputs, outputs, kernel: 3, padding: .all(1), bias: false)
      norm2 = BatchNorm(scope["bn2"], outputs)
      let side = scope["downsample"]
      shortcut =
        inputs == outputs && stride == 1
        ? nil
        : (Conv2d(side[0], inputs, outputs, kernel: 1, stride: stride, bias: false), BatchNorm(side[1], outputs))
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
      let h = norm2(conv2(norm1(conv1(x)).relu()))
      return ((shortcut.map { $0.norm($0.convolution(x)) } ?? x) + h).relu()
    }
  }

  /// Features, each channel times a gate that all pixels decide.
  private struct Refinement {
    let block: ConvNormReLU
    let attention: Conv2d
    let norm: BatchNorm

    init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int) {
      block = ConvNormReLU(scope["conv"], inputs, outputs, kernel: 3)
      attention = Conv2d(scope["conv_atten"], outputs, outputs, kernel: 1, bias: false)
      norm = BatchNorm(scope["bn_atten"], outputs)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
      let h = block(x)
      return h * norm(attention(h.averagedOverPixels)).sigmoid()
    }
  }

  /// Detail and context together: h + h·gate.
  private struct Fusion {
    let block: ConvNormReLU
    let narrow: Conv2d, widen: Conv2d

    init(_ scope: ParameterScope, _ channels: Int) {
      block = ConvNormReLU(scope["convblk"], channels, channels, kernel: 1)
      narrow = Conv2d(scope["conv1"], channels, channels / 4, kernel: 1, bias: false)
      widen = Conv2d(scope["conv2"], channels / 4, channels, kernel: 1, bias: false)
    }

    func callAsFunction(_ detail: Tensor, _ context: Tensor) -> Tensor {
      let h = block(.concatenated([detail, context], axis: -1))
      return h + h * widen(narrow(h.averagedOverPixels).relu()).sigmoid()
    }
  }
}
