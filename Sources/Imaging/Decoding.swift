import Foundation

extension Image {
  /// Decodes a PNG or JPEG file, told apart by content.
  ///
  /// The result is 8-bit RGB as seen on a screen: 16-bit channels are rounded, gray is repeated, palettes are looked
  /// up, alpha is composited over white or another gray, and the picture is turned upright as its EXIF orientation says. Embedded color
  /// profiles and gammas are ignored: samples are what they are in the file. A file that is damaged or ends early gives no
  /// picture at all.
  ///
  /// - Parameters:
  ///   - background: the gray behind what is transparent.
  ///   - name: the file as its user knows it, for error messages.
  /// - Throws: ``ImagingError``.
  public init(decoding data: Data, over background: UInt8 = 255, name: String) throws(ImagingError) {
    let bytes = [UInt8](data)
    if bytes.isEmpty { throw .empty(name: name) }
    if bytes.starts(with: PNG.signature) {
      self = try PNG.decode(bytes, over: background, name: name)
    } else if bytes.starts(with: JPEG.signature) {
      self = try JPEG.decode(bytes, name: name)
    } else {
      throw .unknownFormat(name: name, seen: describeFormat(of: bytes))
    }
  }

  /// - Throws: where a picture of that size is more than is handled.
  static func checkSize(width: Int, height: Int, name: String) throws(ImagingError) {
    let (count, overflow) = width.multipliedReportingOverflow(by: height)
    if overflow || count > maximumPixelCount { throw .tooLarge(name: name, width: width, height: height) }
  }
}

/// What a file that is neither PNG nor JPEG seems to be.
func describeFormat(of bytes: [UInt8]) -> String {
  func has(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text.utf8) }
  if has("GIF8") { return "it is a GIF" }
  if has("RIFF"), has("WEBP", at: 8) { return "it is a WebP" }
  if has("BM") { return "it is a BMP" }
  if has("II*\0") || has("MM\0*") { return "it is a TIFF" }
  if has("ftypavif", at: 4) { return "it is an AVIF" }
  if has("ftyp", at: 4) { return "it is a HEIC picture or a video" }
  if has("version https://git-lfs") { return "it is a Git LFS pointer, whose content is to be fetched first" }
  let start = bytes.prefix(8)
  if start.allSatisfy({ $0 >= 32 && $0 < 127 }) {
    return "it starts with \"\(String(decoding: start, as: UTF8.self))\""
  }
  return "it starts with the bytes " + start.map { String(format: "%02x", $0) }.joined(separator: " ")
}

/// Big-endian and little-endian numbers in untrusted bytes.
struct ByteReader {
  let bytes: ArraySlice<UInt8>
  var isBigEndian = true

  /// The 16-bit number at `offset` from the start, or nil where the bytes end before.
  func uint16(at offset: Int) -> Int? { number(at: offset, count: 2) }

  /// The 32-bit number at `offset` from the start, or nil where the bytes end before.
  func uint32(at offset: Int) -> Int? { number(at: offset, count: 4) }

  private func number(at offset: Int, count: Int) -> Int? {
    guard offset >= 0, offset <= bytes.count - count else { return nil }
    let part = bytes[(bytes.startIndex + offset)..<(bytes.startIndex + offset + count)]
    return isBigEndian ? part.reduce(0) { $0 << 8 | Int($1) } : part.reversed().reduce(0) { $0 << 8 | Int($1) }
  }
}
