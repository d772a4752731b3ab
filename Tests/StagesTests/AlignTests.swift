import ArtifactStore
import Checkpoints
import Foundation
import Imaging
import JSONSyntax
import StageKit
import Stages
import Testing

/// `align`, with the detector that ships.
@Suite struct AlignTests {
  private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func data(_ path: String) throws -> Data { try Data(contentsOf: repository.appending(path: path)) }

  private static func astronaut() throws -> Data { try data("Fixtures/photos/astronaut.png") }

  private static func pair() throws -> Data { try data("Tests/NetworksTests/Fixtures/detection/pair.png") }

  private func aligning(
    _ pictures: [(name: String, data: Data)], _ values: [String: Value] = [:]
  ) throws -> BenchContext {
    try BenchContext(
      "align", item: pictures.count == 1 ? pictures[0].name : nil, ["size": .int(64)].merging(values) { $1 },
      inputs: [
        "images": .one(.images, pictures),
        "detector": .one(.detector, [("", try Self.data("Fixtures/models/face-detector.safetensors"))]),
      ])
  }

  private func placement(_ data: Data) throws -> (source: String, corners: [[Double]]) {
    let json = try JSON(parsing: data)
    let corners = ["top_left", "top_right", "bottom_left"].map { json[$0]?.array?.compactMap(\.double) ?? [] }
    return (json["source"]?.string ?? "", corners)
  }

  @Test func theOnlyFaceIsCutOutUpright() throws {
    let turned = try Self.data("Tests/NetworksTests/Fixtures/detection/rotated.png")
    let written = try aligning([("turned", turned)]).run()
    let upright = try aligning([("upright", Self.astronaut())]).run()
    let images = try [written, upright].map { try #require($0["images"]?.first) }
    #expect(images.map(\.name) == ["turned", "upright"])
    let (a, b) = (try Image(decoding: images[0].data, name: "a"), try Image(decoding: images[1].data, name: "b"))
    #expect(a.width == 64 && a.height == 64)
    // The same face in both, but for what the turn cut off around it.
    let (one, other) = (a.crop(x: 16, y: 16, width: 32, height: 32), b.crop(x: 16, y: 16, width: 32, height: 32))
    let differences = zip(one.pixels, other.pixels).map { abs(Int($0) - Int($1)) }
    #expect(differences.reduce(0, +) < 12 * differences.count)
    let placement = try placement(#require(written["placements"]?.first).data)
    #expect(placement.source == "turned")
    // Turned clockwise by 25°, up to how upright she sits.
    let (left, right) = (placement.corners[0], placement.corners[1])
    #expect(abs(atan2(right[1] - left[1], right[0] - left[0]) * 180 / .pi - 28) < 4)
  }

  @Test func severalFacesAreChosenFrom() throws {
    let pair = [("two", try Self.pair())]
    #expect(
      issue { try aligning(pair).run() }
        == "picture 'two' (260×150) shows 2 faces: 1 at [46, 49, 98, 115] (1.00), 2 at [184, 61, 222, 107] (1.00), "
        + "as [left, top, right, bottom] in pixels and how sure it is; choose with `face: largest`, a number such as "
        + "`face: 2`, or `face: all`")
    let all = try aligning(pair, ["face": .string("all")]).run()
    #expect(all["images"]?.map(\.name) == ["two-1", "two-2"])
    #expect(all["placements"]?.map(\.name) == ["two-1", "two-2"])
    for (face, number) in [(Value.string("largest"), 0), (.int(1), 0), (.int(2), 1)] {
      let one = try aligning(pair, ["face": face]).run()
      #expect(one["images"]?.map(\.name) == ["two"])
      #expect(one["images"]?.first?.data == all["images"]?[number].data)
      #expect(one["placements"]?.first?.data == all["placements"]?[number].data)
    }
    #expect(
      issue { try aligning(pair, ["face": .int(3)]).run() }?
        .hasPrefix("picture 'two' (260×150) shows 2 faces, so there is no face 3: 1 at [46, ") == true)
    let wide = try aligning(pair, ["face": .int(2), "margin": .double(0.5)]).run()
    let (narrow, wider) = try (
      placement(#require(all["placements"]?[1]).data).corners, placement(#require(wide["placements"]?[0]).data).corners
    )
    func side(_ corners: [[Double]]) -> Double { hypot(corners[1][0] - corners[0][0], corners[1][1] - corners[0][1]) }
    #expect(abs(side(wider) / side(narrow) - 2) < 1e-9)
  }

  @Test func allFacesOfASetAreMade() throws {
    let set = [("a", try Self.astronaut()), ("b", try Self.pair())]
    let all = try aligning(set, ["face": .string("all")]).run()
    #expect(all["images"]?.map(\.name) == ["a-1", "b-1", "b-2"])
    let plain = try plainPicture(90, side: 64)
    func message(_ name: String) -> String {
      "picture '\(name)' (64×64) shows no face: lower `min_face` (it is 40) for smaller faces, cut the picture with "
        + "`crop`, or leave it out"
    }
    let more = try aligning(set + [("c", plain)], ["face": .string("all")])
    #expect(try more.run()["images"]?.map(\.name) == ["a-1", "b-1", "b-2"])
    #expect(more.lines == ["left out: \(message("c"))"])
    #expect(
      issue { try aligning([("c", plain), ("d", plain)], ["face": .string("all")]).run() }
        == message("c") + "\n" + message("d"))
  }

