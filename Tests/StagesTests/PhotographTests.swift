import ArtifactStore
import Checkpoints
import Foundation
import Imaging
import StageKit
import Tensors
import Testing

@testable import Stages

/// `crop` and `paste`, and what networks take of their pictures.
struct PhotographTests {
  /// Noise, so that every pixel is another.
  private static func photograph(_ width: Int, _ height: Int, seed: UInt64 = 1) -> Image {
    var random = RandomSource(seed: seed, name: "photograph")
    let pixels = (0..<width * height * 3).map { _ in UInt8(random.uniform() * 256) }
    return Image(width: width, height: height, pixels: pixels)
  }

  private func cut(
    _ image: Image, _ values: [String: Value]
  ) throws -> (picture: Data, placement: Placement) {
    let context = try BenchContext(
      "crop", item: "it", values, inputs: ["images": .one(.images, [("it", try image.pngData())])])
    let written = try context.run()
    let placement = try #require(written["placements"]?.first)
    return (try #require(written["images"]?.first).data, try Placement(placement.data, name: placement.name))
  }

  private func numbers(_ values: [Double]) -> Value { .list(values.map(Value.double)) }
  private func sides(_ width: Int, _ height: Int) -> Value { .list([.int(width), .int(height)]) }

  // MARK: crop

  @Test func cropsAreCopiesWhereNothingIsScaled() throws {
    let image = Self.photograph(60, 40)
    for (values, x, y, width, height) in [
      (["box": numbers([10, 5, 30, 35])], 10, 5, 20, 30),
      (["box": numbers([0.5, 0.25, 1, 0.75])], 30, 10, 30, 20),
      (["center": numbers([0.9, 0.5]), "share": .double(0.5)], 30, 10, 30, 20),
      (["multiple": .int(8)], 2, 0, 56, 40),
      (["multiple": .int(16), "box": numbers([1, 1, 60, 39])], 6, 4, 48, 32),
      (["box": numbers([10, 5, 30, 35]), "size": .int(20)], 10, 10, 20, 20),
      ([:], 0, 0, 60, 40),
    ] as [([String: Value], Int, Int, Int, Int)] {
      let (data, placement) = try cut(image, values)
      #expect(
        try Image(decoding: data, name: "it") == image.crop(x: x, y: y, width: width, height: height), "\(values)")
      #expect(placement.topLeft == .init(x: Double(x), y: Double(y)), "\(values)")
      #expect(placement.topRight.x == Double(x + width) && placement.bottomLeft.y == Double(y + height))
      #expect(placement.width == width && placement.height == height && placement.source == "it")
      #expect(placement.sourceWidth == 60 && placement.sourceHeight == 40)
    }
  }

  @Test func scaledCropsAreFloatsThatKnowTheirFrame() throws {
    let image = Self.photograph(60, 40)
    for (values, frame, width, height) in [
      (["size": .int(20)], Frame(left: 10, top: 0, width: 40, height: 40), 20, 20),
      (["size": .int(20), "fit": .string("contain")], Frame(left: 0, top: -10, width: 60, height: 60), 20, 20),
      (["size": sides(16, 24), "fit": .string("stretch")], Frame(left: 0, top: 0, width: 60, height: 40), 16, 24),
      (["size": sides(96, 64)], Frame(left: 0, top: 0, width: 60, height: 40), 96, 64),
      (["multiple": .int(8), "long_side": .int(25)], Frame(left: 0, top: 0, width: 60, height: 40), 24, 16),
    ] as [([String: Value], Frame, Int, Int)] {
      let (data, placement) = try cut(image, values)
      let tensor = try #require(Safetensors.read(data, from: "it").tensors["image"])
      #expect(tensor.shape == [height, width, 3], "\(values)")
      let expected = image.sampled(frame, width: width, height: height, border: .reflect)
      #expect(tensor.values == expected.values, "\(values)")
      #expect(placement.topLeft == .init(x: frame.left, y: frame.top), "\(values)")
      #expect(placement.topRight == .init(x: frame.right, y: frame.top))
      #expect(placement.bottomLeft == .init(x: frame.left, y: frame.bottom))
    }
  }

