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
  /// The first bytes, `found`, are those of no format that is read.
  case unknownFormat(file: String, found: String)
  /// A pickle asks for a function or class that weights are not made of. Nothing of it was run.
  case refusedGlobal(file: String, name: String)
  /// A part of the file is not what its format prescribes; `place` says where.
  case damaged(file: String, place: String, expected: String, found: String)
  /// Lawful, but not read here.
  case unsupported(file: String, place: String, found: String, remedy: String)
  /// More than is read here, as only a file made to harm has it.
  case tooLarge(file: String, place: String, limit: String)
  /// None of what the file holds is known to be a model.
  case noModel(file: String, found: String)

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
    case .unknownFormat(let file, let found):
      "\(file): not a file of weights: expected safetensors, PyTorch (.pt, .pth, .ckpt), TorchScript or NumPy (.npy), "
        + "found a file that begins with \(found)"
    case .refusedGlobal(let file, let name):
      "\(file): refuses to load: its pickle asks for '\(name)', which is not among what weights are made of; "
        + "save the state dict alone: torch.save(model.state_dict(), …)"
    case .damaged(let file, let place, let expected, let found):
      "\(file): damaged: \(place): expected \(expected), found \(found); fetch or copy the file again"
    case .unsupported(let file, let place, let found, let remedy):
      "\(file): \(place): \(found), which is not read here; \(remedy)"
    case .tooLarge(let file, let place, let limit):
      "\(file): refuses to load: \(place): \(limit); save the state dict alone: torch.save(model.state_dict(), …)"
    case .noModel(let file, let found):
      "\(file): expected a model's state dict, found \(found); "
        + "save the state dict alone: torch.save(model.state_dict(), …)"
    }
  }
}