  @Test func whereThereIsNoFaceItSaysSo() throws {
    #expect(
      issue { try aligning([("tiny", plainPicture(90, side: 20))]).run() }
        == "picture 'tiny' (20×20): smaller than the smallest faces that are looked for: lower `min_face` (it is 40, at least 12), "
        + "enlarge the picture with `crop`, or leave it out")
    #expect(
      issue { try aligning([("photo", Self.astronaut())], ["confidence": .double(1)]).run() }?
        .hasPrefix("picture 'photo' (224×224) may show a face, of which the detector is not sure: 1 at [66, 60, ")
        == true)
  }

  @Test func whatIsNoChoiceOfAFaceIsRefused() throws {
    for (value, text) in [
      (Value.string("biggest"), "biggest"), (.int(0), "0"), (.double(1.5), "1.5"), (.bool(true), "true"),
    ] {
      let context = try BenchContext("align", ["face": value])
      #expect(
        context.issues() == ["'face' is \(text): expected one, largest, all, or a number from 1, the largest"])
    }
    for value in [Value.int(7), .string("7")] {
      #expect(try BenchContext("align", ["face": value]).issues().isEmpty)
    }
  }

  /// Gray pictures, and computed ones that are no PNG.
  @Test func anyFormOfPictureIsTaken() throws {
    let image = try Image(decoding: Self.astronaut(), name: "photo")
    let gray = stride(from: 0, to: image.pixels.count, by: 3).flatMap { place -> [UInt8] in
      let sum = Int(image.pixels[place]) + Int(image.pixels[place + 1]) + Int(image.pixels[place + 2])
      return Array(repeating: UInt8(sum / 3), count: 3)
    }
    let data = try Image(width: image.width, height: image.height, pixels: gray).pngData()
    #expect(try aligning([("gray", data)]).run()["images"]?.count == 1)
  }

  // MARK: The detector's files

  /// facenet-pytorch's folder: three files whose tensors are called alike.
  private func folder(without missing: String? = nil, renamed: String? = nil) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appending(path: "detector-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let whole = try Safetensors.read(Self.data("Fixtures/models/face-detector.safetensors"), from: "detector")
    for part in ["pnet", "rnet", "onet"] where part != missing {
      var own = whole.tensors
      for name in whole.tensors.keys {
        let tensor = own.removeValue(forKey: name)
        if name.hasPrefix("\(part).") { own[String(name.dropFirst(5))] = tensor }
      }
      let name = part == "onet" ? renamed ?? part : part
      try PyTorchFile.data(ofStateDictionary: own).write(to: folder.appending(path: "\(name).pt"))
    }
    return folder.path
  }

  private func load(_ folder: String) throws -> BenchContext {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { "\(folder)/\($0)" }
    let context = try BenchContext("load", ["detector": .string("x")], files: ["detector": files])
    try context.run()
    return context
  }

  @Test func facenetPyTorchsFilesAreTheDetectorThatShips() throws {
    let loaded = try Safetensors.read(#require(load(folder()).written["detector"]?.first).data, from: "loaded")
    let shipped = try Safetensors.read(Self.data("Fixtures/models/face-detector.safetensors"), from: "shipped")
    #expect(Set(loaded.tensors.keys) == Set(shipped.tensors.keys) && loaded.tensors.count == 50)
    for (name, tensor) in shipped.tensors { #expect(loaded.tensors[name]?.values == tensor.values, "\(name)") }
    #expect(loaded.metadata["description"] == "read from a MTCNN of facenet-pytorch")
  }

  @Test func aFolderThatLacksAPartIsRefused() throws {
    #expect(issue { _ = try load(folder(without: "rnet")) }?.contains("is in ") == true)
    #expect(issue { _ = try load(folder(renamed: "other")) }?.contains("is in ") == true)
  }
}
