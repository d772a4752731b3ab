import Foundation
import OrderedCollections

/// The table of contents of a zip file, ZIP64 too. PyTorch stores entries as they are, and only such are read.
///
/// Entries must lie apart within the file and have distinct relative names. Checksums are not verified: that would take
/// reading the whole file before any of it is used.
struct ZipArchive {
  struct Entry {
    let name: String
    /// Whether the bytes are those of the content, neither compressed nor encrypted.
    let isPlain: Bool
    let bytes: Range<Int>
  }

  let source: String
  private(set) var entries: OrderedDictionary<String, Entry> = [:]

  init(_ file: FileBytes, source: String) throws(CheckpointError) {
    self.source = source
    entries = try file.read(0..<file.count) { (bytes) throws(CheckpointError) in
      try Self.entries(bytes, source)
    }
  }

  /// The bytes of `entry`.
  func content(_ entry: Entry) throws(CheckpointError) -> Range<Int> {
    guard entry.isPlain else {
      throw .unsupported(
        file: source, place: "entry '\(entry.name)'", found: "compressed or encrypted",
        remedy: "write it again with torch.save, which stores entries as they are")
    }
    return entry.bytes
  }

  // MARK: Reading the table

  private static func bad(_ source: String, _ place: String, _ expected: String, _ found: String) -> CheckpointError {
    .damaged(file: source, place: place, expected: expected, found: found)
  }

  private static func entries(
    _ bytes: UnsafeRawBufferPointer, _ source: String
  ) throws(CheckpointError) -> OrderedDictionary<String, Entry> {
    let (directory, count) = try directory(bytes, source)
    var reader = ByteReader(
      bytes: UnsafeRawBufferPointer(rebasing: bytes[..<directory.upperBound]), source: source,
      part: "the zip directory", position: directory.lowerBound)
    var entries: OrderedDictionary<String, Entry> = [:]
    var places: [(start: Int, end: Int, name: String)] = []
    for _ in 0..<count {
      let (entry, start) = try Self.entry(&reader, bytes, end: directory.lowerBound, source)
      guard entries.updateValue(entry, forKey: entry.name) == nil else {
        throw bad(source, "the zip directory", "distinct names", "'\(entry.name)' twice")
      }
      places.append((start, entry.bytes.upperBound, entry.name))
    }
    guard reader.remaining == 0 else {
      throw bad(source, "the zip directory", "\(count) entries", "\(reader.remaining) bytes more")
    }
    places.sort { ($0.start, $0.end) < ($1.start, $1.end) }
    for (a, b) in zip(places, places.dropFirst()) where b.start < a.end {
      throw bad(source, "the zip directory", "entries that lie apart", "'\(b.name)' within '\(a.name)'")
    }
    return entries
  }

  /// Where the directory lies and how many entries it has, by the record at the end of the file.
  private static func directory(
    _ bytes: UnsafeRawBufferPointer, _ source: String
  ) throws(CheckpointError) -> (Range<Int>, Int) {
    let signature: [UInt8] = [0x50, 0x4B, 5, 6]
    var place = bytes.count - 22
    let last = max(0, place - Int(UInt16.max))
    while place >= last {
      // What follows the record is a comment of the length that it gives.
      if bytes[place..<place + 4].elementsEqual(signature),
        Int(bytes[place + 20]) | Int(bytes[place + 21]) << 8 == bytes.count - place - 22
      {
        break
      }
      place -= 1
    }
    guard place >= last else {
      throw bad(source, "a zip file", "its directory at the end", "none, as when a copy was cut short")
    }
    var reader = ByteReader(bytes: bytes, source: source, part: "the zip directory", position: place + 4)
    _ = try reader.take(4)
    var count = Int(try reader.number(UInt16.self))
    let total = Int(try reader.number(UInt16.self))
    var size = Int(try reader.number(UInt32.self))
    var start = Int(try reader.number(UInt32.self))
    if count == UInt16.max || total == UInt16.max || size == UInt32.max || start == UInt32.max {
      (count, size, start) = try wideDirectory(bytes, before: place, source)
    }
    let (end, overflow) = start.addingReportingOverflow(size)
    guard !overflow, end <= place, count <= size / 46 else {
      throw bad(source, "the zip directory", "\(count) entries before byte \(place)", "\(size) bytes at \(start)")
    }
    return (start..<end, count)
  }

