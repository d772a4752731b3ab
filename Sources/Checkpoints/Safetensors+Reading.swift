import Foundation
import OrderedCollections
import Tensors

/// The safetensors format: the length of the header (64 bits, little-endian), the header (JSON), the tensors' bytes.
///
/// Reading is strict: every byte after the header belongs to exactly one tensor, and everything is checked before any
/// memory is taken for it.
public enum Safetensors {
  /// The longest header that is read, the limit of the reference implementation.
  static let headerLimit = 100_000_000

  /// The checkpoint in a file.
  /// - Throws: ``CheckpointError``.
  public static func read(contentsOf path: String) throws(CheckpointError) -> CheckpointTensors {
    try read(FileBytes(contentsOf: path), from: path)
  }

  /// The checkpoint in `data`; every type of number becomes float32. `source` is its name in messages.
  ///
  /// Tensors come in the order of their bytes in the file.
  /// - Throws: ``CheckpointError``.
  public static func read(_ data: Data, from source: String) throws(CheckpointError) -> CheckpointTensors {
    try read(FileBytes(data), from: source)
  }

  /// The shapes of the tensors in a file, and its free text, which is all that is read of it.
  /// - Throws: ``CheckpointError``.
  public static func outline(
    ofFile path: String
  ) throws(CheckpointError) -> (shapes: [String: [Int]], metadata: [String: String]) {
    let contents = try contents(FileBytes(contentsOf: path), source: path)
    return (Dictionary(contents.entries.map { ($0.key, $0.value.shape) }) { first, _ in first }, contents.metadata)
  }

  private static func read(_ file: FileBytes, from source: String) throws(CheckpointError) -> CheckpointTensors {
    let contents = try contents(file, source: source)
    let tensors = contents.entries.mapValues(\.tensor)
    try file.check()
    return CheckpointTensors(tensors: tensors, metadata: contents.metadata, source: source)
  }

  /// The tensors as they lie in the file, in the order of their bytes.
  static func contents(_ file: FileBytes, source: String) throws(CheckpointError) -> TensorFile.Contents {
    guard file.count >= 8 else {
      throw .truncated(file: source, part: "the length of the header", expected: 8, found: file.count)
    }
    let length = try file.read(0..<8) { (bytes) throws(CheckpointError) in
      UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    }
    guard length <= headerLimit else { throw .headerTooLarge(file: source, bytes: length, limit: headerLimit) }
    let bodyStart = 8 + Int(length)
    guard bodyStart <= file.count else {
      throw .truncated(file: source, part: "the header", expected: Int(length), found: file.count - 8)
    }
    let headerBytes = try file.read(8..<bodyStart) { (bytes) throws(CheckpointError) in Data(bytes) }
    let header = try Header(parsing: headerBytes, source: source)
    var contents = TensorFile.Contents()
    contents.metadata = header.metadata
    for entry in try header.layout(bodyBytes: file.count - bodyStart, source: source) {
      let place = bodyStart + entry.bytes.lowerBound..<bodyStart + entry.bytes.upperBound
      contents.entries[entry.name] = try StoredTensor(
        entry.type, shape: entry.shape, strides: StoredTensor.rowMajor(entry.shape), offset: 0, storage: place,
        of: file, name: entry.name, source: source)
    }
    return contents
  }
}

