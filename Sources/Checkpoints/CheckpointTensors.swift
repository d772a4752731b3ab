import OrderedCollections
import Tensors

/// What a checkpoint holds: named tensors in PyTorch's layout (convolutions OIHW, linear [out, in]) and free text.
public struct CheckpointTensors {
  public var tensors: OrderedDictionary<String, Tensor>
  /// Text by name; a network's architecture is described under "architecture".
  public var metadata: [String: String]
  /// Where it came from, for messages: a file's name.
  public var source: String

  public init(
    tensors: OrderedDictionary<String, Tensor> = [:], metadata: [String: String] = [:], source: String = "checkpoint"
  ) {
    self.tensors = tensors
    self.metadata = metadata
    self.source = source
  }
}
