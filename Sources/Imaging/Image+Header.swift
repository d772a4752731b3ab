import FileSystem
import Foundation

extension Image {
  /// How many bytes of a file tell its picture's size, but for odd ones.
  private static let headerLength = 1 << 18

  /// The size of the picture in a file, turned upright; nil where the file's beginning does not tell, or cannot be read.
  ///
  /// Only a file that does not end as its format has it is decoded, to see whether something of it is lost.
  /// - Throws: ``ImagingError`` where it is no picture that is read, or ends early.
  public static func size(ofFile path: String) throws(ImagingError) -> (width: Int, height: Int)? {
    guard let (file, status) = try? InputFile.open(path) else { return nil }
    defer { close(file) }
    let size = Int(status.st_size)
    guard let beginning = bytes(min(size, headerLength), of: file) else { return nil }
    let found = try self.size(ofFileBeginning: beginning, name: path)
    let ending = beginning.starts(with: PNG.signature) ? PNG.ending : JPEG.ending
    var end = beginning.suffix(ending.count)
    if size > beginning.count {
      guard lseek(file, off_t(size - ending.count), SEEK_SET) >= 0, let last = bytes(ending.count, of: file) else {
        return nil
      }
      end = last[...]
    }
    if !end.elementsEqual(ending) {
      guard lseek(file, 0, SEEK_SET) == 0, let whole = bytes(size, of: file) else { return nil }
      _ = try Image(decoding: Data(whole), name: path)
    }
    return found
  }

  /// Whether a plain file begins as a PNG or JPEG file does; false where it cannot be read.
  public static func isPicture(file path: String) -> Bool {
    guard let (file, _) = try? InputFile.open(path) else { return false }
    defer { close(file) }
    guard let beginning = bytes(PNG.signature.count, of: file) else { return false }
    return beginning.starts(with: PNG.signature) || beginning.starts(with: JPEG.signature)
  }

  /// The next bytes of a file; nil where it has fewer.
  private static func bytes(_ count: Int, of file: Int32) -> [UInt8]? {
    var filled = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      filled = InputFile.fill(UnsafeMutableRawBufferPointer(buffer), from: file)
      initialized = max(0, filled)
    }
    return filled == count ? bytes : nil
  }

  /// The size of the picture whose file begins so, turned upright; nil where that does not tell.
  static func size(ofFileBeginning bytes: [UInt8], name: String) throws(ImagingError) -> (width: Int, height: Int)? {
    if bytes.isEmpty { throw .empty(name: name) }
    let reader = ByteReader(bytes: bytes[...])
    if bytes.starts(with: PNG.signature) {
      guard bytes.count >= 33 else {
        throw .truncated(name: name, format: .png, detail: "after \(bytes.count) bytes there is no header")
      }
      guard let width = reader.uint32(at: 16), let height = reader.uint32(at: 20), width > 0, height > 0 else {
        throw .corrupt(name: name, format: .png, detail: "it has no pixels")
      }
      try checkSize(width: width, height: height, name: name)
      return turned(width, height, by: PNG.orientation(ofFileBeginning: bytes))
    }
    guard bytes.starts(with: JPEG.signature) else { throw .unknownFormat(name: name, seen: describeFormat(of: bytes)) }
    var offset = 2
    while let marker = reader.uint16(at: offset), let length = reader.uint16(at: offset + 2), length >= 2 {
      // A start of frame, of any kind of coding, and not one of the tables that have such numbers too.
      if (0xFFC0...0xFFCF).contains(marker), ![0xFFC4, 0xFFC8, 0xFFCC].contains(marker) {
        guard let height = reader.uint16(at: offset + 5), let width = reader.uint16(at: offset + 7) else { return nil }
        // A height of 0 stands in a later segment.
        guard width > 0, height > 0 else { return nil }
        try checkSize(width: width, height: height, name: name)
        return turned(width, height, by: Orientation(ofJPEG: bytes))
      }
      guard marker >= 0xFFC0, marker != 0xFFDA else { return nil }
      offset += 2 + length
    }
    return nil
  }

  private static func turned(_ width: Int, _ height: Int, by orientation: Orientation) -> (width: Int, height: Int) {
    orientation.swapsSides ? (height, width) : (width, height)
  }
}
