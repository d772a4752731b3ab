import Foundation
import Testing

/// The recipes for published weights, whose files nobody has here: with empty files in their places they are in order.
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
    let pictures = Self.folders.flatMap { folder in
      ["train", "test", "unseen", "strokes"].map { "Pictures/\(folder)/\($0)/a.png" }
    }
    for file in Self.weights.map({ "Weights/\($0)" }) + pictures {
      let folder = (repository.path(file) as NSString).deletingLastPathComponent
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try repository.write("", to: file)
    }
    for folder in Self.folders {
      let names = repository.names(in: "Recipes/\(folder)")
      #expect(names.count >= 2)
      for name in names {
        let outcome = try repository.run("check", "Recipes/\(folder)/\(name)")
        #expect(outcome.status == 0, "\(folder)/\(name): \(outcome.errors)")
      }
    }
    let figures = repository.names(in: "Recipes/paper").filter { $0.hasSuffix(".yaml") }
    #expect(figures.count >= 4)
    for name in figures {
      let outcome = try repository.run("check", "Recipes/paper/\(name)", "--set", "world=celeba-hq", "--profile", "ci")
      #expect(outcome.status == 0, "\(name): \(outcome.errors)")
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
  }
}
