import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import Testing

/// The recipes for published weights, whose files nobody has here: with empty files in their places, nothing is wrong
/// with them but that these are empty.
struct RealWeightsTests {
  private static let folders = ["celeba-hq", "church", "bedroom", "afhq-dog", "imagenet"]

  /// As the README lists them.
  private static let weights = [
    "celeba_hq.ckpt", "church_outdoor.ckpt", "bedroom.ckpt", "afhq_dog_4m.pt", "512x512_diffusion.pt",
    "model_ir_se50.pth", "79999_iter.pth", "clip/ViT-B-16.pt", "clip/bpe_simple_vocab_16e6.txt.gz",
    "segformer-b0-ade/model.safetensors", "segformer-b0-ade/config.json", "lpips/alex.pth",
    "lpips/alexnet-owt-7be5be79.pth",
  ]

  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  @Test func everyRecipeIsInOrder() throws {
    let repository = try Repository("recipe: empty\nstages: {}")
    let recipes = repository.path("Recipes")
    try FileManager.default.copyItem(atPath: Self.root.appending(path: "Recipes").path, toPath: recipes)
    let picture = try repository.data("faces/ada.png")
    let pictures = Self.folders.flatMap { folder in
      ["train", "test", "unseen", "strokes"].map { "Pictures/\(folder)/\($0)/a.png" }
    }
    let detector = "Fixtures/models/face-detector.safetensors"
    for file in Self.weights.map({ "Weights/\($0)" }) + pictures + [detector] {
      let folder = repository.path(file).parentFolder
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try repository.write(pictures.contains(file) ? picture : Data(), to: file)
    }
    // Pictures too small for a face are refused before anything runs.
    let photograph = try Data(contentsOf: Self.root.appending(path: "Fixtures/photos/astronaut.png"))
    try FileManager.default.createDirectory(
      atPath: repository.path("Pictures/my-photos"), withIntermediateDirectories: true)
    try repository.write(photograph, to: "Pictures/my-photos/a.png")
    for folder in Self.folders {
      let names = repository.names(in: "Recipes/\(folder)")
      #expect(names.count >= 2)
      for name in names {
        let outcome = try repository.run("check", "Recipes/\(folder)/\(name)", "--json")
        let errors = try Self.errors(outcome)
        #expect(errors.allSatisfy(Self.isAboutAnEmptyFile), "\(folder)/\(name): \(errors)")
      }
    }
  }

  private static func errors(_ outcome: Outcome) throws -> [JSON] { try outcome.lines[0]["errors"]?.array ?? [] }

  private static func isAboutAnEmptyFile(_ error: JSON) -> Bool {
    error["message"]?.string?.contains("it is empty") ?? false
  }

  /// Each recipe of the paper, with published weights: it says which files it wants, all of them, and with them in place
  /// it is in order.
  @Test(arguments: ["celeba-hq", "church"]) func theRecipesOfThePaper(domain: String) throws {
    let repository = try Repository("recipe: empty\nstages: {}")
    try FileManager.default.copyItem(
      atPath: Self.root.appending(path: "Recipes").path, toPath: repository.path("Recipes"))
    let recipes = repository.names(in: "Recipes/paper").filter { $0.hasSuffix(".yaml") }
    #expect(recipes.count >= 15)
    let picture = try repository.data("faces/ada.png")
    for name in recipes {
      func check() throws -> [JSON] {
        try Self.errors(
          repository.run("check", "Recipes/paper/\(name)", "--set", "domain=\(domain)", "--profile", "ci", "--json"))
      }
      for error in try check() where !Self.isAboutAnEmptyFile(error) {
        let path = try #require(error["missing"]?.string, "\(name): \(error)")
        #expect(path.hasPrefix(repository.folder + "/"))
        let file = String(path.dropFirst(repository.folder.count + 1)).replacing("*", with: "a")
        let folder = file.fileExtension.isEmpty ? file : file.parentFolder
        try FileManager.default.createDirectory(atPath: repository.path(folder), withIntermediateDirectories: true)
        let isPicture = ["Pictures/", "Outputs/"].contains(where: file.hasPrefix)
        try repository.write(
          isPicture ? picture : Data(), to: folder == file ? file + "/model.safetensors" : file)
      }
      let again = try check()
      #expect(again.allSatisfy(Self.isAboutAnEmptyFile), "\(name): \(again)")
    }
  }

  @Test func aMissingFileIsNamed() throws {
    let repository = try Repository("recipe: empty\nstages: {}")
    try FileManager.default.copyItem(
      atPath: Self.root.appending(path: "Recipes").path, toPath: repository.path("Recipes"))
    let outcome = try repository.run("check", "Recipes/celeba-hq/manipulation.yaml")
    #expect(outcome.status == 2)
    for name in ["celeba_hq.ckpt", "clip", "model_ir_se50.pth", "79999_iter.pth"] {
      #expect(outcome.errors.contains("no such file '../../Weights/\(name)'"))
    }
    let plan = try repository.run("plan", "Recipes/paper/table-1.yaml", "--set", "domain=celeba-hq")
    #expect(plan.status == 2)
    #expect(
      plan.errors.hasSuffix(
        """

        3 files to obtain:
          Weights/celeba_hq.ckpt: the official DDPM of CelebA-HQ, from SDEdit
          Weights/lpips: a folder with LPIPS's alex.pth and torchvision's AlexNet
          Pictures/celeba-hq/test/*.*: faces to edit

        """), "\(plan.errors)")
  }
}