  /// As the records of ZIP64 give it, which are there where 16 or 32 bits do not suffice.
  private static func wideDirectory(
    _ bytes: UnsafeRawBufferPointer, before place: Int, _ source: String
  ) throws(CheckpointError) -> (Int, Int, Int) {
    var reader = ByteReader(bytes: bytes, source: source, part: "the ZIP64 directory", position: max(0, place - 20))
    guard try reader.number(UInt32.self) == 0x0706_4B50 else {
      throw bad(source, "the ZIP64 directory", "its place", "other bytes")
    }
    _ = try reader.take(4)
    reader.position = min(try reader.length(), bytes.count)
    guard try reader.number(UInt32.self) == 0x0606_4B50 else {
      throw bad(source, "the ZIP64 directory", "its signature", "other bytes")
    }
    _ = try reader.take(20)
    let count = try reader.length()
    _ = try reader.take(8)
    return (count, try reader.length(), try reader.length())
  }

  /// The entry at the reader's place of the directory, and where its own header lies.
  private static func entry(
    _ reader: inout ByteReader, _ bytes: UnsafeRawBufferPointer, end: Int, _ source: String
  ) throws(CheckpointError) -> (Entry, Int) {
    guard try reader.number(UInt32.self) == 0x0201_4B50 else {
      throw bad(source, "the zip directory", "an entry", "other bytes")
    }
    _ = try reader.take(4)
    let flags = try reader.number(UInt16.self)
    let method = try reader.number(UInt16.self)
    _ = try reader.take(8)
    var packed = Int(try reader.number(UInt32.self))
    var size = Int(try reader.number(UInt32.self))
    let nameLength = Int(try reader.number(UInt16.self))
    let extraLength = Int(try reader.number(UInt16.self))
    let commentLength = Int(try reader.number(UInt16.self))
    _ = try reader.take(8)
    var start = Int(try reader.number(UInt32.self))
    let rawName = try reader.take(nameLength)
    let name = try checked(rawName, source)
    var extra = ByteReader(bytes: try reader.take(extraLength), source: source, part: "entry '\(name)'")
    _ = try reader.take(commentLength)
    while extra.remaining >= 4 {
      let kind = try extra.number(UInt16.self)
      var field = ByteReader(
        bytes: try extra.take(Int(try extra.number(UInt16.self))), source: source, part: extra.part)
      guard kind == 1 else { continue }
      if size == UInt32.max { size = try field.length() }
      if packed == UInt32.max { packed = try field.length() }
      if start == UInt32.max { start = try field.length() }
    }

    var local = ByteReader(bytes: bytes, source: source, part: "entry '\(name)'", position: min(start, bytes.count))
    guard try local.number(UInt32.self) == 0x0403_4B50 else {
      throw bad(source, "entry '\(name)'", "its header at byte \(start)", "other bytes")
    }
    _ = try local.take(22)
    let localNameLength = Int(try local.number(UInt16.self))
    let localExtraLength = Int(try local.number(UInt16.self))
    guard try local.take(localNameLength).elementsEqual(rawName) else {
      throw bad(source, "entry '\(name)'", "the same name in its header", "another")
    }
    _ = try local.take(localExtraLength)
    guard local.position <= end, packed <= end - local.position else {
      throw .truncated(file: source, part: "entry '\(name)'", expected: packed, found: max(0, end - local.position))
    }
    let isPlain = method == 0 && flags & 1 == 0
    guard !isPlain || packed == size else {
      throw bad(source, "entry '\(name)'", "\(size) bytes", "\(packed)")
    }
    return (Entry(name: name, isPlain: isPlain, bytes: local.position..<local.position + packed), start)
  }

  /// A name that stays within the archive's own folder.
  private static func checked(_ bytes: UnsafeRawBufferPointer, _ source: String) throws(CheckpointError) -> String {
    guard let name = String(validating: bytes, as: UTF8.self), !name.isEmpty, !name.hasPrefix("/"),
      !name.contains("\\"), !name.contains("\0"), !name.split(separator: "/").contains("..")
    else {
      throw bad(
        source, "the zip directory", "relative names without '..'",
        "'\(String(decoding: bytes.prefix(100), as: UTF8.self))'")
    }
    return name
  }
}
