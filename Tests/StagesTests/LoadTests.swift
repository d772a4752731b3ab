import ArtifactStore
import Checkpoints
import Foundation
import StageKit
import Testing

@testable import Stages

/// `load` on files as they are published; that the networks compute the right thing is tested with them.
@Suite struct LoadTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("NetworksTests/Fixtures/published").path

  /// The paths of a file, or of all in a folder, as planning finds them.
  static func paths(_ name: String) throws -> [String] {
    let path = "\(folder)/\(name)"
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    return isFolder.boolValue
      ? try FileManager.default.contentsOfDirectory(atPath: path).sorted().map { "\(path)/\($0)" } : [path]
  }

  private func load(_ kind: String, _ name: String, _ hints: [String: Value] = [:]) throws -> BenchContext {
    let context = try BenchContext(
      "load", hints.merging([kind: .string(name)]) { $1 }, files: [kind: try Self.paths(name)])
    try context.run()
    return context
  }

  private static let small: [String: Value] = ["resolution": .int(16), "groups": .int(4), "head_channels": .int(4)]

  @Test(
    arguments: [
      ("diffusion", "ddpm.ckpt", ["resolution": .int(16), "groups": .int(2)], "ddpm-unet"),
      ("diffusion", "diffusers", [:], "ddpm-unet"), ("diffusion", "diffusers-old", [:], "ddpm-unet"),
      ("diffusion", "guided.pt", small, "guided-unet"), ("identity", "ir-se50.pth", [:], "ir-se50"),
      ("segmenter", "bisenet.pth", [:], "bisenet"), ("segmenter", "segformer", ["resolution": .int(64)], "segformer"),
      ("perceptual", "lpips-alex", [:], "lpips"), ("perceptual", "lpips-vgg", [:], "lpips"),
      ("perceptual", "lpips-whole.pth", [:], "lpips"), ("clip", "hf-clip", [:], "clip"),
      ("clip", "openai-clip", [:], "clip"), ("clip", "resnet-clip", [:], "clip"),
    ] as [(String, String, [String: Value], String)])
  func takesPublishedFiles(kind: String, name: String, hints: [String: Value], architecture: String) throws {
    let context = try load(kind, name, hints)
    let data = try #require(context.written[kind]?.first?.data)
    let again = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors")
    defer { try? FileManager.default.removeItem(at: again) }
    try data.write(to: again)
    let report = try ModelReport(path: again.path).json
    #expect(report["architecture"]?.string == architecture && report["kind"]?.string == kind)
    #expect(report["problems"]?.array == [])
    // What was read describes itself now, and is taken as it is.
    let second = try BenchContext("load", [kind: .string("x")], files: [kind: [again.path]])
    try second.run()
    #expect(second.written[kind]?.first?.data == data)
  }

  @Test func tellsWhatWasTakenAndAssumed() throws {
    let ddpm = try load("diffusion", "ddpm.ckpt", ["groups": .int(2)])
    #expect(
      ddpm.lines == [
        "took item 4, the average (EMA) of item 0; dropped 'module.' before each name",
        "took its resolution to be 32, as attention is usually at 16×16",
      ])
    let guided = try load("diffusion", "guided.pt", Self.small)
    #expect(
      guided.lines == ["ignores its 5 classes, as the official code does", "left out 1 tensor that is not used"])
  }

  @Test func aTextEncoderReadsAsTheCodeItIsFrom() throws {
    func cleaning(_ name: String) throws -> String? {
      let data = try #require(try load("clip", name).written["clip"]?.first?.data)
      return try Safetensors.read(data, from: name).metadata["cleaning"]
    }
    #expect(try cleaning("hf-clip") == "hugging_face")
    #expect(try cleaning("resnet-clip") == nil)
  }

  @Test func errorsSayWhatToDo() throws {
    func message(_ kind: String, _ name: String, _ hints: [String: Value] = [:]) -> String {
      (issue { _ = try load(kind, name, hints) } ?? "").replacing("\(Self.folder)/", with: "")
    }
    #expect(
      message("identity", "guided.pt", [:])
        == "guided.pt: the network's configuration is unusable: 4 channels cannot be split into 32 groups")
    #expect(
      message("identity", "bisenet.pth")
        == "bisenet.pth: expected a network for 'identity', found 'BiSeNet for faces'; load it as `segmenter`")
    #expect(
      message("clip", "openai-clip/ViT-tiny.pt")
        == "openai-clip/ViT-tiny.pt: the network's configuration is unusable: no merges for the tokenizer: put merges.txt "
        + "or bpe_simple_vocab_16e6.txt.gz beside the file, and load the folder")
    #expect(
      message("perceptual", "lpips-alex/alex.pth")
        == "lpips-alex/alex.pth: holds the weights of LPIPS without the network under them; put torchvision's file of it "
        + "(alexnet, vgg16 or squeezenet1_1) beside it and load the folder")
    #expect(message("diffusion", "hf-clip/vocab.json").hasPrefix("hf-clip/vocab.json: not a file of weights: "))
    let draft = try BenchContext("load", ["clip": .string("x"), "preset": .string("ffhq")])
    #expect(draft.issues() == ["'preset' is about a published model: remove it, or load diffusion"])
  }

  @Test func severalTablesWithTheSameColumnsAreOne() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "tables-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func load(_ texts: String...) throws -> String {
      let paths = try texts.enumerated().map { place, text in
        let file = folder.appending(path: "\(place).csv")
        try Data(text.utf8).write(to: file)
        return file.path
      }
      let context = try BenchContext("load", ["table": .string("x")], files: ["table": paths])
      return String(decoding: try #require(context.run()["table"]?.first).data, as: UTF8.self)
    }
    #expect(try load("a,b\r\n1,2") == "a,b\r\n1,2")
    #expect(try load("a,b\r\n1,\"2\"", "a,b\n", "a,b\n3,\"4,5\"\n") == "a,b\n1,2\n3,\"4,5\"\n")
    func message(_ other: String) -> String? {
      issue { _ = try load("a,b\n1,2\n", other) }?.replacing("\(folder.path)/", with: "")
    }
    #expect(
      message("b,a\n1,2\n")
        == "1.csv: its columns are b, a, but those of 0.csv are a, b: load tables with other columns apart")
    #expect(
      message("a,b\n1\n")
        == "1.csv: expected a table as CSV: a header, then rows of as many cells, quotes closed")
  }

  @Test func picturesThatANetworkCannotTakeAreRefused() throws {
    let network = try #require(try load("perceptual", "lpips-alex").written["perceptual"]?.first?.data)
    let picture = try plainPicture(100)
    let context = try BenchContext(
      "metric", item: "a", ["measures": .list([.string("perceptual")])],
      inputs: [
        "images": .one(.images, [("a", picture)]), "reference": .one(.images, [("a", picture)]),
        "perceptual": .one(.perceptual, [("", network)]),
      ])
    #expect(
      issue { try context.run() }
        == "picture 'a' is 16×16, but 'perceptual' needs pictures of at least 31×31: load them with `size`")
  }

  @Test func reportsAreForPeopleToo() throws {
    let text = try ModelReport(path: "\(Self.folder)/hf-clip").text(listing: false)
      .replacing(Self.folder, with: "")
    #expect(text.hasPrefix("/hf-clip: safetensors, "))
    #expect(text.contains("\nmodel: CLIP of Hugging Face, for `load: {clip: …}`\n"))
    #expect(text.hasSuffix("\nmissing: nothing\n"))
    let other = try ModelReport(path: "\(Self.folder)/guided.expected.safetensors").text(listing: true)
    #expect(
      other.contains("\nmodel: none that is known here\n") && other.contains("\n  output/y: F32 [2, 16, 16, 6]\n"))
  }
}
