import Tensors

/// The learned perceptual distance LPIPS v0.1 (Zhang et al. 2018) over one of three published networks.
///
/// Parameters have the names of torchvision's networks and of the package `lpips`.
public final class LPIPS: PerceptualModel {
  public struct Configuration: NetworkConfiguration {
    public enum Trunk: String, Codable, Sendable, CaseIterable {
      case alex, vgg, squeeze
    }
    public var trunk: Trunk
    /// What the channels of the published trunk are divided by, for tests.
    public var divisor: Int

    public init(trunk: Trunk, divisor: Int = 1) {
      self.trunk = trunk
      self.divisor = divisor
    }

    public var problem: String? { divisor > 0 && 16 % divisor == 0 ? nil : "the divisor must divide 16" }
  }

  /// A layer of a trunk, with its place among torchvision's `features`.
  private enum Layer {
    case convolution(Int, channels: Int, kernel: Int, stride: Int, padding: Int)
    case fire(Int, squeeze: Int, expand: Int)
    /// `ceiling`: whether a window that reaches over the edge counts.
    case pool(size: Int, ceiling: Bool)
    /// Features are compared here.
    case tap
  }

  private static func layers(_ trunk: Configuration.Trunk) -> [Layer] {
    func small(_ place: Int, _ channels: Int) -> Layer {
      .convolution(place, channels: channels, kernel: 3, stride: 1, padding: 1)
    }
    switch trunk {
    case .alex:
      let pool = Layer.pool(size: 3, ceiling: false)
      return [
        .convolution(0, channels: 64, kernel: 11, stride: 4, padding: 2), .tap, pool,
        .convolution(3, channels: 192, kernel: 5, stride: 1, padding: 2), .tap, pool, small(6, 384), .tap,
        small(8, 256), .tap, small(10, 256), .tap,
      ]
    case .vgg:
      let pool = Layer.pool(size: 2, ceiling: false)
      return [
        small(0, 64), small(2, 64), .tap, pool, small(5, 128), small(7, 128), .tap, pool, small(10, 256),
        small(12, 256), small(14, 256), .tap, pool, small(17, 512), small(19, 512), small(21, 512), .tap, pool,
        small(24, 512), small(26, 512), small(28, 512), .tap,
      ]
    case .squeeze:
      let pool = Layer.pool(size: 3, ceiling: true)
      return [
        .convolution(0, channels: 64, kernel: 3, stride: 2, padding: 0), .tap, pool,
        .fire(3, squeeze: 16, expand: 64), .fire(4, squeeze: 16, expand: 64), .tap, pool,
        .fire(6, squeeze: 32, expand: 128), .fire(7, squeeze: 32, expand: 128), .tap, pool,
        .fire(9, squeeze: 48, expand: 192), .tap, .fire(10, squeeze: 48, expand: 192), .tap,
        .fire(11, squeeze: 64, expand: 256), .tap, .fire(12, squeeze: 64, expand: 256), .tap,
      ]
    }
  }

  public static let architecture = "lpips"
  public let configuration: Configuration
  public let parameters: ParameterSet

  /// Each maps [N, H, W, C] to features; nil where they are compared.
  private let trunk: [((Tensor) -> Tensor)?]
  /// Of each channel where features are compared, [1, C, 1, 1].
  private let importance: [Tensor]

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let features = root["features"]
    var current = 3
    var importance: [Tensor] = []
    var trunk: [((Tensor) -> Tensor)?] = []
    for layer in Self.layers(configuration.trunk) {
      switch layer {
      case .convolution(let place, let published, let kernel, let stride, let padding):
        let channels = published / configuration.divisor
        let convolution = Conv2d(
          features[place], current, channels, kernel: kernel, stride: stride, padding: .all(padding))
        trunk.append { convolution($0).relu() }
        current = channels
      case .fire(let place, let squeeze, let expand):
        let fire = Fire(features[place], current, squeeze / configuration.divisor, expand / configuration.divisor)
        trunk.append { fire($0) }
        current = 2 * expand / configuration.divisor
      case .pool(let size, let ceiling): trunk.append { $0.maxPooled(size: size, stride: 2, ceiling: ceiling) }
      case .tap:
        let scope = root["lin\(importance.count)"]["model"][1]
        importance.append(scope.parameter("weight", [1, current, 1, 1], .constant(1 / Double(current))))
        trunk.append(nil)
      }
    }
    self.trunk = trunk
    self.importance = importance
  }

  public func requirement(unmetByHeight height: Int, width: Int) -> String? {
    // Below these nothing is left of the picture behind the last pooling.
    let least =
      switch configuration.trunk {
      case .alex: 31
      case .vgg: 16
      case .squeeze: 17
      }
    return min(height, width) >= least ? nil : "of at least \(least)×\(least)"
  }

  /// The features [N, H, W, C] that are compared, of pictures [N, H, W, 3] in [−1, 1].
  public func features(_ x: Tensor) -> [Tensor] {
    func constant(_ values: [Double]) -> Tensor { .constant(values, shape: [3], like: x) }
    var h = (x - constant([-0.030, -0.088, -0.188])) / constant([0.458, 0.448, 0.450])
    var features: [Tensor] = []
    for layer in trunk {
      if let layer { h = layer(h) } else { features.append(h) }
    }
    return features
  }

  /// As ``perceptualDistance(_:_:importance:eps:)`` has it; the published weights are not negative.
  public func distance(_ a: Tensor, _ b: Tensor) -> Tensor {
    perceptualDistance(features(a), features(b), importance: importance, eps: 1e-20)
  }

  /// SqueezeNet's module (Iandola et al. 2016): 1×1 and 3×3 convolutions of few channels, side by side.
  private struct Fire {
    let squeeze: Conv2d
    let small: Conv2d
    let large: Conv2d

    init(_ scope: ParameterScope, _ inputs: Int, _ squeezed: Int, _ outputs: Int) {
      squeeze = Conv2d(scope["squeeze"], inputs, squeezed, kernel: 1)
      small = Conv2d(scope["expand1x1"], squeezed, outputs, kernel: 1)
      large = Conv2d(scope["expand3x3"], squeezed, outputs, kernel: 3, padding: .all(1))
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
      let h = squeeze(x).relu()
      return .concatenated([small(h).relu(), large(h).relu()], axis: -1)
    }
  }
}
