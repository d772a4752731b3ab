import Checkpoints
import Foundation
import Kernels
import OrderedCollections
import Tensors

/// A model in a file of its authors, recognized: which network it is, and where each of its parameters lies.
public struct PublishedModel {
  /// What the file is, for people: "official DDPM checkpoint".
  public let format: String
  public let purpose: NetworkPurpose
  /// The network without values: its configuration, and its parameters' names and shapes.
  public let network: any Network
  /// What was left out or assumed, a clause for each.
  public let notes: [String]
  /// How the file differs from what the network needs, under the file's names; empty where it fits.
  public let differences: [NetworkError.Difference]
  /// The file's name, for messages.
  public let source: String

  private let parameters: OrderedDictionary<String, PublishedTensors.Parameter>

  init(_ network: any Network, _ tensors: PublishedTensors, _ format: PublishedFormat, notes: [String]) {
    self.init(network, tensors, format.name, format.purpose, ignored: format.ignored, notes: notes)
  }

  init(
    _ network: any Network, _ tensors: PublishedTensors, _ format: String, _ purpose: NetworkPurpose,
    ignored patterns: [KeyPattern] = [], notes: [String] = []
  ) {
    self.network = network
    self.format = format
    self.purpose = purpose
    source = tensors.state.source
    var parameters: OrderedDictionary<String, PublishedTensors.Parameter> = [:]
    var differences: [NetworkError.Difference] = []
    var used: Set<String> = []
    for (name, parameter) in network.parameters.parameters {
      let expected = parameter.layout.checkpointShape(parameter.tensor.shape)
      guard let found = tensors.parameter(name) else {
        differences.append(.init(name: tensors.expectedName(name), expected: expected, found: nil))
        continue
      }
      used.formUnion(found.names)
      // Axes of size 1 come and go between formats: a 1×1 convolution is a matrix.
      if let shape = found.shape, shape.filter({ $0 != 1 }) == expected.filter({ $0 != 1 }) {
        parameters[name] = found
      } else {
        differences.append(
          .init(
            name: found.names.joined(separator: " + "), expected: found.isTransposed ? expected.reversed() : expected,
            found: found.parts.count == 1 ? found.parts[0].shape : found.shape ?? found.parts[0].shape))
      }
    }
    var ignored = 0
    for (name, tensor) in tensors.state.tensors where !used.contains(name) {
      if name.hasSuffix("num_batches_tracked") || patterns.contains(where: { $0.matches(name) }) {
        ignored += 1
      } else {
        differences.append(.init(name: name, expected: nil, found: tensor.shape))
      }
    }
    self.parameters = parameters
    self.differences = differences
    self.notes =
      notes
      + (ignored > 0 ? ["left out \(ignored) \(ignored == 1 ? "tensor that is" : "tensors that are") not used"] : [])
  }

  /// How texts are cleaned for a CLIP in the code that the file is from.
  public var cleaning: Tokenizer.Cleaning { format == PublishedFormat.huggingFaceCLIP.name ? .huggingFace : .openai }

  /// A file's bytes that describe the network and hold its values, as float32 unless told otherwise. Besides them, one
  /// tensor at a time is in memory.
  /// - Throws: ``NetworkError/parametersDoNotFit(source:_:)``, which lists every difference;
  ///   ``NetworkError/notFinite(source:tensor:place:value:)``; ``CheckpointError``.
  public func checkpointData(
    metadata: [String: String] = [:], precision: Safetensors.Precision = .float32
  ) throws -> Data {
    guard differences.isEmpty else { throw NetworkError.parametersDoNotFit(source: source, differences) }
    let description = try network.description(metadata: metadata)
    var problem: NetworkError?
    let entries = network.parameters.parameters.map { name, parameter in
      let shape = parameter.layout.checkpointShape(parameter.tensor.shape)
      return Safetensors.LazyTensor(name: name, shape: shape) {
        // Large tensors of many sizes would each leave a block in the pool.
        if shape.reduce(1, *) > 1 << 20 { MemoryPool.shared.trim() }
        guard problem == nil, let found = parameters[name] else { return .zeros(shape) }
        do throws(NetworkError) { return try finite(found).reshaped(shape) } catch {
          problem = error
          return .zeros(shape)
        }
      }
    }
    let data = try Safetensors.data(of: entries, metadata: description, source: source, precision: precision)
    if let problem { throw problem }
    return data
  }

  /// The values of a parameter.
  /// - Throws: ``NetworkError/notFinite(source:tensor:place:value:)``.
  private func finite(_ parameter: PublishedTensors.Parameter) throws(NetworkError) -> Tensor {
    let tensor = parameter.tensor
    guard let (place, value) = tensor.firstNonFinite else { return tensor }
    throw .notFinite(source: source, tensor: parameter.names.joined(separator: " + "), place: place, value: value)
  }

  /// Sees that all values are numbers, one tensor at a time.
  /// - Throws: ``NetworkError/notFinite(source:tensor:place:value:)``.
  public func checkValues() throws(NetworkError) {
    for parameter in parameters.values { _ = try finite(parameter) }
  }

  /// The network with its values.
  /// - Throws: ``NetworkError/parametersDoNotFit(source:_:)``, which lists every difference;
  ///   ``NetworkError/notFinite(source:tensor:place:value:)``.
  public func loaded() throws(NetworkError) -> any Network {
    guard differences.isEmpty else { throw .parametersDoNotFit(source: source, differences) }
    let network = try network.unset()
    for (name, parameter) in network.parameters.parameters {
      guard let found = parameters[name] else { continue }
      let shape = parameter.layout.checkpointShape(parameter.tensor.shape)
      parameter.tensor.assign(
        parameter.layout.fromCheckpoint(try finite(found).reshaped(shape)).converted(to: parameter.tensor.type))
    }
    return network
  }
}
