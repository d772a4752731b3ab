import Checkpoints
import Tensors
import Testing

/// What another implementation computed (see Fixtures/PROVENANCE.md), and comparisons with it.
package struct OracleFixture {
  package let checkpoint: CheckpointTensors

  /// The file `name` in the folder Fixtures beside a test's source.
  package init(_ name: String, beside source: String = #filePath) throws {
    checkpoint = try Safetensors.read(contentsOf: fixture(name, beside: source))
  }

  package subscript(_ name: String) -> Tensor {
    guard let tensor = checkpoint.tensors[name] else {
      Issue.record("the fixture has no \(name)")
      return .zeros([])
    }
    return tensor
  }

  /// Expects that the largest error, as a part of the largest value, is at most `tolerance`.
  package func expect(
    _ found: Tensor?, _ name: String, within tolerance: Double, location: SourceLocation = #_sourceLocation
  ) {
    guard let found else {
      Issue.record("\(name): there is nothing to compare", sourceLocation: location)
      return
    }
    let difference = TensorDifference(found, self[name])
    #expect(difference.relative <= tolerance, "\(name): \(difference)", sourceLocation: location)
  }
}
