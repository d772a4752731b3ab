import Foundation

/// A zip file in the making, whose entries are stored as they are, each beginning at a multiple of 64 bytes as
/// PyTorch's do, so that tensors can be mapped into memory.
struct ZipWriter {
  private var data = Data()
  private var directory = Data()
  private var count: UInt16 = 0
  private static let alignment = 64

  /// - Parameter capacity: about how many bytes it will have; less than 2³².
  init(capacity: Int) { data.reserveCapacity(capacity) }

  mutating func add(_ name: String, _ content: Data) {
    let (start, name, size) = (data.count, Data(name.utf8), UInt32(content.count))
    // An extra field "FB" of any length fills the header up.
    let header = 30 + name.count + 4
    let fill = (Self.alignment - (start + header) % Self.alignment) % Self.alignment
    var common = Data()
    // Version, flags, method "stored", and the first day that a zip file knows.
    for half in [20, 0, 0, 0, 0x21] as [UInt16] { Self.append(half, to: &common) }
    for word in [CRC32.checksum(content), size, size] { Self.append(word, to: &common) }
    Self.append(UInt16(name.count), to: &common)

    Self.append(0x0403_4B50 as UInt32, to: &data)
    data.append(common)
    Self.append(UInt16(4 + fill), to: &data)
    data.append(name)
    data.append(contentsOf: "FB".utf8)
    Self.append(UInt16(fill), to: &data)
    data.append(Data(repeating: 0, count: fill))
    data.append(content)

    Self.append(0x0201_4B50 as UInt32, to: &directory)
    Self.append(20 as UInt16, to: &directory)
    directory.append(common)
    // No extra field, comment, disk number or attributes.
    directory.append(Data(repeating: 0, count: 12))
    Self.append(UInt32(start), to: &directory)
    directory.append(name)
    count += 1
  }

  /// The whole file.
  consuming func finished() -> Data {
    let start = UInt32(data.count)
    data.append(directory)
    Self.append(0x0605_4B50 as UInt32, to: &data)
    for half in [0, 0, count, count] { Self.append(half, to: &data) }
    for word in [UInt32(directory.count), start] { Self.append(word, to: &data) }
    Self.append(0 as UInt16, to: &data)
    return data
  }

  private static func append(_ number: some FixedWidthInteger, to data: inout Data) {
    withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
  }
}

/// The checksum of zip files (polynomial 0xEDB88320), eight bytes at a time.
enum CRC32 {
  /// For each byte, what it leaves after 1 to 8 bytes.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var rest = UInt32(byte)
      for _ in 0..<8 { rest = rest & 1 == 1 ? rest >> 1 ^ 0xEDB8_8320 : rest >> 1 }
      tables[byte] = rest
    }
    for index in 256..<8 * 256 { tables[index] = tables[index - 256] >> 8 ^ tables[Int(tables[index - 256] & 255)] }
    return tables
  }()

  static func checksum(_ data: Data) -> UInt32 {
    tables.withUnsafeBufferPointer { tables in
      data.withUnsafeBytes { bytes in
        var rest = ~UInt32(0)
        var place = 0
        while place + 8 <= bytes.count {
          let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)) ^ UInt64(rest)
          rest = 0
          for byte in 0..<8 { rest ^= tables[(7 - byte) << 8 | Int(word >> (8 * UInt64(byte)) & 255)] }
          place += 8
        }
        for byte in bytes[place...] { rest = rest >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: rest) ^ byte)] }
        return ~rest
      }
    }
  }
}
