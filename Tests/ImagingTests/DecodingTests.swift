import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct DecodingTests {
  static let pngs = [
    "rgb", "gray", "rgba", "rgba-interlaced", "rgb-interlaced", "gray-alpha", "gray-1-bit", "gray-4-bit", "palette",
    "palette-4-bit", "palette-transparent", "rgb-color-key", "rgb-16-bit", "gray-16-bit",
  ].map { "\($0).png" }
  static let jpegs = ["rgb.jpg", "rgb-420.jpg", "progressive.jpg", "gray.jpg"]

  @Test(arguments: pngs) func decodesEveryKindOfPNGExactly(name: String) throws {
    let expected = try Fixture.expected(name, width: 13, height: 9)
    expectEqual(try Fixture.image(name), expected, tolerance: 0, name)
  }

  /// One level of tolerance: JPEG decoders may round differently.
  @Test(arguments: jpegs) func decodesEveryKindOfJPEG(name: String) throws {
    let expected = try Fixture.expected(name, width: 21, height: 15)
    expectEqual(try Fixture.image(name), expected, tolerance: 1, name)
  }

  @Test(arguments: 1...8) func turnsPhotographsUpright(orientation: Int) throws {
    let name = "exif-\(orientation).jpg"
    let (width, height) = orientation < 5 ? (21, 15) : (15, 21)
    let expected = try Fixture.expected(name, width: width, height: height)
    expectEqual(try Fixture.image(name), expected, tolerance: 1, name)
  }

  /// The chunk that a PNG has for EXIF is followed as a JPEG's segment is, in both byte orders.
  @Test(arguments: [UInt8](1...8), [true, false]) func turnsPNGsUpright(orientation: UInt8, isBigEndian: Bool) throws {
    let entry: [UInt8] =
      isBigEndian
      ? [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]
      : [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]
    let stored = try Fixture.image("rgb.png")
    let turned = try Image(decoding: Fixture.data("rgb.png", adding: "eXIf", entry), name: "turned")
    let jpeg = orientation < 5
    #expect((turned.width, turned.height) == (jpeg ? 13 : 9, jpeg ? 9 : 13))
    // Where the first stored pixel comes to lie.
    let (right, bottom) = (turned.width - 1, turned.height - 1)
    let place = [(0, 0), (right, 0), (right, bottom), (0, bottom), (0, 0), (right, 0), (right, bottom), (0, bottom)]
    let (x, y) = place[Int(orientation) - 1]
    #expect(turned[x, y] == stored[0, 0])
  }

  /// What shows through is as much lighter over white as over black, in all colors.
  @Test(arguments: ["rgba.png", "gray-alpha.png", "palette-transparent.png"]) func showsWhatIsBehind(
    name: String
  ) throws {
    let light = try Fixture.image(name)
    let dark = try Image(decoding: Fixture.data(name), over: 0, name: name)
    let differences = zip(light.pixels, dark.pixels).map { Int($0) - Int($1) }
    #expect(differences.allSatisfy { $0 >= 0 } && differences.contains { $0 > 100 })
    for pixel in stride(from: 0, to: differences.count, by: 3) {
      let own = differences[pixel..<pixel + 3]
      #expect((own.max() ?? 0) - (own.min() ?? 0) <= 1)
    }
  }

  /// As Pillow has it, samples are what is stored.
  @Test(arguments: ["rgb.png", "rgba.png", "gray.png", "palette.png", "rgb-16-bit.png"])
  func gammasChangeNothing(name: String) throws {
    for gamma: UInt32 in [100_000, 45_455, 22_727] {
      let bytes = (0..<4).map { UInt8(truncatingIfNeeded: gamma >> (24 - 8 * $0)) }
      let marked = try Image(decoding: Fixture.data(name, adding: "gAMA", bytes), name: name)
      #expect(try marked == Fixture.image(name))
    }
  }

  @Test(arguments: [("astronaut", 224), ("photographer", 192)])
  func decodesTheProjectsPhotographs(name: String, side: Int) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
    let photo = try Data(contentsOf: root.appending(path: "Fixtures/photos/\(name).png"))
    let image = try Image(decoding: photo, name: name)
    #expect((image.width, image.height) == (side, side))
  }

  @Test func decodesASliceOfData() throws {
    let file = try Fixture.data("rgb.png")
    let slice = (Data([1, 2, 3]) + file).dropFirst(3)
    #expect(try Image(decoding: slice, name: "slice") == Fixture.image("rgb.png"))
  }

  @Test func encodesWhatItDecodesAndAlwaysTheSame() throws {
    let image = try Fixture.image("resize.png")
    let file = try image.pngData()
    #expect(try Image(decoding: file, name: "again") == image)
    #expect(try file == image.pngData())
    var generator = SeededGenerator(seed: 7)
    for side in [1, 2, 100, 257] {
      let noise = (0..<side * side * 3).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let image = Image(width: side, height: side, pixels: noise)
      #expect(try Image(decoding: image.pngData(), name: "noise") == image)
    }
  }

  @Test func encodesAJPEGCloseToThePicture() throws {
    var shades: [UInt8] = []
    for y in 0..<30 { for x in 0..<40 { shades += [UInt8(x * 6), UInt8(y * 8), 128] } }
    let image = Image(width: 40, height: 30, pixels: shades)
    let file = try image.jpegData(quality: 95)
    let again = try Image(decoding: file, name: "again")
    #expect((again.width, again.height) == (image.width, image.height))
    var error = 0
    for (mine, other) in zip(again.pixels, image.pixels) { error += abs(Int(mine) - Int(other)) }
    #expect(error < 3 * image.pixels.count, "a mean error of 3")
    #expect(try file == image.jpegData(quality: 95))
    #expect(try image.jpegData(quality: 30).count < file.count)
  }

  @Test func refusesToEncodeWhatAFormatCannotHold() {
    let long = Image(width: 1_000_001, height: 1, color: .black)
    #expect(throws: ImagingError.self) { try long.pngData() }
    #expect(throws: ImagingError.self) { try long.jpegData(quality: 85) }
  }
}

