import Checkpoints
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

extension OracleFixture {
  func configuration<Configuration: Decodable>(_ type: Configuration.Type) throws -> Configuration {
    try JSONDecoder().decode(type, from: Data((checkpoint.metadata["configuration"] ?? "").utf8))
  }

  /// The tensors whose names begin with `prefix`, without it.
  private func under(_ prefix: String) -> [(name: String, tensor: Tensor)] {
    checkpoint.tensors.filter { $0.key.hasPrefix(prefix) }.map { (String($0.key.dropFirst(prefix.count)), $0.value) }
  }

  var parameters: CheckpointTensors {
    CheckpointTensors(tensors: .init(uniqueKeysWithValues: under("parameter/").map { ($0.name, $0.tensor) }))
  }

  /// Every gradient of a parameter that the fixture has, in checkpoint layout.
  func expectGradients(
    of parameters: ParameterSet, within tolerance: Double, location: SourceLocation = #_sourceLocation
  ) {
    #expect(under("gradient/").count >= 10, sourceLocation: location)
    for (name, parameter) in parameters.parameters where checkpoint.tensors["gradient/\(name)"] != nil {
      expect(
        parameter.tensor.gradient.map { parameter.layout.toCheckpoint($0) }, "gradient/\(name)", within: tolerance,
        location: location)
    }
  }
}
