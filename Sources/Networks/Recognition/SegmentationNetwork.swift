import Tensors

/// What each pixel of a picture shows: an encoder and a decoder whose levels are added (as in Chaurasia & Culurciello
/// 2017).
public final class SegmentationNetwork: SegmentationModel {
  public struct Configuration: NetworkConfiguration {
    /// The names of the classes, in the order of the logits.
    public var classes: [String]
    /// Channels of each level; all but the first halve the resolution.
    public var widths: [Int]
    public var groups: Int

    public init(classes: [String], widths: [Int] = [32, 32, 64, 96], groups: Int = 8) {
      self.classes = classes
      self.widths = widths
      self.groups = groups
    }

    public var problem: String? {
      classes.isEmpty ? "there are no classes" : ResidualEncoder.problem(widths: widths, groups: groups)
    }
  }

  public static let architecture = "segmentation"
  public let configuration: Configuration
  public let parameters: ParameterSet

  private let input: Conv2d
  private let down: [Layer]
  /// From the lowest level up.
  private let up: [(narrow: Linear, layer: Layer)]
  private let norm: GroupNorm
  private let output: Linear

  /// conv(SiLU(norm(x)))
  private struct Layer {
    let norm: GroupNorm
    let convolution: Conv2d

    init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int, stride: Int, groups: Int) {
      norm = GroupNorm(scope["norm"], inputs, groups: groups, eps: recognitionEps)
      convolution = Conv2d(scope["conv"], inputs, outputs, kernel: 3, stride: stride, padding: .all(1))
    }

    func callAsFunction(_ x: Tensor) -> Tensor { convolution(norm(x, silu: true)) }
  }

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let widths = configuration.widths
    let groups = configuration.groups
    input = Conv2d(root["input"], 3, widths[0], kernel: 3, padding: .all(1))
    down = (1..<widths.count).map {
      Layer(root["down"][$0 - 1], widths[$0 - 1], widths[$0], stride: 2, groups: groups)
    }
    up = (1..<widths.count).reversed().map {
      let scope = root["up"][$0 - 1]
      let width = widths[$0 - 1]
      return (
        Linear(scope["narrow"], widths[$0], width, pointwise: true),
        Layer(scope, width, width, stride: 1, groups: groups)
      )
    }
    norm = GroupNorm(root["norm"], widths[0], groups: groups, eps: recognitionEps)
    output = Linear(root["output"], widths[0], configuration.classes.count, pointwise: true)
  }

  public var classes: [String] { configuration.classes }

  public func requirement(unmetByHeight height: Int, width: Int) -> String? {
    Networks.requirement(unmetByHalving: configuration.widths.count - 1, height: height, width: width)
  }

  /// Logits [N, H, W, K] of pictures [N, H, W, 3] in [−1, 1] whose sides can be halved once per level.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    var levels = [input(x)]
    for layer in down { levels.append(layer(levels[levels.count - 1])) }
    var h = levels.removeLast()
    for step in up {
      let wide = step.narrow(h).upsampledNearest2x() + levels.removeLast()
      h = wide + step.layer(wide)
    }
    return output(norm(h, silu: true))
  }
}
