/// What a picture file says besides its pixels: what a camera wrote down, and which colors the numbers mean.
///
/// It is untrusted: sizes are bounded and structures checked before anything of it is kept.
public struct PictureMetadata: Sendable, Equatable {
  /// EXIF as a TIFF structure, of an upright picture and without a thumbnail; nil where there is none.
  public let exif: [UInt8]?
  /// An ICC profile; nil where there is none.
  public let profile: [UInt8]?

  public static let none = PictureMetadata(exif: nil, profile: nil)

  /// What fits into the one segment that a JPEG has for EXIF.
  public static let longestExif = 65_527
  /// Those of cameras and screens have some thousand bytes, the largest of printers two million.
  public static let longestProfile = 4 << 20

  fileprivate init(exif: [UInt8]?, profile: [UInt8]?) {
    self.exif = exif
    self.profile = profile
  }

  /// That of a PNG or JPEG file, which is told apart by its content.
  /// - Throws: ``ImagingError/badMetadata(name:part:detail:)``, or where the file ends early.
  public init(ofFile bytes: [UInt8], name: String) throws(ImagingError) {
    let isPNG = bytes.starts(with: PNG.signature)
    let found = isPNG ? try PNG.metadata(of: bytes, name: name) : try JPEG.metadata(of: bytes, name: name)
    exif = try found.exif.map { bytes throws(ImagingError) in try Exif.checked(bytes, name: name) }
    if let profile = found.profile { try Self.check(profile: profile, name: name) }
    profile = found.profile
  }

  /// An ICC profile begins with its length, and has a signature at byte 36 (ICC.1:2022, 7.2).
  private static func check(profile: [UInt8], name: String) throws(ImagingError) {
    let reader = ByteReader(bytes: profile[...])
    guard profile.count >= 128, reader.uint32(at: 0) == profile.count, profile[36..<40].elementsEqual("acsp".utf8)
    else {
      throw .badMetadata(name: name, part: .profile, detail: "it is not what an ICC profile is")
    }
  }
}

/// EXIF: a TIFF structure of directories (EXIF 2.32, 4.6).
enum Exif {
  /// Bytes of a value of each type, from 1.
  private static let sizes = [1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4]

  /// The structure, if it is sound as far as it is read here, with the orientation set upright, as the pixels are after
  /// decoding, and without its thumbnail, which shows the picture before any edit.
  static func checked(_ bytes: ArraySlice<UInt8>, name: String) throws(ImagingError) -> [UInt8] {
    func bad(_ detail: String) -> ImagingError { .badMetadata(name: name, part: .exif, detail: detail) }
    // Some programs put the head of a JPEG's segment before it in PNGs too.
    var tiff = Array(bytes.starts(with: "Exif\0\0".utf8) ? bytes.dropFirst(6) : bytes)
    guard tiff.count <= PictureMetadata.longestExif else {
      throw bad("it has \(tiff.count) bytes, more than the \(PictureMetadata.longestExif) that are handled")
    }
    let isBigEndian = tiff.starts(with: [0x4D, 0x4D])
    guard isBigEndian || tiff.starts(with: [0x49, 0x49]) else {
      throw bad("it does not begin as a TIFF structure does")
    }
    let reader = ByteReader(bytes: tiff[...], isBigEndian: isBigEndian)
    /// Where the entries of a directory begin, how many there are, and where the next directory's place stands.
    func directory(at offset: Int) -> (first: Int, count: Int, next: Int)? {
      guard offset >= 8, let count = reader.uint16(at: offset) else { return nil }
      let next = offset + 2 + 12 * count
      return reader.uint32(at: next) == nil ? nil : (offset + 2, count, next)
    }
    guard reader.uint16(at: 2) == 42, let start = reader.uint32(at: 4), let main = directory(at: start) else {
      throw bad("its first directory does not lie in it")
    }
    for entry in stride(from: main.first, to: main.next, by: 12) {
      let (tag, type) = (reader.uint16(at: entry) ?? 0, reader.uint16(at: entry + 2) ?? 0)
      let (count, value) = (reader.uint32(at: entry + 4) ?? 0, reader.uint32(at: entry + 8) ?? 0)
      guard sizes.indices.contains(type - 1) else { throw bad("the entry \(tag) is of the unknown type \(type)") }
      let length = sizes[type - 1] * count
      guard length <= 4 || value <= tiff.count - length else { throw bad("the entry \(tag) does not lie in it") }
      if tag == 0x0112, type == 3 {
        (tiff[entry + 8], tiff[entry + 9]) = isBigEndian ? (0, 1) : (1, 0)
      }
    }
    if let second = reader.uint32(at: main.next).flatMap(directory) {
      var (place, length) = (0, 0)
      for entry in stride(from: second.first, to: second.next, by: 12) {
        if reader.uint16(at: entry) == 0x0201 { place = reader.uint32(at: entry + 8) ?? 0 }
        if reader.uint16(at: entry) == 0x0202 { length = reader.uint32(at: entry + 8) ?? 0 }
      }
      let end = min(tiff.count, place + length)
      if place >= 8, place < end { for index in place..<end { tiff[index] = 0 } }
    }
    for index in main.next..<main.next + 4 { tiff[index] = 0 }
    return tiff
  }
}

