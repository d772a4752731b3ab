import Tensors

/// Multi-task cascaded convolutional networks that find faces and five landmarks of each (Zhang et al. 2016): one network
/// proposes squares at all places and scales, a second one refuses most of them, a third one decides and finds the
/// landmarks.
///
/// Parameters have the names that they have in facenet-pytorch's `MTCNN`.
public final class MTCNN: Network {
  /// There is one such network.
  public struct Configuration: NetworkConfiguration {
    public init() {}
    public var problem: String? { nil }
  }

  public static let architecture = "mtcnn"
  public let configuration: Configuration
  public let parameters: ParameterSet

  let proposal: ProposalNetwork
  let refinement: RefinementNetwork
  let output: OutputNetwork

  public init(checked configuration: Configuration, parameters: ParameterSet) {
    self.configuration = configuration
    self.parameters = parameters
    let root = parameters.root
    proposal = ProposalNetwork(root["pnet"])
    refinement = RefinementNetwork(root["rnet"])
    output = OutputNetwork(root["onet"])
  }
}

/// PReLU(convolution(x)), without padding.
private struct ConvPReLU {
  let convolution: Conv2d
  let activation: PReLU

  init(_ scope: ParameterScope, _ place: Int, _ inputs: Int, _ outputs: Int, kernel: Int) {
    convolution = Conv2d(scope["conv\(place)"], inputs, outputs, kernel: kernel)
    activation = PReLU(scope["prelu\(place)"], outputs)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { activation(convolution(x)) }
}

extension Tensor {
  /// [N, H, W, C] → [N, W·H·C], in the order in which the published weights take them.
  fileprivate var flattenedByColumns: Tensor { permuted([0, 2, 1, 3]).reshaped([shape[0], -1]) }
}

/// The first network, P-Net: pictures [N, H, W, 3] → what is seen in windows of 12×12 pixels at steps of 2.
struct ProposalNetwork {
  /// Pixels on a window's side, and from one to the next.
  static let window = 12, step = 2

  private let layers: [ConvPReLU]
  private let probability: Linear, box: Linear

  init(_ scope: ParameterScope) {
    layers = [
      ConvPReLU(scope, 1, 3, 10, kernel: 3), ConvPReLU(scope, 2, 10, 16, kernel: 3),
      ConvPReLU(scope, 3, 16, 32, kernel: 3),
    ]
    probability = Linear(scope["conv4_1"], 32, 2, pointwise: true)
    box = Linear(scope["conv4_2"], 32, 4, pointwise: true)
  }

  /// How many windows there are along a side.
  static func count(along side: Int) -> Int { (side - 1) / step - 4 }

  /// The probabilities [N, H', W', 2] that there is no face and that there is one; and how far its left, top, right and
  /// bottom edges lie from those of the window, in parts of it, [N, H', W', 4].
  func callAsFunction(_ x: Tensor) -> (probability: Tensor, box: Tensor) {
    let pooled = layers[0](x).maxPooled(size: 2, stride: 2, ceiling: true)
    let h = layers[2](layers[1](pooled))
    return (probability(h).softmax(), box(h))
  }
}

/// The second network, R-Net: pictures [N, 24, 24, 3] of proposals.
struct RefinementNetwork {
  static let side = 24

  private let layers: [ConvPReLU]
  private let dense: Linear
  private let activation: PReLU
  private let probability: Linear, box: Linear

  init(_ scope: ParameterScope) {
    layers = [
      ConvPReLU(scope, 1, 3, 28, kernel: 3), ConvPReLU(scope, 2, 28, 48, kernel: 3),
      ConvPReLU(scope, 3, 48, 64, kernel: 2),
    ]
    dense = Linear(scope["dense4"], 576, 128)
    activation = PReLU(scope["prelu4"], 128)
    probability = Linear(scope["dense5_1"], 128, 2)
    box = Linear(scope["dense5_2"], 128, 4)
  }

  /// Probabilities [N, 2] and edges [N, 4], as ``ProposalNetwork`` has them.
  func callAsFunction(_ x: Tensor) -> (probability: Tensor, box: Tensor) {
    let first = layers[0](x).maxPooled(size: 3, stride: 2, ceiling: true)
    let second = layers[1](first).maxPooled(size: 3, stride: 2, ceiling: true)
    let h = activation(dense(layers[2](second).flattenedByColumns))
    return (probability(h).softmax(), box(h))
  }
}

/// The third network, O-Net: pictures [N, 48, 48, 3] of what the second one let through.
struct OutputNetwork {
  static let side = 48

  private let layers: [ConvPReLU]
  private let dense: Linear
  private let activation: PReLU
  private let probability: Linear, box: Linear, landmarks: Linear

  init(_ scope: ParameterScope) {
    layers = [
      ConvPReLU(scope, 1, 3, 32, kernel: 3), ConvPReLU(scope, 2, 32, 64, kernel: 3),
      ConvPReLU(scope, 3, 64, 64, kernel: 3), ConvPReLU(scope, 4, 64, 128, kernel: 2),
    ]
    dense = Linear(scope["dense5"], 1152, 256)
    activation = PReLU(scope["prelu5"], 256)
    probability = Linear(scope["dense6_1"], 256, 2)
    box = Linear(scope["dense6_2"], 256, 4)
    landmarks = Linear(scope["dense6_3"], 256, 10)
  }

  /// Probabilities [N, 2] and edges [N, 4], as ``ProposalNetwork`` has them; and [N, 10], x then y of the five landmarks
  /// in parts of the square.
  func callAsFunction(_ x: Tensor) -> (probability: Tensor, box: Tensor, landmarks: Tensor) {
    let first = layers[0](x).maxPooled(size: 3, stride: 2, ceiling: true)
    let second = layers[1](first).maxPooled(size: 3, stride: 2, ceiling: true)
    let third = layers[2](second).maxPooled(size: 2, stride: 2, ceiling: true)
    let h = activation(dense(layers[3](third).flattenedByColumns))
    return (probability(h).softmax(), box(h), landmarks(h))
  }
}
