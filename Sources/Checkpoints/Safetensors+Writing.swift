import Foundation
import Kernels
import Tensors

extension Safetensors {
  /// The type that numbers are stored as.
  public enum Precision: Sendable {
    case float32
    /// Half the bytes, 11 significant bits, up to 65504.
    case float16

    var type: StoredType { self == .float32 ? .f32 : .f16 }
  }

  /// A file's bytes, the same for the same tensors and metadata: both are written in the order of their names.
  /// - Throws: ``CheckpointError/notRepresentable(file:tensor:value:type:)``.
  public static func data(
    of checkpoint: CheckpointTensors, precision: Precision = .float32
  ) throws(CheckpointError) -> Data {
    try data(
      of: checkpoint.tensors.map { name, tensor in LazyTensor(name: name, shape: tensor.shape) { tensor } },
      metadata: checkpoint.metadata, source: checkpoint.source, precision: precision)
  }

  /// A tensor that is made when its turn comes to be written.
  public struct LazyTensor {
    let name: String
    let shape: [Int]
    let tensor: () -> Tensor

    /// - Parameter tensor: of `shape`, called once.
    public init(name: String, shape: [Int], tensor: @escaping () -> Tensor) {
      self.name = name
      self.shape = shape
      self.tensor = tensor
    }

    fileprivate var count: Int { shape.reduce(1, *) }
  }

  /// As ``data(of:precision:)``, with one tensor at a time in memory.
  /// - Throws: ``CheckpointError/notRepresentable(file:tensor:value:type:)``.
  public static func data(
    of tensors: [LazyTensor], metadata: [String: String], source: String, precision: Precision = .float32
  ) throws(CheckpointError) -> Data {
    let tensors = tensors.sorted { isBefore($0.name, $1.name) }
    let type = precision.type
    var members: [String] = []
    var end = 0
    if !metadata.isEmpty {
      let entries = metadata.sorted { isBefore($0.key, $1.key) }.map { "\(quoted($0)):\(quoted($1))" }
      members.append("\"__metadata__\":{\(entries.joined(separator: ","))}")
    }
    for tensor in tensors {
      let begin = end
      end += tensor.count * type.size
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(quoted(tensor.name)):{\"dtype\":\"\(type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
      )
    }
    var header = Data("{\(members.joined(separator: ","))}".utf8)
    header.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - header.count % 8) % 8))

    var data = Data(capacity: 8 + header.count + end)
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { data.append(contentsOf: $0) }
    data.append(header)
    for tensor in tensors {
      data.append(try bytes(of: tensor.tensor(), precision, name: tensor.name, source: source))
    }
    return data
  }

  /// Writes a file, whole or not at all.
  /// - Throws: ``CheckpointError``.
  public static func write(
    _ checkpoint: CheckpointTensors, to path: String, precision: Precision = .float32
  ) throws(CheckpointError) {
    let data = try data(of: checkpoint, precision: precision)
    do {
      try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .unwritable(file: path, reason: error.localizedDescription)
    }
  }

  /// A tensor's numbers, little-endian.
  static func bytes(
    of tensor: Tensor, _ precision: Precision, name: String, source: String
  ) throws(CheckpointError) -> Data {
    let values = tensor.converted(to: .float32).placed(on: nil)
    switch precision {
    case .float32: return Data(buffer: values.floats)
    case .float16: return try halves(values, name: name, source: source)
    }
  }

  private static func halves(_ tensor: Tensor, name: String, source: String) throws(CheckpointError) -> Data {
    // 65520 is the first number that rounds to infinity.
    if let value = tensor.floats.first(where: { $0.isFinite && abs($0) >= 65520 }) {
      throw .notRepresentable(file: source, tensor: name, value: value, type: "F16")
    }
    let halves = [UInt16](unsafeUninitializedCapacity: tensor.count) { buffer, count in
      ck_float_to_half(tensor.floats.baseAddress, buffer.baseAddress, tensor.count)
      count = tensor.count
    }
    return halves.withUnsafeBytes { Data($0) }
  }

  private static func isBefore(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

  /// `text` as a JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
