import Foundation
import Synchronization

/// A dictionary that outlives the process, packed in one file so that thousands of entries are there in milliseconds.
///
/// It is a memory of what could be found out again: a file that is missing or damaged holds nothing, and one that
/// cannot be written is no error.
final class PackedIndex<Key: Packable & Hashable, Value: Packable>: Sendable {
  /// What the file held, each value as bytes that are unpacked when it is asked for.
  private struct Packed: Sendable {
    let data: Data
    var places: [Key: Range<Int>] = [:]
  }

  private struct Learnt {
    var values: [Key: Value] = [:]
    var isChanged = false
  }

  private let file: Place
  private let packed: Packed
  private let learnt = Mutex(Learnt())

  /// With more entries than this, what earlier processes learnt is dropped.
  private let limit = 400_000

  init(file: Place) {
    self.file = file
    packed = (try? Files.read(file)).flatMap { $0 }.flatMap(Self.opened) ?? Packed(data: Data())
  }

  /// What is known of `key` and still holds.
  func value(of key: Key, where holds: (Value) -> Bool = { _ in true }) -> Value? {
    if let value = unpacked(key), holds(value) { return value }
    return learnt.withLock { $0.values[key] }.flatMap { holds($0) ? $0 : nil }
  }

  func remember(_ value: Value, as key: Key) {
    learnt.withLock { learnt in
      learnt.values[key] = value
      learnt.isChanged = true
    }
  }

  /// Writes down what was learnt, in one step.
  func save() {
    let data: Data? = learnt.withLock { learnt in
      guard learnt.isChanged else { return nil }
      learnt.isChanged = false
      return encoded(with: learnt.values)
    }
    if let data { try? Files.replace(file, with: data) }
  }

  private func unpacked(_ key: Key) -> Value? {
    guard let place = packed.places[key] else { return nil }
    return packed.data.withUnsafeBytes { bytes in
      var reader = PackedReader(UnsafeRawBufferPointer(rebasing: bytes[place]))
      return Value(from: &reader)
    }
  }

  private func encoded(with learnt: [Key: Value]) -> Data {
    let kept = packed.places.count + learnt.count > limit ? [:] : packed.places.filter { learnt[$0.key] == nil }
    var writer = PackedWriter()
    writer.write(UInt32(kept.count + learnt.count))
    for (key, place) in kept {
      key.write(to: &writer)
      writer.write(UInt32(place.count))
      packed.data.withUnsafeBytes { writer.write(UnsafeRawBufferPointer(rebasing: $0[place])) }
    }
    for (key, value) in learnt {
      key.write(to: &writer)
      var packed = PackedWriter()
      value.write(to: &packed)
      writer.write(UInt32(packed.data.count))
      packed.data.withUnsafeBytes { writer.write($0) }
    }
    return writer.sealed
  }

  private static func opened(_ data: Data) -> Packed? {
    PackedReader.open(data) { reader in
      guard let count = reader.number(UInt32.self) else { return nil }
      var places = [Key: Range<Int>](minimumCapacity: min(Int(count), data.count / 36))
      for _ in 0..<count {
        guard let key = Key(from: &reader), let size = reader.number(UInt32.self), let start = reader.skip(Int(size))
        else { return nil }
        // Counted from the start of the file, where the seal is.
        places[key] = start + 32..<start + 32 + Int(size)
      }
      return Packed(data: data, places: places)
    }
  }
}

/// What can be packed into bytes, and taken out of them again.
protocol Packable: Sendable {
  /// Nil where the bytes do not hold one.
  init?(from reader: inout PackedReader)
  func write(to writer: inout PackedWriter)
}

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

  mutating func write(_ bytes: UnsafeRawBufferPointer) { data.append(contentsOf: bytes) }

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

  mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, bytes.count - offset >= count else { return nil }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  /// Passes over some bytes: where they begin.
  mutating func skip(_ count: Int) -> Int? { take(count).map { _ in offset - count } }

  mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    take(MemoryLayout<Number>.size).map { Number(littleEndian: $0.loadUnaligned(as: Number.self)) }
  }

  mutating func text() -> String? {
    number(UInt32.self).flatMap { take(Int($0)) }.map { String(decoding: $0, as: UTF8.self) }
  }
}

extension Digest: Packable {
  init?(from reader: inout PackedReader) {
    guard let bytes = reader.take(32) else { return nil }
    self.init(bytes: bytes)
  }

  func write(to writer: inout PackedWriter) { withBytes { writer.write($0) } }
}

extension Files.Status: Packable {
  init?(from reader: inout PackedReader) {
    guard let device = reader.number(UInt64.self), let inode = reader.number(UInt64.self),
      let size = reader.number(Int64.self), let modified = reader.number(Int64.self),
      let changed = reader.number(Int64.self)
    else { return nil }
    self.init(device: device, inode: inode, size: Int(size), modified: Int(modified), changed: Int(changed))
  }

  func write(to writer: inout PackedWriter) {
    for number in [device, inode] { writer.write(number) }
    for number in [size, modified, changed] { writer.write(Int64(number)) }
  }
}
