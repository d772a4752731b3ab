import Foundation
import OrderedCollections

/// A file of tensors in any format that is read here, recognized by its first bytes.
///
/// Opening it reads and checks what describes the tensors; their numbers are read when ``StoredTensor/tensor`` is asked
/// for. No file can make a program run: see ``Unpickler``.
public struct TensorFile: Sendable {
  public enum Format: String, Sendable, CaseIterable {
    case safetensors
    /// A zip file of torch.save, torch ≥ 1.6.
    case pyTorch = "PyTorch"
    /// A zip file of torch.jit.save.
    case torchScript = "TorchScript"
    /// A file of torch.save, torch < 1.6.
    case pyTorchLegacy = "PyTorch before 1.6"
    /// A file of numpy.save, whose one tensor is called "array".
    case numPy = "NumPy"
  }

  /// What a file holds beside tensors.
  public enum Value: Sendable, Hashable {
    case flag(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
  }

  public let format: Format
  /// The file's name, for messages.
  public let source: String
  /// The tensors. Where the file nests dictionaries and lists, keys and positions are joined by dots:
  /// "4.conv_in.weight".
  public let entries: OrderedDictionary<String, StoredTensor>
  /// Numbers and texts among the tensors, such as a training's step, by names of the same form.
  public let values: OrderedDictionary<String, Value>
  /// The free text of a safetensors file.
  public let metadata: [String: String]
  let root: Contents.Root
  let parts: [Contents.Part]

  /// The file at `path`.
  /// - Throws: ``CheckpointError``.
  public init(contentsOf path: String) throws(CheckpointError) {
    try self.init(FileBytes(contentsOf: path), from: path)
  }

  /// The file that consists of `data`; `source` is its name in messages.
  /// - Throws: ``CheckpointError``.
  public init(_ data: Data, from source: String) throws(CheckpointError) {
    try self.init(FileBytes(data), from: source)
  }

  private init(_ file: FileBytes, from source: String) throws(CheckpointError) {
    let start = try file.read(0..<min(32, file.count)) { (bytes) throws(CheckpointError) in Array(bytes) }
    let contents =
      if start.starts(with: [0x50, 0x4B, 3, 4]) {
        try Self.zipped(file, source: source)
      } else if start.starts(with: [0x93] + Array("NUMPY".utf8)) {
        try Self.numPy(file, source: source)
      } else if Self.beginsLikeLegacy(start) {
        try Self.legacy(file, source: source)
      } else if start.count > 8, start[8] == UInt8(ascii: "{") {
        try Safetensors.contents(file, source: source)
      } else {
        throw CheckpointError.unknownFormat(file: source, found: Self.described(start))
      }
    try self.init(contents, bytes: file.count, source: source)
  }

  init(_ contents: Contents, bytes: Int, source: String) throws(CheckpointError) {
    try contents.checkSize(bytes: bytes, source: source)
    format = contents.format
    self.source = source
    entries = contents.entries
    values = contents.values
    metadata = contents.metadata
    root = contents.root
    parts = contents.parts
  }

  /// A pickle of protocol 2 or later, or PyTorch's magic number in an earlier one.
  private static func beginsLikeLegacy(_ start: [UInt8]) -> Bool {
    start.count > 2 && start[0] == PickleOpcode.proto.rawValue && start[1] <= 5
      || start.starts(with: Array("L119547037146038801333356".utf8))
  }

  private static func described(_ start: [UInt8]) -> String {
    if start.isEmpty { return "nothing: it is empty" }
    let shown = start.prefix(12)
    if shown.allSatisfy({ (0x20..<0x7F).contains($0) }) { return "'\(String(decoding: shown, as: UTF8.self))'" }
    return "the bytes " + shown.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }
}

extension TensorFile {
  /// What the reader of a format finds.
  struct Contents {
    enum Root {
      case list
      case dictionary
      case object
      case single
    }

    /// An item of the list or dictionary that the whole file is, if it has tensors.
    struct Part {
      let name: String
      /// Whether it is one tensor, rather than a dictionary or list with some.
      let isTensor: Bool
      /// The positions of its tensors among all.
      let entries: Range<Int>
    }

    var format = Format.safetensors
    var entries: OrderedDictionary<String, StoredTensor> = [:]
    var values: OrderedDictionary<String, Value> = [:]
    var metadata: [String: String] = [:]
    var root = Root.dictionary
    var parts: [Part] = []

    /// Elements that are always allowed, however small the file.
    static let freeElements = 1 << 24

    /// Tensors may share storages and repeat elements, so that a small file can describe more numbers than fit in any
    /// memory. All tensors together may have as many elements as four times the file's bytes, and 2²⁴ more.
    func checkSize(bytes: Int, source: String) throws(CheckpointError) {
      let limit = 4 * bytes + Self.freeElements
      var sum = 0
      for (name, tensor) in entries {
        let count = tensor.count
        guard count <= limit - sum else {
          throw .badTensor(
            file: source, tensor: name,
            expected: "at most \(limit) elements in a file of \(bytes) bytes, together with those before it",
            found: "\(count) and \(sum) before it")
        }
        sum += count
      }
    }
  }
}
