import CPNG
import Foundation

/// PNG files by libpng's simplified interface, which keeps its jumps on errors inside of C.
enum PNG {
  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
  /// The chunk IEND.
  static let ending: [UInt8] = [0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82]

  /// - Throws: ``ImagingError``; never gives a picture of which a part is missing.
  static func decode(_ bytes: [UInt8], over background: UInt8 = 255, name: String) throws(ImagingError) -> Image {
    let chunks = try chunks(of: bytes, name: name)
    let (width, height) = try readSize(bytes, name: name)
    try Image.checkSize(width: width, height: height, name: name)
    return try pixels(withoutColorSpace(bytes, chunks), width: width, height: height, over: background, name: name)
      .upright(from: orientation(bytes, chunks))
  }

  private static func orientation(_ bytes: [UInt8], _ chunks: [Chunk]) -> Orientation {
    chunks.first { $0.type == "eXIf" }.flatMap { Orientation(inTIFF: bytes[$0.content]) } ?? .upright
  }

  /// The orientation that a file tells before its end or before `bytes` end.
  static func orientation(ofFileBeginning bytes: [UInt8]) -> Orientation {
    let reader = ByteReader(bytes: bytes[...])
    var chunks: [Chunk] = []
    var offset = signature.count
    while let length = reader.uint32(at: offset), offset + 12 + length <= bytes.count {
      let type = String(decoding: bytes[offset + 4..<offset + 8], as: UTF8.self)
      chunks.append(Chunk(type: type, whole: offset..<offset + 12 + length))
      offset += 12 + length
    }
    return orientation(bytes, chunks)
  }

