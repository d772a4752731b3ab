import Foundation
import Testing

@testable import Imaging

/// EXIF, color profiles and texts in picture files.
@Suite struct MetadataTests {
  private func metadata(_ name: String) throws -> PictureMetadata {
    try PictureMetadata(ofFile: [UInt8](Fixture.data(name)), name: name)
  }

  private func issue(_ bytes: [UInt8]) -> String? {
    #expect(throws: ImagingError.self) { try PictureMetadata(ofFile: bytes, name: "it") }?.description
  }

  @Test(arguments: ["metadata.jpg", "metadata.png"]) func readsWhatPillowWrote(name: String) throws {
    let found = try metadata(name)
    #expect(try found.profile == [UInt8](Fixture.data("metadata.icc")))
    let exif = try #require(found.exif)
    // It was stored on its side, and is upright once it is decoded.
    #expect(Orientation(inTIFF: exif[...]) == .upright)
    #expect(Data(exif).range(of: Data("a camera".utf8)) != nil)
    #expect(try Fixture.image(name).width == 15 && Fixture.image(name).height == 21)
  }

  @Test func otherFilesHaveNone() throws {
    for name in ["rgb.jpg", "rgb.png"] { #expect(try metadata(name) == .none) }
  }

  @Test func goesIntoBothFormatsAndBack() throws {
    let image = try Fixture.image("resize.png")
    let plain = try metadata("metadata.jpg")
    // A profile that needs several segments of a JPEG.
    var long = [UInt8](repeating: 7, count: 200_000)
    long.replaceSubrange(0..<4, with: [0, 3, 0x0D, 0x40])
    long.replaceSubrange(36..<40, with: "acsp".utf8)
    let png = try PNG.file(image.pngData(), with: PictureMetadata(ofFile: jpeg(profile: long), name: "long"))
    // PNG has one or the other.
    let types = try PNG.chunks(of: [UInt8](png), name: "long").map(\.type)
    #expect(types.contains("iCCP") && !types.contains("sRGB"))
    for metadata in [plain, try PictureMetadata(ofFile: [UInt8](png), name: "png"), .none] {
      let written = try image.pngData(metadata: metadata)
      #expect(try PictureMetadata(ofFile: [UInt8](written), name: "png") == metadata)
      #expect(try Image(decoding: written, name: "png") == image)
      let small = try image.jpegData(quality: 90, metadata: metadata)
      #expect(try PictureMetadata(ofFile: [UInt8](small), name: "jpeg") == metadata)
      #expect(try Image(decoding: small, name: "jpeg") == Image(decoding: image.jpegData(quality: 90), name: "jpeg"))
    }
    #expect(try image.pngData(metadata: .none) == image.pngData())
  }

  @Test func textsAreReadBack() throws {
    let data = try Fixture.image("rgb.png").pngData(metadata: metadata("metadata.png"))
    let written = Image.png(data, adding: ("diffusionclip", "{\"recipe\": \"größe\"}"))
    let texts = try Image.texts(ofFile: written, name: "it")
    #expect(texts.map(\.keyword) == ["diffusionclip"] && texts.map(\.text) == ["{\"recipe\": \"größe\"}"])
    #expect(try Image(decoding: written, name: "it") == Fixture.image("rgb.png"))
    #expect(try Image.texts(ofFile: Fixture.data("rgb.jpg"), name: "it").isEmpty)
    // Compressed, cut off or of other sorts: no text, and no trap.
    for content in ["", "k", "k\0", "k\0\u{1}\0\0\0x", "k\0\0\0\0", "k\0\0\0en\0t"] {
      let odd = try Fixture.data("rgb.png", adding: "iTXt", Array(content.utf8))
      #expect(try Image.texts(ofFile: odd, name: "it").isEmpty)
    }
  }

  // MARK: Hostile files

  /// A TIFF structure of one directory.
  private func tiff(_ entries: [[UInt8]], next: [UInt8] = [0, 0, 0, 0], rest: [UInt8] = []) -> [UInt8] {
    Array("MM\0*".utf8) + [0, 0, 0, 8, UInt8(entries.count >> 8), UInt8(entries.count & 255)] + entries.flatMap { $0 }
      + next + rest
  }

  private func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
    [0xFF, marker, UInt8((content.count + 2) >> 8), UInt8((content.count + 2) & 255)] + content
  }

  private func jpeg(exif: [UInt8]) throws -> [UInt8] {
    let file = [UInt8](try Fixture.data("rgb.jpg"))
    return Array(file.prefix(2)) + segment(0xE1, Array("Exif\0\0".utf8) + exif) + file.dropFirst(2)
  }

  private func jpeg(profile: [UInt8], numbers: [(UInt8, UInt8)]? = nil) throws -> [UInt8] {
    let file = [UInt8](try Fixture.data("rgb.jpg"))
    let parts = stride(from: 0, to: profile.count, by: 60_000).map { profile[$0..<min($0 + 60_000, profile.count)] }
    let numbers = numbers ?? parts.indices.map { (UInt8($0 + 1), UInt8(parts.count)) }
    return Array(file.prefix(2))
      + zip(parts, numbers).flatMap { segment(0xE2, Array("ICC_PROFILE\0".utf8) + [$1.0, $1.1] + $0) }
      + file.dropFirst(2)
  }

