import ArtifactStore
import Foundation
import StageKit

/// What a cache keeps under an action's key: an `ActionResult` of Bazel's remote execution API, which servers check.
///
/// ```
/// output_files (2)  for each object of the record: path (1), digest (2) with hash (1) and size_bytes (2)
/// stdout_raw (5)    the record as the store keeps it
/// stderr_raw (7)    its signature, where it has one
/// ```
package struct CacheEntry: Sendable, Hashable {
  package let record: Data
  package let signature: Data?

  /// The most bytes that an entry may have.
  package static let limit = 32 << 20

  package init(record: Data, signature: Data?) { (self.record, self.signature) = (record, signature) }

  // MARK: As a protocol buffer

  private enum Field {
    static let outputFiles = 2
    static let stdout = 5
    static let stderr = 7
  }

  /// The entry as the server gets it.
  /// - Parameter objects: the record's objects, which a server that checks entries has to have already.
  package func encoded(with objects: [Artifact.Item]) -> Data {
    var message = MessageWriter()
    for object in objects {
      var digest = MessageWriter()
      digest.write(1, Data(object.object.hex.utf8))
      digest.write(2, UInt64(object.size))
      var file = MessageWriter()
      // Paths have to be there and to differ; nobody looks for one.
      file.write(1, Data(object.object.hex.utf8))
      file.write(2, digest.data)
      message.write(Field.outputFiles, file.data)
    }
    message.write(Field.stdout, record)
    if let signature { message.write(Field.stderr, signature) }
    return message.data
  }

  /// The entry that a server gave; nil for anything but a message with a record in it. Fields that it does not know, of
  /// which servers add some, are skipped; of a field that is there several times the last counts.
  package init?(_ data: Data) {
    guard data.count <= Self.limit else { return nil }
    var reader = MessageReader(data)
    var (record, signature): (Data?, Data?)
    while !reader.isAtEnd {
      guard let field = reader.field() else { return nil }
      switch (field.number, field.value) {
      case (Field.stdout, .bytes(let bytes)): record = bytes
      case (Field.stderr, .bytes(let bytes)): signature = bytes
      case (Field.stdout, .number), (Field.stderr, .number): return nil
      default: continue
      }
    }
    guard let record else { return nil }
    self.init(record: record, signature: signature.flatMap { $0.isEmpty ? nil : $0 })
  }
}

/// Puts a protocol buffer together.
private struct MessageWriter {
  private(set) var data = Data()

  mutating func write(_ field: Int, _ number: UInt64) {
    write(varint: UInt64(field) << 3)
    write(varint: number)
  }

  mutating func write(_ field: Int, _ bytes: Data) {
    write(varint: UInt64(field) << 3 | 2)
    write(varint: UInt64(bytes.count))
    data.append(bytes)
  }

  private mutating func write(varint number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      data.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    data.append(UInt8(rest))
  }
}

/// Takes a protocol buffer apart, whatever bytes it is.
private struct MessageReader {
  enum Value {
    case bytes(Data)
    /// A varint, or a number of 32 or 64 bits, which is not looked at.
    case number
  }

  private var rest: Data

  init(_ data: Data) { rest = data }

  var isAtEnd: Bool { rest.isEmpty }

  /// The next field; nil where there is none that can be read.
  mutating func field() -> (number: Int, value: Value)? {
    // Numbers of fields have 29 bits.
    guard let tag = varint(), tag >> 3 > 0, tag >> 3 < 1 << 29 else { return nil }
    let number = Int(tag >> 3)
    switch tag & 7 {
    case 0: return varint() == nil ? nil : (number, .number)
    case 1: return bytes(8) == nil ? nil : (number, .number)
    case 2: return varint().flatMap { bytes($0) }.map { (number, .bytes($0)) }
    case 5: return bytes(4) == nil ? nil : (number, .number)
    default: return nil
    }
  }

  private mutating func varint() -> UInt64? {
    var number: UInt64 = 0
    for place in 0..<10 {
      guard let byte = rest.popFirst() else { return nil }
      // The tenth byte has one bit.
      guard place < 9 || byte <= 1 else { return nil }
      number |= UInt64(byte & 0x7F) << UInt64(7 * place)
      if byte < 0x80 { return number }
    }
    return nil
  }

  private mutating func bytes(_ count: UInt64) -> Data? {
    guard count <= UInt64(rest.count) else { return nil }
    defer { rest = rest.dropFirst(Int(count)) }
    return rest.prefix(Int(count))
  }
}