/// What a user sees of files that are not pictures.
@Suite struct DecodingErrorTests {
  private func message(_ data: Data, _ name: String) -> String {
    do {
      let image = try Image(decoding: data, name: name)
      return "decoded \(image.width)x\(image.height)"
    } catch {
      return "\(error)"
    }
  }

  @Test func namesFileAndFaultAndRemedy() throws {
    let png = try Fixture.data("rgb.png")
    #expect(
      message(png.prefix(200), "portraits/a.png") == """
        portraits/a.png: the PNG ends early: the chunk IDAT at byte 33 lacks 216 of its 383 bytes. Copy or download it \
        again.
        """)
    #expect(
      message(png.dropLast(12), "a.png")
        == "a.png: the PNG ends early: after 416 bytes there is no IEND chunk. Copy or download it again.")
    var damaged = png
    damaged[100] ^= 1
    // What libpng says of it differs between versions.
    #expect(message(damaged, "a.png").hasPrefix("a.png: the PNG is damaged: IDAT: "))
    #expect(message(damaged, "a.png").hasSuffix(". Copy, download or export it again."))

    let jpeg = try Fixture.data("rgb.jpg")
    #expect(
      message(jpeg.dropLast(200), "a.jpg")
        == "a.jpg: the JPEG ends early: the end-of-image marker is missing. Copy or download it again.")
    #expect(
      try message(Fixture.data("cmyk.jpg"), "a.jpg") == """
        a.jpg: the JPEG has printing colors (CMYK), which look different on every printer. Save it as RGB.
        """)

    #expect(
      try message(Fixture.data("rgb-16-bit-interlaced.png"), "a.png") == """
        a.png: the PNG is interlaced and has 16 bits a channel, which are not read together. Save it without \
        interlacing.
        """)

    #expect(message(Data(), "a.png") == "a.png: the file is empty. A PNG or JPEG picture is expected.")
    #expect(
      message(Data("RIFF\u{10}\0\0\0WEBPVP8 ".utf8), "a.webp")
        == "a.webp: not a PNG or JPEG picture: it is a WebP. Convert it to PNG or JPEG.")
    #expect(
      message(Data("<!DOCTYPE html>".utf8), "a.jpg")
        == "a.jpg: not a PNG or JPEG picture: it starts with \"<!DOCTYP\". Convert it to PNG or JPEG.")
    #expect(
      message(Data([0, 1, 0xAB]), "a")
        == "a: not a PNG or JPEG picture: it starts with the bytes 00 01 ab. Convert it to PNG or JPEG.")
  }

  @Test func refusesHugePicturesBeforeTakingMemory() throws {
    var png = try Fixture.data("rgb.png")
    png.replaceSubrange(16..<24, with: [0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF])
    #expect(
      message(png, "bomb.png") == """
        bomb.png: 2147483647x2147483647 pixels are too many: at most 64 million are handled. Make it smaller.
        """)
    var jpeg = try Fixture.data("rgb.jpg")
    let frame = try #require(jpeg.firstRange(of: Data([0xFF, 0xC0])))
    jpeg.replaceSubrange(frame.lowerBound + 5..<frame.lowerBound + 9, with: [0xFF, 0xDC, 0xFF, 0xDC])
    #expect(
      message(jpeg, "bomb.jpg") == """
        bomb.jpg: 65500x65500 pixels are too many: at most 64 million are handled. Make it smaller.
        """)
  }

  @Test(arguments: DecodingTests.pngs + DecodingTests.jpegs)
  func neverShowsAPartOfATruncatedPicture(name: String) throws {
    let file = try Fixture.data(name)
    for count in 0..<file.count {
      #expect(throws: ImagingError.self, "the first \(count) bytes of \(name)") {
        try Image(decoding: file.prefix(count), name: name)
      }
    }
  }

  @Test func refusesJPEGsOfEndlessScans() throws {
    let file = try Fixture.data("progressive.jpg")
    let scan = try #require(file.firstRange(of: Data([0xFF, 0xDA])))
    let next = try #require(file[(scan.upperBound)...].firstRange(of: Data([0xFF, 0xC4])))
    let bomb = file[..<next.lowerBound] + Data((0..<200).flatMap { _ in file[scan.lowerBound..<next.lowerBound] })
    #expect(message(bomb, "bomb.jpg").contains("bomb.jpg: the JPEG is damaged"))
  }
}

