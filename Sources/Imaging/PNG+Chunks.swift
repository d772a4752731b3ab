import CPNG
import Foundation

// Chunks of PNG files besides the pixels: metadata and texts (PNG, third edition, 11.3).

extension PNG {
  /// A text under a keyword of Latin letters.
  typealias Text = (keyword: String, text: String)

  /// The metadata that a file carries in the chunks eXIf and iCCP.
  static func metadata(
    of bytes: [UInt8], name: String
  ) throws(ImagingError) -> (exif: ArraySlice<UInt8>?, profile: [UInt8]?) {
    let chunks = try chunks(of: bytes, name: name)
    func content(_ type: String) -> ArraySlice<UInt8>? { chunks.first { $0.type == type }.map { bytes[$0.content] } }
    guard let packed = content("iCCP") else { return (content("eXIf"), nil) }
    // The profile's name, a zero, the method of compression, which is 0, and the profile.
    guard let end = packed.prefix(80).firstIndex(of: 0), end + 1 < packed.endIndex, packed[end + 1] == 0 else {
      throw .badMetadata(name: name, part: .profile, detail: "its chunk is damaged")
    }
    return (content("eXIf"), try inflated(packed[(end + 2)...], name: name))
  }

  private static func inflated(_ packed: ArraySlice<UInt8>, name: String) throws(ImagingError) -> [UInt8] {
    var length = uLongf(PictureMetadata.longestProfile)
    var status = Z_OK
    let packed = Array(packed)
    let profile = [UInt8](unsafeUninitializedCapacity: PictureMetadata.longestProfile) { buffer, count in
      status = uncompress(buffer.baseAddress, &length, packed, uLong(packed.count))
      count = status == Z_OK ? Int(length) : 0
    }
    if status == Z_BUF_ERROR { throw .longProfile(name: name, PictureMetadata.longestProfile + 1) }
    guard status == Z_OK else { throw .badMetadata(name: name, part: .profile, detail: "it does not unpack") }
    return profile
  }

  /// The texts of a file that are not compressed.
  static func texts(of bytes: [UInt8], name: String) throws(ImagingError) -> [Text] {
    try chunks(of: bytes, name: name).filter { $0.type == "iTXt" }.compactMap { chunk in
      let content = bytes[chunk.content]
      // Keyword, 0, whether it is compressed, how, language, 0, keyword in that language, 0, text.
      let parts = content.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, parts[1].starts(with: [0, 0]) else { return nil }
      let rest = parts[1].dropFirst(2).split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
      guard rest.count == 3 else { return nil }
      return (String(decoding: parts[0], as: UTF8.self), String(decoding: rest[2], as: UTF8.self))
    }
  }

  /// A file of this module's with more chunks behind its header.
  static func file(_ data: Data, with metadata: PictureMetadata, _ texts: [Text] = []) -> Data {
    var added: [UInt8] = []
    if let profile = metadata.profile {
      added += chunk("iCCP", Array("ICC profile".utf8) + [0, 0] + deflated(profile))
    }
    if let exif = metadata.exif { added += chunk("eXIf", exif) }
    for text in texts {
      added += chunk("iTXt", Array(text.keyword.utf8) + [0, 0, 0, 0, 0] + Array(text.text.utf8))
    }
    guard !added.isEmpty else { return data }
    // A profile says all that the chunk sRGB would; PNG forbids both.
    let bytes = [UInt8](data)
    let chunks = metadata.profile == nil ? [] : (try? chunks(of: bytes, name: "")) ?? []
    var file = chunks.isEmpty ? data : Data(withoutColorSpace(bytes, chunks))
    file.insert(contentsOf: added, at: file.startIndex + signature.count + 25)
    return file
  }

  private static func deflated(_ bytes: [UInt8]) -> [UInt8] {
    var length = compressBound(uLong(bytes.count))
    return [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, count in
      let status = compress(buffer.baseAddress, &length, bytes, uLong(bytes.count))
      precondition(status == Z_OK, "compression into enough memory does not fail")
      count = Int(length)
    }
  }

  private static func chunk(_ type: String, _ content: [UInt8]) -> [UInt8] {
    func number(_ value: UInt) -> [UInt8] { stride(from: 24, through: 0, by: -8).map { UInt8(value >> $0 & 255) } }
    let checked = Array(type.utf8) + content
    return number(UInt(content.count)) + checked + number(UInt(crc32(0, checked, uInt(checked.count))))
  }
}

extension Image {
  /// The texts that a PNG file carries, by their keywords; none for another file.
  /// - Throws: ``ImagingError`` where the file ends early.
  public static func texts(ofFile data: Data, name: String) throws(ImagingError) -> [(keyword: String, text: String)] {
    guard data.starts(with: PNG.signature) else { return [] }
    return try PNG.texts(of: [UInt8](data), name: name)
  }

  /// A PNG file that this program wrote, with a text of a keyword of Latin letters.
  public static func png(_ data: Data, adding text: (keyword: String, text: String)) -> Data {
    PNG.file(data, with: .none, [text])
  }
}
