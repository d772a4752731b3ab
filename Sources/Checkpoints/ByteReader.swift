/// Reads bytes and little-endian numbers one after another, never beyond the end.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  /// The file and the part of it, for messages.
  let source: String
  let part: String
  var position = 0

  var remaining: Int { bytes.count - position }

  mutating func take(_ count: Int) throws(CheckpointError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else {
      let (end, overflow) = position.addingReportingOverflow(count)
      throw .truncated(
        file: source, part: part, expected: overflow || count < 0 ? .max : end, found: bytes.count)
    }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type
  ) throws(CheckpointError) -> Number {
    Number(littleEndian: try take(MemoryLayout<Number>.size).loadUnaligned(as: Number.self))
  }

  /// A number of 64 bits as a length or a place; what is beyond any file becomes the largest Int.
  mutating func length() throws(CheckpointError) -> Int { Int(clamping: try number(UInt64.self)) }

  /// The bytes before the next line feed, which is skipped.
  mutating func line() throws(CheckpointError) -> UnsafeRawBufferPointer {
    guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
      throw .truncated(file: source, part: part, expected: bytes.count + 1, found: bytes.count)
    }
    let line = try take(end - position)
    position += 1
    return line
  }
}
