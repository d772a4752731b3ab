import Foundation

/// Bytes in the making: numbers little-endian, texts behind their length.
struct PackedWriter {
  private(set) var data = Data()

  mutating func write(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
  }

  mutating func write(_ text: String) {
    write(UInt32(text.utf8.count))
    data.append(contentsOf: text.utf8)
  }

  mutating func write(_ digest: Digest) { digest.withBytes { data.append(contentsOf: $0) } }

  mutating func write(_ status: Files.Status) {
    write(status.device)
    write(status.inode)
    for number in [status.size, status.modified, status.changed] { write(Int64(number)) }
  }

  /// All of it behind its own digest, so that a damaged file is taken for none.
  var sealed: Data { Digest(of: data).withBytes { Data($0) } + data }
}

/// Takes bytes that a ``PackedWriter`` wrote apart; everything is nil once they are too few.
struct PackedReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Gives `read` what was sealed; nil where the seal is broken.
  static func open<Read>(_ sealed: Data, _ read: (inout PackedReader) -> Read?) -> Read? {
    guard sealed.count >= 32 else { return nil }
    return sealed.withUnsafeBytes { bytes in
      guard Digest(bytes: bytes) == Digest(of: sealed.dropFirst(32)) else { return nil }
      var reader = PackedReader(UnsafeRawBufferPointer(rebasing: bytes[32...]))
      return read(&reader)
    }
  }

  var isAtEnd: Bool { offset == bytes.count }

  private mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, bytes.count - offset >= count else { return nil }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    take(MemoryLayout<Number>.size).map { Number(littleEndian: $0.loadUnaligned(as: Number.self)) }
  }

  mutating func text() -> String? {
    number(UInt32.self).flatMap { take(Int($0)) }.map { String(decoding: $0, as: UTF8.self) }
  }

  mutating func digest() -> Digest? { take(32).map { Digest(bytes: $0) } }

  mutating func status() -> Files.Status? {
    guard let device = number(UInt64.self), let inode = number(UInt64.self), let size = number(Int64.self),
      let modified = number(Int64.self), let changed = number(Int64.self)
    else { return nil }
    return Files.Status(
      device: device, inode: inode, size: Int(size), modified: Int(modified), changed: Int(changed))
  }
}