  @Test func damagedExifIsRefused() throws {
    let make: [UInt8] = [1, 15, 0, 2, 0, 0, 0, 2, 65, 0, 0, 0]
    #expect(try PictureMetadata(ofFile: jpeg(exif: tiff([make])), name: "it").exif?.count == 8 + 2 + 12 + 4)
    let damaged: [([UInt8], String)] = [
      (Array("XX\0*".utf8) + [0, 0, 0, 8, 0, 0], "it does not begin as a TIFF structure does"),
      (Array("MM\0*".utf8) + [0, 0, 0, 200], "its first directory does not lie in it"),
      (Array("MM\0*".utf8) + [0, 0, 0, 0], "its first directory does not lie in it"),
      (Array(tiff([make]).dropLast(5)), "its first directory does not lie in it"),
      (tiff([[1, 15, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 8]]), "the entry 271 does not lie in it"),
      (tiff([[1, 15, 0, 12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]]), "the entry 271 does not lie in it"),
      (tiff([[1, 15, 0, 99, 0, 0, 0, 1, 0, 0, 0, 0]]), "the entry 271 is of the unknown type 99"),
      (tiff([[1, 15, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]]), "the entry 271 is of the unknown type 0"),
    ]
    for (exif, detail) in damaged {
      #expect(
        try issue(jpeg(exif: exif))
          == "it: its EXIF cannot be kept: \(detail). Drop the metadata, or save the picture again.")
    }
    let png = try Fixture.data("rgb.png", adding: "eXIf", tiff([make], rest: Array(repeating: 0, count: 70_000)))
    #expect(issue([UInt8](png))?.contains("more than the 65527 that are handled") == true)
  }

  @Test func thumbnailsAreLeftOut() throws {
    // The second directory says that the thumbnail is the last four bytes.
    let second: [UInt8] =
      [0, 2] + [2, 1, 0, 4, 0, 0, 0, 1, 0, 0, 0, 44] + [2, 2, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4] + [0, 0, 0, 0]
    let exif = tiff([], next: [0, 0, 0, 14], rest: second + [9, 9, 9, 9])
    let kept = try #require(PictureMetadata(ofFile: jpeg(exif: exif), name: "it").exif)
    #expect(exif.count == 48 && kept.count == 48)
    #expect(kept[10..<14].allSatisfy { $0 == 0 } && kept.suffix(4).allSatisfy { $0 == 0 })
    // One that says it lies elsewhere does no harm.
    for place: UInt8 in [0, 47, 255] {
      var odd = exif
      odd[14 + 2 + 11] = place
      #expect(try PictureMetadata(ofFile: jpeg(exif: odd), name: "it").exif?.count == 48)
    }
  }

  @Test func damagedProfilesAreRefused() throws {
    var profile = [UInt8](try Fixture.data("metadata.icc"))
    let notOne = "it: its color profile cannot be kept: it is not what an ICC profile is."
    let incomplete = "it: its color profile cannot be kept: its parts are not complete."
    let long = Array(repeating: profile, count: 300).flatMap { $0 }
    for numbers: [(UInt8, UInt8)] in [
      [(1, 3), (2, 3)], [(1, 3), (2, 3), (2, 3)], [(0, 3), (1, 3), (2, 3)], [(1, 9), (2, 3), (3, 3)],
    ] {
      #expect(try issue(jpeg(profile: long, numbers: numbers))?.hasPrefix(incomplete) == true)
    }
    #expect(try issue(jpeg(profile: long))?.hasPrefix(notOne) == true)
    profile[38] = 0
    #expect(try issue(jpeg(profile: profile))?.hasPrefix(notOne) == true)
    #expect(try issue(jpeg(profile: [1, 2, 3]))?.hasPrefix(notOne) == true)
    func packed(_ content: [UInt8]) throws -> String? {
      try issue([UInt8](Fixture.data("rgb.png", adding: "iCCP", content)))
    }
    #expect(try packed(Array("name".utf8))?.contains("its chunk is damaged") == true)
    #expect(try packed(Array("name\0".utf8))?.contains("its chunk is damaged") == true)
    #expect(try packed(Array("name\0\0 no zlib".utf8))?.contains("it does not unpack") == true)
    // It would be larger than any profile.
    let bomb = Self.stored(zeros: 5 << 20)
    #expect(try packed(Array("name\0\0".utf8) + bomb)?.contains("more than the 4194304 that are handled") == true)
  }

  /// Whatever is done to files, there is metadata or an error.
  @Test func anyBytesAreReadOrRefused() throws {
    for name in ["metadata.jpg", "metadata.png"] {
      let file = [UInt8](try Fixture.data(name))
      var random = SystemRandomNumberGenerator()
      for _ in 0..<2000 {
        var bytes = file
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          bytes[Int.random(in: 2..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if Bool.random() { bytes = Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random))) }
        if let found = try? PictureMetadata(ofFile: bytes, name: "it") {
          #expect((found.exif?.count ?? 0) <= PictureMetadata.longestExif)
        }
      }
    }
  }

  /// So many zeros in the format of zlib, not compressed.
  private static func stored(zeros count: Int) -> [UInt8] {
    var blocks: [UInt8] = []
    for start in stride(from: 0, to: count, by: 65_535) {
      let length = min(65_535, count - start)
      blocks += [start + length == count ? 1 : 0]
      blocks += [length & 255, length >> 8, ~length & 255, ~length >> 8 & 255].map { UInt8($0) }
      blocks += [UInt8](repeating: 0, count: length)
    }
    // Adler-32 of zeros: 1 and their number.
    let sum = UInt32(count % 65521) << 16 | 1
    return [0x78, 0x01] + blocks + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> UInt32($0)) }
  }
}
