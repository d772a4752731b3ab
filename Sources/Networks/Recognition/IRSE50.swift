import Tensors

/// ArcFace's network with squeeze and excitation (Deng et al. 2019; Hu et al. 2018): who is in a picture of a face.
///
/// Parameters have the names of the published `model_ir_se50.pth`.
public final class IRSE50: IdentityModel {
  public struct Configuration: NetworkConfiguration {
    /// The units of each stage; the first of each halves the resolution.
    public var units: [Int]
    /// Channels of each stage.
    public var widths: [Int]
    /// Width of the vector.
    public var embedDim: Int
    /// By what squeezing divides the channels.
    public var reduction: Int

    public init(
      units: [Int] = [3, 4, 14, 3], widths: [Int] = [64, 128, 256, 512], embedDim: Int = 512, reduction: Int = 16
    ) {
      self.units = units
      self.widths = widths
      self.embedDim = embedDim
      self.reduction = reduction
    }

    public var problem: String? {
      if units.count != 4 || widths.count != 4 { return "4 stages are needed" }
      if (units + widths + [embedDim, reduction]).contains(where: { $0 < 1 || $0 > 1 << 14 })
        || units.contains(where: { $0 > 256 })
      {
        return "sizes must be positive"
      }
      return widths.allSatisfy { $0 % reduction == 0 } ? nil : "widths must be multiples of \(reduction)"
    }
  }

  public static let architecture = "ir-se50"
  public let configuration: Configuration
  public let parameters: ParameterSet

  private let input: (convolution: Conv2d, norm: BatchNorm, activation: PReLU)
  private let body: [Unit]
  private let norm: BatchNorm
  private let output: Linear
  private let outputNorm: BatchNorm

  /// Height and width of a face as the body sees it.
  private static let side = 112

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    let widths = configuration.widths
    let first = root["input_layer"]
    input = (
      Conv2d(first[0], 3, widths[0], kernel: 3, padding: .all(1), bias: false), BatchNorm(first[1], widths[0]),
      PReLU(first[2], widths[0])
    )
    var current = widths[0]
    var units: [Unit] = []
    for (width, count) in zip(widths, configuration.units) {
      for index in 0..<count {
        units.append(
          Unit(
            root["body"][units.count], current, width, stride: index == 0 ? 2 : 1, reduction: configuration.reduction))
        current = width
      }
    }
    body = units
    let last = root["output_layer"]
    let rest = Self.side >> configuration.units.count
    norm = BatchNorm(last[0], current)
    output = Linear(last[3], current * rest * rest, configuration.embedDim)
    outputNorm = BatchNorm(last[4], configuration.embedDim)
  }

  /// Aligned portraits are square.
  public func requirement(unmetByHeight height: Int, width: Int) -> String? { height == width ? nil : "square" }

  public func callAsFunction(_ x: Tensor) -> Tensor { embedding(ofFaces: cropped(x)) }

  /// Unit vectors [N, D] of faces [N, 112, 112, 3] in [−1, 1].
  public func embedding(ofFaces x: Tensor) -> Tensor {
    let start = input.activation(input.norm(input.convolution(x)))
    let features = norm(body.reduce(start) { $1($0) })
    // The published weights take channels before pixels.
    let flat = features.permuted([0, 3, 1, 2]).reshaped([x.shape[0], -1])
    return outputNorm(output(flat)).normalizedRows(eps: 1e-24)
  }

  /// The face in an aligned portrait, as the official code cuts it: at 256², rows 35 to 222 and columns 32 to 219, then
  /// averaged to 112².
  public func cropped(_ x: Tensor) -> Tensor {
    let whole = x.shape[1] == 256 && x.shape[2] == 256 ? x : x.averagePooled(height: 256, width: 256)
    return whole.narrowed(1, 35..<223).narrowed(2, 32..<220).averagePooled(height: Self.side, width: Self.side)
  }

  /// shortcut(x) + excite(norm2(conv2(PReLU(conv1(norm1(x)))))), conv2 with the stride.
  private struct Unit {
    let norm1: BatchNorm
    let conv1: Conv2d
    let activation: PReLU
    let conv2: Conv2d
    let norm2: BatchNorm
    let squeeze: Conv2d, excite: Conv2d
    /// Where channels change.
    let shortcut: (convolution: Conv2d, norm: BatchNorm)?
    let stride: Int

    init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int, stride: Int, reduction: Int) {
      let main = scope["res_layer"]
      norm1 = BatchNorm(main[0], inputs)
      conv1 = Conv2d(main[1], inputs, outputs, kernel: 3, padding: .all(1), bias: false)
      activation = PReLU(main[2], outputs)
      conv2 = Conv2d(main[3], outputs, outputs, kernel: 3, stride: stride, padding: .all(1), bias: false)
      norm2 = BatchNorm(main[4], outputs)
      squeeze = Conv2d(main[5]["fc1"], outputs, outputs / reduction, kernel: 1, bias: false)
      excite = Conv2d(main[5]["fc2"], outputs / reduction, outputs, kernel: 1, bias: false)
      let side = scope["shortcut_layer"]
      shortcut =
        inputs == outputs
        ? nil
        : (Conv2d(side[0], inputs, outputs, kernel: 1, stride: stride, bias: false), BatchNorm(side[1], outputs))
      self.stride = stride
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
      let h = norm2(conv2(activation(conv1(norm1(x)))))
      let gate = excite(squeeze(h.averagedOverPixels).relu()).sigmoid()
      let skip = shortcut.map { $0.norm($0.convolution(x)) } ?? x.subsampled(stride)
      return skip + h * gate
    }
  }
}
