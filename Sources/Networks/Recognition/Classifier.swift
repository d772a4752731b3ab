import Tensors

/// A classifier of attributes that guides nothing and only scores.
public final class Classifier: PictureNetwork {
  public struct Configuration: NetworkConfiguration {
    /// What it tells, in the order of its results.
    public var heads: [ClassificationHead]
    /// Channels after each halving of the resolution.
    public var widths: [Int]
    public var groups: Int

    public init(heads: [ClassificationHead], widths: [Int] = [32, 64, 96, 160], groups: Int = 8) {
      self.heads = heads
      self.widths = widths
      self.groups = groups
    }

    public var problem: String? {
      heads.isEmpty
        ? "there are no heads"
        : ClassificationHead.problem(heads)
          ?? ResidualEncoder.problem(widths: widths, groups: groups)
    }
  }

  public static let architecture = "classifier"
  public let configuration: Configuration
  public let parameters: ParameterSet

  private let encoder: ResidualEncoder
  private let heads: ClassificationHeads

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let widths = configuration.widths
    encoder = ResidualEncoder(root["encoder"], widths: widths, groups: configuration.groups)
    heads = ClassificationHeads(root["heads"], widths[widths.count - 1], configuration.heads)
  }

  public func requirement(unmetByHeight height: Int, width: Int) -> String? {
    Networks.requirement(unmetByHalving: configuration.widths.count, height: height, width: width)
  }

  /// Logits [N, K] for each head, of pictures [N, H, W, 3] in [−1, 1].
  public func callAsFunction(_ x: Tensor) -> [Tensor] { heads(encoder(x)) }
}