@Suite struct DecodingFuzzTests {
  /// Whatever bytes come, decoding returns a picture of its size or throws.
  @Test func survivesMutatedFiles() throws {
    let names = DecodingTests.pngs + DecodingTests.jpegs + ["exif-6.jpg", "cmyk.jpg"]
    let files = try names.map { try [UInt8](Fixture.data($0)) }
    var generator = SeededGenerator(seed: 2021)
    var (decoded, refused) = (0, 0)
    for round in 0..<20_000 {
      var bytes = files[round % files.count]
      mutate(&bytes, using: &generator)
      do {
        let image = try Image(decoding: Data(bytes), name: "fuzz")
        #expect(image.pixels.count == image.width * image.height * 3)
        decoded += 1
      } catch {
        refused += 1
      }
    }
    // Both ways are exercised.
    #expect(decoded > 500 && refused > 10_000, "\(decoded) decoded, \(refused) refused")
  }

  private func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 1...4, using: &generator) where bytes.count > 12 {
      // Mutations in the signature only test the sniffing.
      let place = Int.random(in: 8..<bytes.count, using: &generator)
      switch Int.random(in: 0..<5, using: &generator) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 2: bytes.remove(at: place)
      case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
      default: bytes.removeLast(min(bytes.count - place, 20))
      }
    }
    if Bool.random(using: &generator) { repairChecksums(&bytes) }
  }

  /// Makes the checksums of a PNG's chunks right again, so that mutations reach what is behind them.
  private func repairChecksums(_ bytes: inout [UInt8]) {
    guard bytes.starts(with: [0x89, 0x50]) else { return }
    var offset = 8
    while offset + 12 <= bytes.count {
      let length = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
      let end = offset + 8 + length
      guard end + 4 <= bytes.count else { return }
      let sum = checksum(bytes[offset + 4..<end])
      for index in 0..<4 { bytes[end + index] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * index)) }
      offset = end + 4
    }
  }

  /// CRC-32 as in the PNG specification.
  private func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    ~bytes.reduce(~0 as UInt32) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 0 ? 0 : 0xEDB8_8320) }
    }
  }
}
