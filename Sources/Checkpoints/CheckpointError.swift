/// Why a checkpoint cannot be read or written.
public enum CheckpointError: Error, Sendable, Hashable, CustomStringConvertible {
  case unreadable(file: String, reason: String)
  case unwritable(file: String, reason: String)
  /// Fewer bytes than the file's own numbers call for.
  case truncated(file: String, part: String, expected: Int, found: Int)
  case headerTooLarge(file: String, bytes: UInt64, limit: Int)
  /// The header is not what the format prescribes; `reason` says where.
  case badHeader(file: String, reason: String)
  /// What the header says of one tensor cannot be.
  case badTensor(file: String, tensor: String, expected: String, found: String)
  /// Two tensors share bytes, or bytes belong to none.
  case badLayout(file: String, reason: String)
  /// A number is too large for the type it is to be stored as.
  case notRepresentable(file: String, tensor: String, value: Float, type: String)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "\(file): cannot be read: \(reason)"
    case .unwritable(let file, let reason): "\(file): cannot be written: \(reason)"
    case .truncated(let file, let part, let expected, let found):
      "\(file): truncated: \(part) takes \(expected) bytes, found \(found); fetch or copy the file again"
    case .headerTooLarge(let file, let bytes, let limit):
      "\(file): not a safetensors file: its header would have \(bytes) bytes, at most \(limit) are allowed"
    case .badHeader(let file, let reason): "\(file): not a safetensors file: \(reason)"
    case .badTensor(let file, let tensor, let expected, let found):
      "\(file): tensor '\(tensor)': expected \(expected), found \(found)"
    case .badLayout(let file, let reason): "\(file): damaged safetensors file: \(reason)"
    case .notRepresentable(let file, let tensor, let value, let type):
      "\(file): tensor '\(tensor)': \(value) cannot be stored as \(type); store it as F32"
    }
  }
}