  @Test func whatCannotBeCutIsSaid() throws {
    func said(_ values: [String: Value], _ image: Image = Self.photograph(60, 40)) -> String? {
      issue { _ = try cut(image, values) }
    }
    #expect(
      said(["box": numbers([0, 0, 61, 40])])
        == "'box' reaches beyond 'it', which is 60×40: give one inside of it, or leave the picture out")
    #expect(
      said(["box": numbers([2, 2, 2.3, 9])])
        == "'box' holds less than a pixel of 'it', which is 60×40: give a larger one")
    #expect(
      said(["center": numbers([0, 41]), "share": .double(0.5)])
        == "'center' lies outside of 'it', which is 60×40 from its top left corner")
    #expect(
      said(["multiple": .int(64)])
        == "the part of 'it' is 60×40, smaller than one 'multiple' of 64: give a larger part"
    )
    #expect(
      said(["multiple": .int(8), "long_side": .int(8)])
        == "the part of 'it' is 60×40, with sides of at most 8 smaller than one 'multiple' of 8: give a larger 'long_side'"
    )
    let thread = Image(width: 1, height: 200_000, color: .white)
    #expect(
      said(["size": .int(64), "fit": .string("contain")], thread)
        == "'it' is 1×200000: too narrow to be brought to 64×64; give a part of it, or `fit: cover`")
    _ = try cut(thread, ["size": .int(64)])
  }

  @Test func parametersThatDoNotGoTogether() throws {
    func issues(_ values: [String: Value]) throws -> [String] { try BenchContext("crop", values).issues() }
    let cases: [([String: Value], String)] = [
      (["box": numbers([0, 0, 1])], "'box' has 3 numbers: give [left, top, right, bottom]"),
      (
        ["box": numbers([0.1, 0.1, 0.9, 20])],
        "'box' has 0.1 beside 20: give all in pixels, or all in shares of the picture, of which none is above 1"
      ),
      (["box": numbers([5, 0, 5, 9])], "'box' holds nothing: left must be below right, and top below bottom"),
      (
        ["box": numbers([0, 0, 9, 9]), "center": numbers([1, 1]), "share": .double(1)],
        "'crop' takes either 'box' or 'center': leave one out"
      ),
      (["center": numbers([1, 1, 1]), "share": .double(1)], "'center' has 3 numbers: give [x, y]"),
      (["center": numbers([1, 1])], "'center' needs 'share': how much of the picture's sides is cut out"),
      (["share": .double(0.5)], "'share' is for 'center': give it, or leave 'share' out"),
      (["size": .int(8), "multiple": .int(8)], "'crop' takes either 'size' or 'multiple': leave one out"),
      (["fit": .string("cover")], "'fit' is for 'size': leave it out"),
      (["size": .int(8), "border": .string("edge")], "'border' is for `fit: contain`: leave it out"),
      (["long_side": .int(64)], "'long_side' is for 'multiple': give it, too, or give a 'size'"),
      (
        ["long_side": .int(8), "multiple": .int(16)],
        "'long_side' is 8, less than one 'multiple' of 16: give a larger one"
      ),
    ]
    for (values, message) in cases { #expect(try issues(values) == [message]) }
    #expect(try issues(["size": .int(8), "fit": .string("contain"), "border": .string("edge")]) == [])
  }

  // MARK: paste

  private func pasted(
    into image: Data, _ parts: [(name: String, data: Data)], _ placements: [(name: String, data: Data)],
    _ inputs: [String: BenchContext.Input] = [:], _ values: [String: Value] = [:]
  ) throws -> BenchContext {
    try BenchContext(
      "paste", item: "it", values,
      inputs: [
        "into": .one(.images, [("it", image)]), "images": .one(.images, parts),
        "placements": .one(.placements, placements),
      ].merging(inputs) { $1 })
  }

  @Test func editsComeBackAndNothingElseChanges() throws {
    let image = Self.photograph(90, 70)
    let photo = try image.pngData()
    let (part, placement) = try cut(image, ["box": numbers([20, 10, 68, 58]), "size": .int(24)])
    let edit = Tensor(repeating: 0.5, shape: [1, 24, 24, 3])
    let parts: [(name: String, data: Data)] = [("it", try Picture.data(edit, name: "it"))]
    let places: [(name: String, data: Data)] = [("it", placement.data)]
    let context = try pasted(into: photo, parts, places)
    let result = try Image(decoding: #require(context.run()["images"]?.first).data, name: "it")
    for y in 0..<70 {
      for x in 0..<90 where !(20..<68).contains(x) || !(10..<58).contains(y) { #expect(result[x, y] == image[x, y]) }
    }
    #expect(result[44, 34] == Color(red: 191, green: 191, blue: 191))
    // With the part before the edit, what was not edited changes nothing at all, byte for byte.
    let same = try pasted(into: photo, [("it", part)], places, ["originals": .one(.images, [("it", part)])]).run()
    #expect(same["images"]?.first?.data == photo)
    // A picture that is called like a part of this one.
    func other(_ name: String) throws -> Data {
      try #require(
        Placement(
          source: name, sourceWidth: 9, sourceHeight: 9, width: 24, height: 24, topLeft: .init(x: 0, y: 0),
          topRight: .init(x: 9, y: 0), bottomLeft: .init(x: 0, y: 9))
      ).data
    }
    let strange = try pasted(into: photo, parts, [("it", other("other"))])
    #expect(
      issue { try strange.run() }
        == "'it' was cut out of 'other', not of 'it': a part is called like its picture, or like it with a number")
    let none = try pasted(into: photo, [("it-1", parts[0].data)], [("it-1", other("it-1"))])
    #expect(try none.run()["images"]?.first?.data == photo)
    #expect(none.lines == ["no edited part is of 'it': it stays as it was"])
  }

  @Test func metadataStayWithThePhotograph() throws {
    let exif: [UInt8] = Array("MM\0*".utf8) + [0, 0, 0, 8, 0, 0, 0, 0, 0, 0]
    let image = Self.photograph(20, 20)
    let jpeg = [UInt8](try image.jpegData(quality: 95))
    let segment = [0xFF, 0xE1, 0, UInt8(exif.count + 8)] + Array("Exif\0\0".utf8) + exif
    let metadata = try PictureMetadata(ofFile: Array(jpeg.prefix(2)) + segment + jpeg.dropFirst(2), name: "it")
    #expect(metadata.exif == exif)
    let photo = try image.pngData(metadata: metadata)
    let (part, placement) = try cut(image, ["box": numbers([4, 4, 12, 12])])
    let context = try pasted(into: photo, [("it", try plainPicture(9, side: 8))], [("it", placement.data)])
    let result = try #require(context.run()["images"]?.first).data
    #expect(try PictureMetadata(ofFile: [UInt8](result), name: "it") == metadata)
    #expect(try PictureMetadata(ofFile: [UInt8](part), name: "it") == .none)
    // And with the files that it becomes.
    for format in [ExportFormat.safetensors, .jpeg] {
      let file = try #require(Catalog.exported([result], .images, "it", origin: ["key": "k"], format: format).first)
      #expect(file.name == (format == .jpeg ? "it.jpg" : "it.png"))
      #expect(try PictureMetadata(ofFile: [UInt8](file.data), name: "it") == metadata)
    }
  }

  @Test func whatCannotBePastedIsSaid() throws {
    let image = Self.photograph(40, 40)
    let photo = try image.pngData()
    let (part, placement) = try cut(image, ["box": numbers([8, 8, 24, 24])])
    func said(
      _ parts: [(name: String, data: Data)], _ places: [(name: String, data: Data)]? = nil,
      _ inputs: [String: BenchContext.Input] = [:], into: Data? = nil
    ) -> String? {
      issue { try pasted(into: into ?? photo, parts, places ?? [("it", placement.data)], inputs).run() }
    }
    #expect(
      said([("strange", part)])
        == "'placements' has none for the part 'strange': give those of the stage that cut it out")
    #expect(
      said([("it", try plainPicture(9, side: 32))])
        == "the edited part 'it' is 32×32, but it was cut out at 16×16: paste it at that size")
    #expect(
      said([("it", part)], into: try plainPicture(9, side: 39))
        == "'it' was cut out of a 'it' of 40×40, but it is 39×39 here: give the pictures that were cut")
    #expect(
      said([("it", part)], nil, ["originals": .one(.images, [("other", part)])])
        == "'originals' has none for the part 'it': give those of the stage that cut it out")
    let small = try Mask(width: 8, height: 8, left: 0, top: 0, right: 8, bottom: 8).data
    #expect(
      said([("it", part)], nil, ["mask": .one(.masks, [("it", small)])])
        == "mask 'it' is 8×8, the picture 16×16: make the mask of the same pictures")
    let empty = try Mask(width: 16, height: 16, values: Array(repeating: 0, count: 256)).data
    #expect(
      said([("it", part)], nil, ["mask": .one(.masks, [("it", empty)])])
        == "mask 'it' is empty: nothing would be edited; choose another region, or leave the picture out")
    for text in ["", "{}", "[1]", "{\"source\":\"it\"}", String(decoding: placement.data, as: UTF8.self) + "x"] {
      #expect(
        said([("it", part)], [("it", Data(text.utf8))])
          == "it: expected a placement, as `align` and `crop` make it: make it again")
    }
    let flat = String(decoding: placement.data, as: UTF8.self).replacing(
      "\"bottom_left\":[8", with: "\"bottom_left\":[1e300")
    #expect(said([("it", part)], [("it", Data(flat.utf8))])?.hasPrefix("it: expected a placement") == true)
  }

  /// What is kept of an edit at half the resolution.
  @Test func masksLimitWhatIsTaken() throws {
    let image = Self.photograph(40, 40)
    let (_, placement) = try cut(image, ["size": .int(20)])
    let mask = Mask(width: 20, height: 20, left: 5, top: 5, right: 10, bottom: 10)
    let context = try pasted(
      into: image.pngData(), [("it", plainPicture(255, side: 20))], [("it", placement.data)],
      ["mask": .one(.masks, [("it", try mask.data)])], ["feather": .double(0)])
    let result = try Image(decoding: #require(context.run()["images"]?.first).data, name: "it")
    #expect(result[15, 15] == .white)
    for y in 0..<40 {
      for x in 0..<40 where !(9..<21).contains(x) || !(9..<21).contains(y) { #expect(result[x, y] == image[x, y]) }
    }
  }

  // MARK: Sizes

  /// Pictures of several sizes in one batch: each as alone.
  @Test func modelsTakeAllSizesThatTheirLevelsHalve() throws {
    let world = try SmallWorld.shared.get()
    let kind = try #require(Catalog.kinds.first { $0.name == "invert" })
    let batching = try #require(kind.batching)
    let pictures = try [(16, 16), (24, 16), (16, 24), (24, 16)].enumerated().map { place, size in
      (name: "\(place)", data: try Self.photograph(size.0, size.1, seed: UInt64(place)).pngData())
    }
    func context(_ picture: (name: String, data: Data)) throws -> BenchContext {
      try BenchContext(
        "invert", item: picture.name, ["steps": .int(3)],
        inputs: ["images": .one(.images, [picture]), "model": .one(.diffusion, [("", world.model)])])
    }
    let together = try pictures.map(context)
    try batching.run(together)
    for (picture, one) in zip(pictures, together) {
      let alone = try context(picture)
      try alone.run()
      let latent = try #require(one.written["latents"]?.first).data
      #expect(latent == alone.written["latents"]?.first?.data)
      #expect(one.counted == alone.counted)
      let back = try world.sampling(latent, ["steps": .int(3)]).run()["images"]?.first
      let shape = try Latent(latent, name: "it").image.shape
      #expect(try Picture.tensor(#require(back).data, name: "it").shape == shape)
    }
    #expect(together[1].counted.flop > 1.4 * together[0].counted.flop)
    #expect(together[1].lines == ["picture '1' is 24×16, the model was trained on 16×16"])
    #expect(together[0].lines.isEmpty)
    for (width, height) in [(17, 16), (16, 15), (128, 64)] {
      let odd = try context((name: "odd", data: Self.photograph(width, height).pngData()))
      #expect(
        issue { try odd.run() }
          == "picture 'odd' is \(width)×\(height), but the diffusion model takes sides that are multiples of 2 and at most "
          + "4096 pixels in all: load it with `size: 16`, at which the model was trained, or with another size")
    }
  }

  @Test func sizesAreNumbersOrPairs() throws {
    #expect(PictureSize(.int(5)) == PictureSize(side: 5))
    #expect(PictureSize(sides(5, 7)) == PictureSize(width: 5, height: 7))
    for value in [Value.list([.int(1)]), .list([.int(1), .double(2)]), .list([.int(1), .int(2), .int(3)]), .null] {
      #expect(PictureSize(value) == nil)
    }
    // The largest products do not trap.
    #expect(!TakenSizes(resolution: .max, step: 1).contains(PictureSize(width: .max, height: .max)))
    #expect(TakenSizes(resolution: 64, step: 8).contains(PictureSize(width: 96, height: 64)))
  }
}
