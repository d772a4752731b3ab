import Tensors

/// Who is in a picture, as a unit vector: pictures of one person are close, of two people far apart.
public final class IdentityNetwork: IdentityModel {
  public struct Configuration: NetworkConfiguration {
    /// Height and width of its pictures, in pixels.
    public var resolution: Int
    /// Channels after each halving of the resolution.
    public var widths: [Int]
    public var groups: Int
    /// Width of the vector.
    public var embedDim: Int

    public init(resolution: Int = 64, widths: [Int] = [32, 64, 96, 160], groups: Int = 8, embedDim: Int = 128) {
      self.resolution = resolution
      self.widths = widths
      self.groups = groups
      self.embedDim = embedDim
    }

    public var problem: String? {
      if let problem = ResidualEncoder.problem(widths: widths, groups: groups) { return problem }
      if resolution < 1 || resolution % (1 << widths.count) != 0 {
        return "a resolution of \(resolution) cannot be halved \(widths.count) times"
      }
      return embedDim > 0 ? nil : "embedDim must be positive"
    }
  }

  public static let architecture = "identity"
  public let configuration: Configuration
  public let parameters: ParameterSet

  private let encoder: ResidualEncoder
  private let output: Linear

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let widths = configuration.widths
    let side = configuration.resolution >> widths.count
    encoder = ResidualEncoder(root["encoder"], widths: widths, groups: configuration.groups)
    output = Linear(root["output"], side * side * widths[widths.count - 1], configuration.embedDim)
  }

  public func requirement(unmetByHeight height: Int, width: Int) -> String? {
    let side = configuration.resolution
    return height == side && width == side ? nil : "of \(side)×\(side)"
  }

  /// Unit vectors [N, embedDim] of pictures [N, H, W, 3] in [−1, 1], H and W being the resolution.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    precondition(x.shape.dropFirst() == [configuration.resolution, configuration.resolution, 3], "pictures \(x.shape)")
    return output(encoder(x).reshaped([x.shape[0], -1])).normalizedRows(eps: 1e-12)
  }
}
