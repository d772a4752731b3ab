import Foundation
import OrderedCollections
import Tensors

/// Files that `torch.load(…, weights_only=True)` reads: a zip of a pickle and of the storages that it refers to.
public enum PyTorchFile {
  /// The entry of the zip that holds metadata, as an object of texts. `torch.load` does not look at it.
  static let metadataEntry = "extra/metadata.json"

  /// A state dict, an ordered dictionary of tensors under their names, as torch ≥ 1.6 saves it. The same bytes for the
  /// same tensors.
  /// - Throws: ``CheckpointError/notRepresentable(file:tensor:value:type:)``, or ``CheckpointError/unwritable(file:reason:)``
  ///   for what a zip file of 32 bits cannot hold.
  public static func data(
    ofStateDictionary tensors: OrderedDictionary<String, Tensor>, metadata: [String: String] = [:],
    precision: Safetensors.Precision = .float32, source: String = "state dict"
  ) throws(CheckpointError) -> Data {
    let root = "archive"
    let bytes = tensors.values.reduce(0) { $0 + $1.count * precision.type.size }
    guard bytes + (tensors.count + 8) * 512 < 1 << 32, tensors.count < 1 << 15 else {
      throw .unwritable(file: source, reason: "\(bytes) bytes in \(tensors.count) tensors; export it as safetensors")
    }
    var writer = ZipWriter(capacity: bytes + (tensors.count + 8) * 512)
    writer.add("\(root)/data.pkl", pickle(tensors, type: precision == .float32 ? "FloatStorage" : "HalfStorage"))
    writer.add("\(root)/byteorder", Data("little".utf8))
    for (index, (name, tensor)) in tensors.enumerated() {
      writer.add(
        "\(root)/data/\(index)", try Safetensors.bytes(of: tensor, precision, name: name, source: source))
    }
    if !metadata.isEmpty {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      do { writer.add("\(root)/\(metadataEntry)", try encoder.encode(metadata)) } catch {
        throw .unwritable(file: source, reason: "\(error)")
      }
    }
    writer.add("\(root)/version", Data("3\n".utf8))
    return writer.finished()
  }

  private static func pickle(_ tensors: OrderedDictionary<String, Tensor>, type: String) -> Data {
    var pickle = PickleWriter()
    pickle.emptyOrderedDictionary()
    pickle.add(.mark)
    for (index, (name, tensor)) in tensors.enumerated() {
      pickle.text(name)
      pickle.global("torch._utils", "_rebuild_tensor_v2")
      pickle.tuple {
        $0.tuple {
          $0.text("storage")
          $0.global("torch", type)
          $0.text("\(index)")
          $0.text("cpu")
          $0.integer(tensor.count)
        }
        $0.add(.binPersistentID)
        $0.integer(0)
        $0.tuple { for size in tensor.shape { $0.integer(size) } }
        $0.tuple { for stride in strides(tensor.shape) { $0.integer(stride) } }
        $0.add(.newFalse)
        // Its hooks.
        $0.emptyOrderedDictionary()
      }
      pickle.add(.reduce)
    }
    pickle.add(.setItems)
    pickle.add(.stop)
    return pickle.data
  }

  /// Of a tensor in row-major order.
  private static func strides(_ shape: [Int]) -> [Int] {
    var strides: [Int] = []
    var step = 1
    for size in shape.reversed() {
      strides.insert(step, at: 0)
      step *= max(1, size)
    }
    return strides
  }
}

/// A pickle of protocol 2 in the making.
private struct PickleWriter {
  var data = Data([PickleOpcode.proto.rawValue, 2])

  mutating func add(_ opcode: PickleOpcode) { data.append(opcode.rawValue) }

  mutating func text(_ text: String) {
    add(.binUnicode)
    number(UInt32(text.utf8.count))
    data.append(contentsOf: text.utf8)
  }

  mutating func integer(_ value: Int) {
    if let small = Int32(exactly: value) {
      add(.binInt)
      number(small)
    } else {
      add(.long1)
      data.append(8)
      number(Int64(value))
    }
  }

  mutating func global(_ module: String, _ name: String) {
    add(.global)
    data.append(contentsOf: "\(module)\n\(name)\n".utf8)
  }

  mutating func tuple(_ items: (inout PickleWriter) -> Void) {
    add(.mark)
    items(&self)
    add(.tuple)
  }

  mutating func emptyOrderedDictionary() {
    global("collections", "OrderedDict")
    add(.emptyTuple)
    add(.reduce)
  }

  private mutating func number(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
  }
}
