import Tensors

/// How different two pictures look: the distance of LPIPS (Zhang et al. 2018) over the features of a small stack of
/// convolutions with ReLU, which is first trained as a classifier.
public final class PerceptualNetwork: PerceptualModel {
  public struct Configuration: NetworkConfiguration {
    /// Channels of each stage; all but the first halve the resolution.
    public var widths: [Int]
    /// Convolutions of each stage; features are taken after the last.
    public var convolutions: [Int]
    /// What it is trained to tell.
    public var heads: [ClassificationHead]

    public init(
      widths: [Int] = [32, 32, 64, 96, 128], convolutions: [Int] = [1, 1, 2, 1, 1], heads: [ClassificationHead] = []
    ) {
      self.widths = widths
      self.convolutions = convolutions
      self.heads = heads
    }

    public var problem: String? {
      if widths.isEmpty || widths.count != convolutions.count || widths.count > 8 {
        return "1 to 8 widths and as many counts of convolutions are needed"
      }
      if (widths + convolutions).contains(where: { $0 < 1 || $0 > 1 << 14 })
        || convolutions.contains(where: { $0 > 256 })
      {
        return "sizes must be positive"
      }
      return ClassificationHead.problem(heads)
    }
  }

  public static let architecture = "perceptual"
  public let configuration: Configuration
  public let parameters: ParameterSet

  private let stages: [[Conv2d]]
  /// Of each channel of each stage.
  private let importance: [Tensor]
  private let heads: ClassificationHeads

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let widths = configuration.widths
    stages = widths.indices.map { stage in
      (0..<configuration.convolutions[stage]).map { index in
        let inputs = index > 0 ? widths[stage] : stage > 0 ? widths[stage - 1] : 3
        return Conv2d(
          root["stages"][stage][index], inputs, widths[stage], kernel: 3, stride: stage > 0 && index == 0 ? 2 : 1,
          padding: .all(1), weights: .he(fanIn: 9 * inputs))
      }
    }
    importance = widths.enumerated().map {
      root["importance"].parameter("\($0)", [$1], .constant(1 / Double(widths.count)))
    }
    heads = ClassificationHeads(root["heads"], widths[widths.count - 1], configuration.heads)
  }

  /// The features [N, H, W, C] of each stage, of pictures [N, H, W, 3] in [−1, 1].
  public func features(_ x: Tensor) -> [Tensor] {
    var features: [Tensor] = []
    var h = x
    for stage in stages {
      for convolution in stage { h = convolution(h).relu() }
      features.append(h)
    }
    return features
  }

  /// Logits [N, K] for each head, to train it by.
  public func logits(_ x: Tensor) -> [Tensor] {
    features(x).last.map { heads($0) } ?? []
  }

  /// As ``perceptualDistance(_:_:importance:eps:)`` has it, with what of the learned weights is not negative.
  public func distance(_ a: Tensor, _ b: Tensor) -> Tensor {
    perceptualDistance(features(a), features(b), importance: importance.map { $0.relu() }, eps: 1e-10)
  }
}
