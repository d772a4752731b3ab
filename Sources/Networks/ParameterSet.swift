import Checkpoints
import Kernels
import OrderedCollections
import Tensors

/// The parameters of a network, in the order in which its layers asked for them, under their checkpoint names.
public final class ParameterSet {
  /// One learned tensor.
  public struct Parameter {
    /// In the engine's layout.
    public let tensor: Tensor
    public let layout: ParameterLayout
  }

  public private(set) var parameters: OrderedDictionary<String, Parameter> = [:]
  private let initialization: Initialization
  private let type: ScalarType

  public init(_ initialization: Initialization, type: ScalarType = .float32) {
    self.initialization = initialization
    self.type = type
  }

  /// Where a network's layers register their parameters.
  public var root: ParameterScope { ParameterScope(set: self, path: "") }

  /// Every parameter, in order: what an optimizer works on.
  public var tensors: [Tensor] { parameters.values.map(\.tensor) }

  /// How many numbers all parameters have together.
  public var count: Int { parameters.values.reduce(0) { $0 + $1.tensor.count } }

  /// Turns learning on or off for all parameters.
  public func setRequiresGradient(_ flag: Bool) {
    for parameter in parameters.values { parameter.tensor.setRequiresGradient(flag) }
  }

  fileprivate func add(_ name: String, _ shape: [Int], _ layout: ParameterLayout, _ values: InitialValues) -> Tensor {
    precondition(parameters[name] == nil, "two parameters are called \(name)")
    let tensor =
      switch initialization {
      case .random(let seed): values.drawn(shape, RandomSource(seed: seed, name: name)).converted(to: type)
      case .unset: Tensor(uninitialized: shape, type: type, on: type == .float32 ? GPU.current : nil)
      case .described: Tensor(withoutValues: shape, type: type)
      }
    tensor.setRequiresGradient(true)
    parameters[name] = Parameter(tensor: tensor, layout: layout)
    return tensor
  }

  // MARK: Checkpoints

  /// All values as float32 in checkpoint layout.
  public func state() -> OrderedDictionary<String, Tensor> {
    parameters.mapValues { $0.layout.toCheckpoint($0.tensor.detached).converted(to: .float32) }
  }

  /// Takes all values from a checkpoint, whose names and shapes must be exactly these.
  /// - Throws: ``NetworkError/parametersDoNotFit(source:_:)``, which lists every difference.
  public func load(_ state: CheckpointTensors) throws(NetworkError) {
    try check(state)
    for (name, tensor) in state.tensors {
      guard let parameter = parameters[name] else { continue }
      Self.copy(parameter.layout.fromCheckpoint(tensor.detached), to: parameter.tensor)
    }
  }

  /// - Throws: as ``load(_:)`` does.
  func check(_ state: CheckpointTensors) throws(NetworkError) {
    var differences: [NetworkError.Difference] = []
    for (name, parameter) in parameters {
      let expected = parameter.layout.checkpointShape(parameter.tensor.shape)
      let found = state.tensors[name]?.shape
      if found != expected { differences.append(.init(name: name, expected: expected, found: found)) }
    }
    for (name, tensor) in state.tensors where parameters[name] == nil {
      differences.append(.init(name: name, expected: nil, found: tensor.shape))
    }
    guard differences.isEmpty else { throw .parametersDoNotFit(source: state.source, differences) }
  }

  /// Takes all values from another set of the same network.
  public func copyValues(from other: ParameterSet) {
    precondition(parameters.keys == other.parameters.keys, "the parameters of two different networks")
    for (target, source) in zip(tensors, other.tensors) { Self.copy(source, to: target) }
  }

  private static func copy(_ values: Tensor, to target: Tensor) {
    target.assign(values.converted(to: target.type))
  }
}

/// Where the first values of a network's parameters come from.
public enum Initialization: Sendable {
  /// As each layer asks for, from a stream of its own for each parameter, so that the order does not matter.
  case random(seed: UInt64)
  /// Nowhere, they hold arbitrary numbers: for a network that is about to be loaded.
  case unset
  /// Nowhere, and there is no room for them: for a network of which only names and shapes are asked.
  case described
}

/// How first values are drawn.
public enum InitialValues: Sendable {
  case constant(Double)
  /// Uniform in ±bound.
  case uniform(bound: Double)
  case normal(deviation: Double)

  /// What the last layer of a residual branch should start as.
  public static let zero = InitialValues.constant(0)

  /// Keeps the variance through layers that end in ReLU (He et al. 2015).
  public static func he(fanIn: Int) -> InitialValues { .normal(deviation: (2 / Double(fanIn)).squareRoot()) }

  /// PyTorch's default for convolutions and linear layers, weights and biases alike: ±1/√fan-in (kaiming_uniform with
  /// a = √5).
  public static func fanIn(_ count: Int) -> InitialValues { .uniform(bound: 1 / Double(count).squareRoot()) }

  func drawn(_ shape: [Int], _ source: RandomSource) -> Tensor {
    var source = source
    return switch self {
    case .constant(let value): Tensor(repeating: value, shape: shape)
    case .uniform(let bound): source.uniform(shape, in: -bound...bound)
    case .normal(let deviation): source.normal(shape) * deviation
    }
  }
}

/// The name that a layer's parameters have in a checkpoint, up to their own part of it.
public struct ParameterScope {
  let set: ParameterSet
  let path: String

  /// The scope of a part: "down" then "0" then "block" is "down.0.block".
  public subscript(_ part: String) -> ParameterScope {
    ParameterScope(set: set, path: path.isEmpty ? part : "\(path).\(part)")
  }

  public subscript(_ index: Int) -> ParameterScope { self["\(index)"] }

  /// Registers and returns a parameter of `shape`, in the engine's layout.
  public func parameter(
    _ name: String, _ shape: [Int], layout: ParameterLayout = .same, _ values: InitialValues
  ) -> Tensor {
    set.add(self[name].path, shape, layout, values)
  }
}

/// How a parameter's axes in the engine differ from those in a checkpoint.
public enum ParameterLayout: Sendable {
  case same
  /// Engine [height, width, in, out], checkpoint [out, in, height, width].
  case convolution
  /// Engine [out, in], checkpoint [out, in, 1, 1]: a 1×1 convolution run as a linear layer.
  case pointwise

  func checkpointShape(_ shape: [Int]) -> [Int] {
    switch self {
    case .same: shape
    case .convolution: [shape[3], shape[2], shape[0], shape[1]]
    case .pointwise: shape + [1, 1]
    }
  }

  package func toCheckpoint(_ tensor: Tensor) -> Tensor {
    switch self {
    case .same: tensor
    case .convolution: tensor.permuted([3, 2, 0, 1])
    case .pointwise: tensor.reshaped(tensor.shape + [1, 1])
    }
  }

  package func fromCheckpoint(_ tensor: Tensor) -> Tensor {
    switch self {
    case .same: tensor
    case .convolution: tensor.permuted([2, 3, 1, 0])
    case .pointwise: tensor.reshaped(Array(tensor.shape.prefix(2)))
    }
  }
}