  private static func pixels(
    _ bytes: [UInt8], width: Int, height: Int, over background: UInt8, name: String
  ) throws(ImagingError) -> Image {
    try bytes.withUnsafeBufferPointer { bytes throws(ImagingError) in
      let png = Picture()
      guard png_image_begin_read_from_memory(png.image, bytes.baseAddress, bytes.count) != 0 else {
        throw .corrupt(name: name, format: .png, detail: png.message)
      }
      // 16-bit channels without a gamma of their own are sRGB, as everybody writes them, not linear.
      png.image.pointee.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
      let hasAlpha = png.image.pointee.format & png_uint_32(PNG_FORMAT_FLAG_ALPHA) != 0
      let color = png_uint_32(PNG_FORMAT_FLAG_COLOR)
      png.image.pointee.format = hasAlpha ? color | png_uint_32(PNG_FORMAT_FLAG_ALPHA) : color
      let count = width * height * (hasAlpha ? 4 : 3)
      var isWhole = false
      let pixels = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        isWhole = png_image_finish_read(png.image, nil, buffer.baseAddress, 0, nil) != 0
        initialized = isWhole ? count : 0
      }
      guard isWhole else { throw .corrupt(name: name, format: .png, detail: png.message) }
      return Image(width: width, height: height, pixels: hasAlpha ? composited(pixels, over: background) : pixels)
    }
  }

  /// The same pixels always give the same bytes: zlib's default level, no time or text.
  /// - Throws: ``ImagingError/cannotEncode(width:height:detail:)`` where a side is too long for libpng.
  static func encode(_ picture: Image) throws(ImagingError) -> Data {
    let png = Picture()
    png.image.pointee.width = png_uint_32(clamping: picture.width)
    png.image.pointee.height = png_uint_32(clamping: picture.height)
    png.image.pointee.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
    // What deflate cannot shrink grows by five bytes a block, and by twelve for each IDAT chunk of 8 KiB.
    let rawCount = picture.height * (picture.width * 3 + 1)
    var count = rawCount + rawCount / 64 + 4096
    var file = Data(count: count)
    let isWritten = file.withUnsafeMutableBytes { file in
      png_image_write_to_memory(png.image, file.baseAddress, &count, 0, picture.pixels, 0, nil) != 0
    }
    guard isWritten else {
      throw .cannotEncode(width: picture.width, height: picture.height, detail: png.message)
    }
    return file.prefix(count)
  }

  struct Chunk {
    let type: String
    /// With its length, its type and its checksum.
    let whole: Range<Int>
    var content: Range<Int> { whole.lowerBound + 8..<whole.upperBound - 4 }
  }

  /// What says how the samples are to look on a screen. Samples are taken as they are stored, as Pillow does and so all
  /// code that networks are trained with; libpng would turn those with a gamma of their own into others.
  private static let colorSpaceTypes: Set = ["gAMA", "cHRM", "sRGB", "iCCP", "cICP"]

  static func withoutColorSpace(_ bytes: [UInt8], _ chunks: [Chunk]) -> [UInt8] {
    var kept = bytes
    for chunk in chunks.reversed() where colorSpaceTypes.contains(chunk.type) { kept.removeSubrange(chunk.whole) }
    return kept
  }

  /// All chunks up to the last, so that a file cut anywhere is told from a damaged one.
  static func chunks(of bytes: [UInt8], name: String) throws(ImagingError) -> [Chunk] {
    let reader = ByteReader(bytes: bytes[...])
    var chunks: [Chunk] = []
    var offset = signature.count
    while true {
      guard let length = reader.uint32(at: offset), offset + 8 <= bytes.count else {
        throw .truncated(name: name, format: .png, detail: "after \(bytes.count) bytes there is no IEND chunk")
      }
      let type = String(decoding: bytes[offset + 4..<offset + 8], as: UTF8.self)
      if offset == signature.count, type != "IHDR" || length != 13 {
        throw .corrupt(name: name, format: .png, detail: "its first chunk is not a header")
      }
      let end = offset + 8 + length + 4
      if end > bytes.count {
        let missing = end - bytes.count
        throw .truncated(
          name: name, format: .png,
          detail: "the chunk \(type) at byte \(offset) lacks \(missing) of its \(length + 12) bytes")
      }
      chunks.append(Chunk(type: type, whole: offset..<end))
      if type == "IEND" { return chunks }
      offset = end
    }
  }

  /// What the header chunk, which is there, tells.
  private static func readSize(_ bytes: [UInt8], name: String) throws(ImagingError) -> (width: Int, height: Int) {
    let reader = ByteReader(bytes: bytes[...])
    guard let width = reader.uint32(at: 16), let height = reader.uint32(at: 20), width > 0, height > 0 else {
      throw .corrupt(name: name, format: .png, detail: "it has no pixels")
    }
    // libpng's simplified interface gives wrong rows for these in 1.6.39 and later (pnggroup/libpng issue 853), and
    // overruns its buffer in earlier versions.
    let (bitDepth, isInterlaced) = (bytes[24], bytes[28] != 0)
    if bitDepth == 16 && isInterlaced { throw .interlacedDeepColor(name: name) }
    return (width, height)
  }

  /// RGB from RGBA over gray g: round((c·a + g·(255 − a)) / 255).
  private static func composited(_ rgba: [UInt8], over background: UInt8) -> [UInt8] {
    let count = rgba.count / 4
    return [UInt8](unsafeUninitializedCapacity: count * 3) { rgb, initialized in
      for pixel in 0..<count {
        let alpha = Int(rgba[pixel * 4 + 3])
        for channel in 0..<3 {
          let mixed = Int(rgba[pixel * 4 + channel]) * alpha + Int(background) * (255 - alpha)
          rgb[pixel * 3 + channel] = UInt8((mixed + 127) / 255)
        }
      }
      initialized = count * 3
    }
  }

  /// libpng's handle on one picture. It must not move between calls, hence the pointer.
  private final class Picture {
    let image: UnsafeMutablePointer<png_image>

    init() {
      image = .allocate(capacity: 1)
      image.initialize(to: png_image())
      image.pointee.version = png_uint_32(PNG_IMAGE_VERSION)
    }

    deinit {
      png_image_free(image)
      image.deallocate()
    }

    /// What libpng last warned of.
    var message: String {
      withUnsafeBytes(of: image.pointee.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
  }
}

extension Image {
  /// The picture as a PNG file. The same pixels always give the same bytes.
  /// - Throws: ``ImagingError/cannotEncode(width:height:detail:)`` where a side is longer than a million pixels.
  public func pngData(metadata: PictureMetadata = .none) throws(ImagingError) -> Data {
    PNG.file(try PNG.encode(self), with: metadata)
  }
}
