import Checkpoints
import Foundation
import Kernels
import Tensors

/// Everything but the parameters' values that makes a network what it is.
public protocol NetworkConfiguration: Codable, Sendable, Hashable {
  /// Why there is no such network, or nil.
  var problem: String? { get }
}

/// A network that a checkpoint can describe: its architecture's name, its configuration and its parameters.
public protocol Network: AnyObject {
  associatedtype Configuration: NetworkConfiguration

  /// The architecture's name in checkpoints.
  static var architecture: String { get }
  var configuration: Configuration { get }
  var parameters: ParameterSet { get }

  /// Makes the layers of a configuration without a problem, which take their parameters from the set under the keys of
  /// checkpoints.
  init(checked configuration: Configuration, parameters: ParameterSet)
}

/// The metadata entry that makes a checkpoint describe itself.
private struct Description<Configuration: Codable>: Codable {
  let name: String
  let configuration: Configuration
}

/// The metadata entry of any network.
private struct AnyDescription: Codable {
  let name: String
}

private let metadataEntry = "architecture"

extension Network {
  /// - Throws: ``NetworkError/badConfiguration(source:_:)`` where there is no such network.
  public init(
    _ configuration: Configuration, _ initialization: Initialization, type: ScalarType = .float32
  ) throws(NetworkError) {
    if let problem = configuration.problem { throw .badConfiguration(source: Self.architecture, problem) }
    self.init(checked: configuration, parameters: ParameterSet(initialization, type: type))
  }

  /// The network with its first values drawn from `seed`.
  public init(_ configuration: Configuration, seed: UInt64) throws(NetworkError) {
    try self.init(configuration, .random(seed: seed))
  }

  /// The network that a checkpoint describes and holds.
  /// - Throws: ``NetworkError`` where it is for another architecture or does not fit its own description.
  public init(_ checkpoint: CheckpointTensors) throws(NetworkError) {
    let found = checkpoint.architecture
    guard found == Self.architecture else {
      throw .wrongArchitecture(source: checkpoint.source, expected: [Self.architecture], found: found)
    }
    // A description may be of more than fits into memory: the checkpoint is to hold it first.
    try Self(describedBy: checkpoint, .described).parameters.check(checkpoint)
    try self.init(describedBy: checkpoint, .unset)
    try parameters.load(checkpoint)
  }

  /// The network that a checkpoint's metadata describes, without its values.
  init(describedBy checkpoint: CheckpointTensors, _ initialization: Initialization) throws(NetworkError) {
    let text = checkpoint.metadata[metadataEntry] ?? ""
    let description: Description<Configuration>
    do {
      description = try JSONDecoder().decode(Description<Configuration>.self, from: Data(text.utf8))
    } catch {
      throw .badConfiguration(source: checkpoint.source, "\(text) (\(error))")
    }
    do {
      try self.init(description.configuration, initialization)
    } catch .badConfiguration(_, let reason) {
      throw .badConfiguration(source: checkpoint.source, reason)
    }
  }

  /// The parameters in checkpoint layout, with the description that ``init(_:)`` needs.
  /// - Throws: ``NetworkError/badConfiguration(source:_:)`` where the configuration cannot be written as JSON.
  public func checkpoint(metadata: [String: String] = [:]) throws(NetworkError) -> CheckpointTensors {
    CheckpointTensors(
      tensors: parameters.state(), metadata: try description(metadata: metadata), source: Self.architecture)
  }

  /// The metadata of a checkpoint, with the description that ``init(_:)`` needs.
  /// - Throws: ``NetworkError/badConfiguration(source:_:)`` where the configuration cannot be written as JSON.
  func description(metadata: [String: String]) throws(NetworkError) -> [String: String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      let description = Description(name: Self.architecture, configuration: configuration)
      let text = String(decoding: try encoder.encode(description), as: UTF8.self)
      return metadata.merging([metadataEntry: text]) { $1 }
    } catch {
      throw .badConfiguration(source: Self.architecture, "\(error)")
    }
  }

  /// A network of the same configuration, whose parameters hold nothing yet.
  func unset() throws(NetworkError) -> Self { try Self(configuration, .unset) }

  /// The same network with parameters of its own, to be changed independently.
  public func copy() throws(NetworkError) -> Self {
    let type = parameters.tensors.first?.type ?? .float32
    let copy = try Self(configuration, .unset, type: type)
    copy.parameters.copyValues(from: parameters)
    return copy
  }
}

extension CheckpointTensors {
  /// The name of the architecture that it says it is for, where it says so.
  public var architecture: String? { architectureName(metadata) }
}

extension StateDictionary {
  /// The name of the architecture that it says it is for, where it says so.
  public var architecture: String? { architectureName(metadata) }
}

private func architectureName(_ metadata: [String: String]) -> String? {
  metadata[metadataEntry].flatMap { try? JSONDecoder().decode(AnyDescription.self, from: Data($0.utf8)) }?.name
}
