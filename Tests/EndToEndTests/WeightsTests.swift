import ArtifactStore
import Foundation
import StageKit
import Stages
import TestSupport
import Testing
import WeightsCatalog

/// Published networks: the catalog, mirrors, and `weights`.
struct WeightsTests {
  @Test func theCatalogIsInOrder() throws {
    let load = try #require(Catalog.kinds.first { $0.name == "load" })
    let parameters = Set(load.parameters.map(\.name))
    #expect(Set(PublishedNetworks.entries.map(\.name)).count == PublishedNetworks.entries.count)
    for entry in PublishedNetworks.entries {
      #expect(parameters.contains(entry.parameter) && parameters.isSuperset(of: entry.hints.keys), "\(entry.name)")
      #expect(!entry.files.isEmpty && !entry.license.isEmpty && !entry.summary.isEmpty)
      #expect(Set(entry.files.map(\.name)).count == entry.files.count)
      for file in entry.files {
        #expect(!file.name.contains("/") && (file.sha256 == nil) == (file.word == nil), "\(file.name)")
        if let sha256 = file.sha256 { #expect(Digest(hex: sha256)?.hex == sha256, "\(file.name)") }
        for url in file.urls { #expect(url.hasPrefix("https://") && URL(string: url) != nil, "\(url)") }
        // What its publisher wrote of a digest into a name or an address is that of the digest.
        if file.name.contains("-") || file.urls.contains(where: { $0.contains("/clip/models/") }) {
          let digits = file.name.split(separator: "-").last?.prefix { $0.isHexDigit } ?? ""
          if digits.count == 8 { #expect(file.sha256?.hasPrefix(digits) == true, "\(file.name)") }
        }
      }
      if !entry.isPinned, entry.files.contains(where: { $0.urls.isEmpty }) { #expect(!entry.note.isEmpty) }
    }
  }

  /// An entry stands for its addresses, digests and preset.
  @Test func aRecipeNamesAnEntry() throws {
    let repository = try Repository(
      """
      recipe: published
      stages:
        short: { load: { diffusion: { catalog: celeba-hq } } }
        clip: { load: { clip: { catalog: clip-vit-b-16 } } }
      """)
    let plan = try repository.run("plan", "recipe.yaml")
    #expect(plan.status == 0)
    let file = try #require(PublishedNetworks.entry("celeba-hq")?.files.first)
    #expect(plan.output.contains("downloads \(file.urls[0]) unless it is at"), "\(plan)")
    for file in PublishedNetworks.entry("clip-vit-b-16")?.files ?? [] {
      #expect(plan.output.contains("downloads \(file.urls.joined(separator: ", or ")) unless it is at"), "\(plan)")
    }
    // Its preset is said for it.
    try #require(try repository.run("plan", "recipe.yaml", "--out", "plan.json").status == 0)
    #expect(try repository.text("plan.json").contains("celeba-hq"))
  }

  @Test(arguments: [
    (
      "diffusion: { catalog: celeba }",
      "the catalog has no 'celeba' for 'diffusion' of 'load'"
    ),
    ("clip: { catalog: celeba-hq }", "'celeba-hq' of the catalog is for 'diffusion', not for 'clip' of 'load'"),
    (
      "diffusion: { catalog: afhq-dog }",
      "'afhq-dog' of the catalog cannot be fetched for 'diffusion' of 'load': no address is known that gives afhq_dog_4m.pt"
    ),
    ("diffusion: { catalog: lsun-church }", "nobody has published the SHA-256 of church_outdoor.ckpt"),
    ("diffusion: { catalog: celeba-hq, url: x }", "unknown 'url' in 'diffusion' of 'load'"),
  ])
  func whatTheCatalogDoesNotGiveIsSaid(source: String, error: String) throws {
    let repository = try Repository("recipe: x\nstages:\n  base: { load: { \(source) } }\n", faces: [])
    let outcome = try repository.run("check", "recipe.yaml")
    #expect(outcome.status == 2 && outcome.errors.contains(error), "\(outcome)")
  }

  /// A dead address, then one with another file, then the right one.
  @Test func addressesAreAskedInTurn() throws {
    let model = try WholeRecipe.finished().repository.data("out/base.safetensors")
    let gone = try ScriptedServer(Array(model), answers: [.refuse("403 Forbidden")])
    let liar = try ScriptedServer(Array(model), answers: [.lie, .lie, .lie, .lie])
    let good = try ScriptedServer(Array(model))
    let repository = try Repository(
      """
      recipe: mirrored
      stages:
        base:
          load:
            diffusion: { url: ["\(gone.url)", "\(liar.url)", "\(good.url)"], sha256: \(Digest(of: model).hex) }
      """)
    let outcome = try repository.run("run", "recipe.yaml")
    #expect(outcome.status == 0 && good.requests == [0], "\(outcome)")
    #expect(outcome.errors.contains("answers 403; trying the next address"), "\(outcome)")
    #expect(outcome.errors.contains("expected \(Digest(of: model).hex)"), "\(outcome)")
    let none = try Repository(
      "recipe: x\nstages: { base: { load: { diffusion: { url: [], sha256: \(Digest(of: model).hex) } } } }")
    #expect(try none.run("check", "recipe.yaml").errors.contains("'url' in 'diffusion' of 'load' has no address"))
  }

  @Test func entriesAreListedAndFetched() throws {
    let repository = try Repository("recipe: x\nstages: {}", faces: [])
    let list = try repository.run("weights", "list")
    #expect(list.status == 0 && list.output.contains("imagenet-512-classes") && list.output.contains("clip-vit-b-16"))
    let listed = try repository.run("weights", "--json").lines[0]["entries"]?.array
    #expect(listed?.count == PublishedNetworks.entries.count)

    // Nobody has published this digest: what comes is taken, and its digest told.
    let content = Array(Data("dogs".utf8))
    let server = try ScriptedServer(content)
    let mirror = "http://127.0.0.1:\(server.port)/weights"
    let got = try repository.run("weights", "get", "afhq-dog", "--from", mirror)
    #expect(
      got.status == 0 && got.output.contains("SHA-256 \(Digest(of: Data(content)).hex), which nobody has published"))
    #expect(try repository.data("Weights/afhq_dog_4m.pt") == Data(content))
    #expect(try repository.run("weights", "get", "afhq-dog").output.contains("it was there already"))

    // Here it is known: another file is neither taken nor overwritten.
    let refused = try repository.run("weights", "get", "ffhq", "--from", mirror)
    #expect(refused.status == 2 && refused.errors.contains("its SHA-256 is"), "\(refused)")
    #expect(repository.names(in: "Weights") == ["afhq_dog_4m.pt"])
    try repository.write("mine", to: "Weights/ffhq_10m.pt")
    #expect(try repository.run("weights", "get", "ffhq").errors.contains("it is another file; move it away"))
    #expect(try repository.text("Weights/ffhq_10m.pt") == "mine")
    let missing = try repository.run("weights", "get", "afhq", "--to", "elsewhere")
    #expect(missing.status == 2 && missing.errors.contains("did you mean"), "\(missing)")
    #expect(repository.names(in: "elsewhere").isEmpty)
  }
}