extension JPEG {
  /// The segments before the picture's data, with their markers.
  static func segments(of bytes: [UInt8]) -> [(marker: Int, content: ArraySlice<UInt8>)] {
    let reader = ByteReader(bytes: bytes[...])
    var segments: [(marker: Int, content: ArraySlice<UInt8>)] = []
    var offset = 2
    while let marker = reader.uint16(at: offset), let length = reader.uint16(at: offset + 2) {
      let end = offset + 2 + length
      // Only segments with a length come before the first scan (0xFFDA).
      guard marker >= 0xFFC0, marker <= 0xFFFE, marker != 0xFFDA, length >= 2, end <= bytes.count else { break }
      segments.append((marker, bytes[offset + 4..<end]))
      offset = end
    }
    return segments
  }

  /// The TIFF structure of EXIF: the first segment APP1 that is one.
  static func exif(of bytes: [UInt8]) -> ArraySlice<UInt8>? {
    segments(of: bytes).first { $0.marker == 0xFFE1 && $0.content.starts(with: exifHead) }?.content
      .dropFirst(exifHead.count)
  }

  private static let exifHead = Array("Exif\0\0".utf8)
  private static let profileHead = Array("ICC_PROFILE\0".utf8)
  /// What is left for a part of a profile in one segment.
  private static let longestPart = 65_533 - 14

  static func metadata(
    of bytes: [UInt8], name: String
  ) throws(ImagingError) -> (exif: ArraySlice<UInt8>?, profile: [UInt8]?) {
    // A profile lies in several segments APP2, each with its number and how many there are (ICC.1:2022, B.4).
    let parts = segments(of: bytes)
      .filter { $0.marker == 0xFFE2 && $0.content.starts(with: profileHead) && $0.content.count >= 14 }
      .map { $0.content.dropFirst(profileHead.count) }
    guard let first = parts.first else { return (exif(of: bytes), nil) }
    let ordered = parts.sorted { $0[$0.startIndex] < $1[$1.startIndex] }
    let length = parts.reduce(0) { $0 + $1.count - 2 }
    guard ordered.map({ Int($0[$0.startIndex]) }).elementsEqual(1...ordered.count),
      parts.allSatisfy({ $0[$0.startIndex + 1] == first[first.startIndex + 1] }),
      Int(first[first.startIndex + 1]) == parts.count
    else { throw .badMetadata(name: name, part: .profile, detail: "its parts are not complete") }
    guard length <= PictureMetadata.longestProfile else { throw .longProfile(name: name, length) }
    return (exif(of: bytes), ordered.flatMap { $0.dropFirst(2) })
  }

  /// A file with metadata behind its first marker.
  static func file(_ data: [UInt8], with metadata: PictureMetadata) -> [UInt8] {
    func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
      let length = content.count + 2
      return [0xFF, marker, UInt8(length >> 8), UInt8(length & 255)] + content
    }
    var added = metadata.exif.map { segment(0xE1, exifHead + $0) } ?? []
    if let profile = metadata.profile {
      let count = (profile.count + longestPart - 1) / longestPart
      for part in 0..<count {
        let content = profile[part * longestPart..<min((part + 1) * longestPart, profile.count)]
        added += segment(0xE2, profileHead + [UInt8(part + 1), UInt8(count)] + content)
      }
    }
    return added.isEmpty ? data : Array(data.prefix(2)) + added + data.dropFirst(2)
  }
}

extension ImagingError {
  static func longProfile(name: String, _ length: Int) -> ImagingError {
    .badMetadata(
      name: name, part: .profile,
      detail: "it has \(length) bytes, more than the \(PictureMetadata.longestProfile) that are handled")
  }
}