/// The JSON object at the beginning of a file.
private struct Header: Decodable {
  /// What it says of one tensor.
  struct Description: Decodable {
    let dtype: String
    let shape: [Int]
    let offsets: [Int]

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case offsets = "data_offsets"
    }
  }

  /// A tensor whose description has been checked.
  struct Entry {
    let name: String
    let type: StoredType
    let shape: [Int]
    let bytes: Range<Int>
  }

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  var metadata: [String: String] = [:]
  var descriptions: [(name: String, description: Description)] = []

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Name.self)
    for name in container.allKeys {
      if name.stringValue == "__metadata__" {
        metadata = try container.decode([String: String].self, forKey: name)
      } else {
        descriptions.append((name.stringValue, try container.decode(Description.self, forKey: name)))
      }
    }
  }

  init(parsing data: Data, source: String) throws(CheckpointError) {
    guard data.first == UInt8(ascii: "{") else {
      throw .badHeader(file: source, reason: "its header does not begin with '{'")
    }
    do {
      self = try JSONDecoder().decode(Header.self, from: data)
      // The decoder keeps one of several members of a name.
      if let name = try Self.repeatedName(in: data) {
        throw CheckpointError.badHeader(file: source, reason: "its header has '\(name.prefix(100))' twice")
      }
    } catch let error as CheckpointError {
      throw error
    } catch let error as DecodingError {
      throw .badHeader(file: source, reason: Self.reason(error))
    } catch {
      throw .badHeader(file: source, reason: "\(error)")
    }
  }

  /// The first name that comes twice in one object of valid JSON. O(bytes)
  private static func repeatedName(in json: Data) throws -> String? {
    let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
    return try json.withUnsafeBytes { bytes in
      /// The names so far in every object or array that is open.
      var open: [Set<String>] = []
      var place = 0
      while place < bytes.count {
        switch bytes[place] {
        case quote:
          let start = place
          var isEscaped = false
          repeat {
            if bytes[place] == backslash {
              isEscaped = true
              place += 1
            }
            place += 1
          } while place < bytes.count && bytes[place] != quote
          // Only a name has a colon behind it.
          var next = place + 1
          while next < bytes.count, " \t\r\n".utf8.contains(bytes[next]) { next += 1 }
          guard next < bytes.count, bytes[next] == UInt8(ascii: ":"), !open.isEmpty else { break }
          let name =
            isEscaped
            ? try JSONDecoder().decode(String.self, from: Data(bytes[start...place]))
            : String(decoding: bytes[(start + 1)..<place], as: UTF8.self)
          if !open[open.count - 1].insert(name).inserted { return name }
        case UInt8(ascii: "{"), UInt8(ascii: "["): open.append([])
        case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
        default: break
        }
        place += 1
      }
      return nil
    }
  }

  private static func reason(_ error: DecodingError) -> String {
    func place(_ context: DecodingError.Context) -> String {
      context.codingPath.isEmpty
        ? "its header" : "'" + context.codingPath.map(\.stringValue).joined(separator: "/") + "' in its header"
    }
    return switch error {
    case .keyNotFound(let key, let context): "\(place(context)) lacks '\(key.stringValue)'"
    case .typeMismatch(let type, let context): "\(place(context)) is not of type \(type)"
    case .valueNotFound(let type, let context): "\(place(context)) is null, not of type \(type)"
    case .dataCorrupted(let context): "\(place(context)) is not valid JSON"
    @unknown default: "its header: \(error)"
    }
  }

  /// The tensors in the order of their bytes, which together are all of the body and overlap nowhere.
  func layout(bodyBytes: Int, source: String) throws(CheckpointError) -> [Entry] {
    var entries: [Entry] = []
    // Of several mistakes, the first in the file is told.
    let ordered = descriptions.sorted { a, b in
      (a.description.offsets.first ?? 0, a.name) < (b.description.offsets.first ?? 0, b.name)
    }
    for (name, description) in ordered {
      entries.append(try Self.checked(name, description, bodyBytes: bodyBytes, source: source))
    }
    func place(_ entry: Entry) -> (Int, Int, String) { (entry.bytes.lowerBound, entry.bytes.upperBound, entry.name) }
    entries.sort { place($0) < place($1) }
    var end = 0
    for entry in entries {
      let begin = entry.bytes.lowerBound
      guard begin >= end else {
        throw .badLayout(file: source, reason: "'\(entry.name)' begins at byte \(begin), within another tensor")
      }
      guard begin == end else {
        throw .badLayout(file: source, reason: "bytes \(end) to \(begin), before '\(entry.name)', belong to no tensor")
      }
      end = entry.bytes.upperBound
    }
    guard end == bodyBytes else {
      throw .badLayout(file: source, reason: "the last \(bodyBytes - end) bytes belong to no tensor")
    }
    return entries
  }

  private static func checked(
    _ name: String, _ description: Description, bodyBytes: Int, source: String
  ) throws(CheckpointError) -> Entry {
    func bad(_ expected: String, _ found: String) -> CheckpointError {
      .badTensor(file: source, tensor: name, expected: expected, found: found)
    }
    guard let type = StoredType(rawValue: description.dtype) else {
      throw bad("a type of \(StoredType.allCases.map(\.rawValue).joined(separator: " "))", "'\(description.dtype)'")
    }
    var bytes = type.size
    var overflow = description.shape.contains { $0 < 0 }
    for size in description.shape {
      let product = bytes.multipliedReportingOverflow(by: size)
      bytes = product.partialValue
      overflow = overflow || product.overflow
    }
    guard !overflow else { throw bad("a shape of sizes that fit in memory", "\(description.shape)") }
    let offsets = description.offsets
    guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1] else {
      throw bad("data_offsets [begin, end]", "\(offsets)")
    }
    guard offsets[1] <= bodyBytes else {
      throw .truncated(
        file: source, part: "tensor '\(name)' with those before it", expected: offsets[1], found: bodyBytes)
    }
    guard offsets[1] - offsets[0] == bytes else {
      throw bad("\(bytes) bytes for \(type.rawValue) \(description.shape)", "\(offsets[1] - offsets[0])")
    }
    return Entry(name: name, type: type, shape: description.shape, bytes: offsets[0]..<offsets[1])
  }
}
