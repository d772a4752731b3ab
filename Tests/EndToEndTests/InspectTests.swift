import ArtifactStore
import Foundation
import Testing

/// `inspect` on files of each format, and `load` of one in a recipe.
struct InspectTests {
  private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .path

  private static func fixture(_ name: String) -> String { "\(tests)/\(name)" }

  private func inspected(_ name: String, _ options: String...) throws -> Outcome {
    let repository = try Repository("recipe: none\n", faces: [])
    return try repository.run(["inspect", Self.fixture(name)] + options)
  }

  @Test(arguments: [
    ("NetworksTests/Fixtures/published/guided.pt", "PyTorch", nil, nil),
    ("NetworksTests/Fixtures/published/ddpm.ckpt", "PyTorch before 1.6", "official DDPM checkpoint", "diffusion"),
    ("NetworksTests/Fixtures/published/openai-clip", "TorchScript", "CLIP of OpenAI or open_clip", "clip"),
    ("NetworksTests/Fixtures/published/hf-clip", "safetensors", "CLIP of Hugging Face", "clip"),
    ("NetworksTests/Fixtures/published/segformer", "safetensors", "SegFormer of Hugging Face", "segmenter"),
    ("CheckpointsTests/Fixtures/c.npy", "NumPy", nil, nil),
  ])
  func tellsFormatsAndModels(name: String, format: String, model: String?, kind: String?) throws {
    let report = try inspected(name, "--json").lines[0]
    #expect(report["formats"] == [.string(format)])
    if format == "PyTorch" {
      // Its groups and heads are not those of the published models.
      #expect(report["model"] == .null)
      #expect(report["problems"]?.array?.first?.string?.hasSuffix("4 channels cannot be split into 32 groups") == true)
    } else if name.hasSuffix("ddpm.ckpt") {
      #expect(report["note"]?.string == "took item 4, the average (EMA) of item 0; dropped 'module.' before each name")
      #expect(report["model"] == .null)
    } else {
      #expect(report["model"] == .optional(model) && report["kind"]?.string == kind)
      #expect(report["problems"]?.array?.isEmpty == (model != nil))
    }
    #expect((report["tensors"]?.array?.count ?? 0) >= 1)
  }

  @Test func tellsPeople() throws {
    let outcome = try inspected("NetworksTests/Fixtures/published/lpips-alex", "--tensors")
    #expect(outcome.status == 0)
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines[1] == "holds: 17 tensors, 11154 numbers (F16 × 17)")
    #expect(lines[2] == "model: LPIPS, for `load: {perceptual: …}`")
    #expect(lines[3] == #"network: lpips {"divisor":16,"trunk":"alex"}"#)
    #expect(lines[5] == "note: left out 2 tensors that are not used")
    #expect(lines[6] == "missing: nothing")
    #expect(lines.contains("  lin0.model.1.weight: F16 [1, 4, 1, 1]"))
  }

  @Test func refusesWhatIsNoFileOfWeights() throws {
    let missing = try inspected("nowhere.pt")
    #expect(missing.status == 2)
    #expect(missing.errors == "\(Self.fixture("nowhere.pt")): cannot be read: No such file or directory\n")
    let harmful = try inspected("CheckpointsTests/Fixtures/harmful-2.pt")
    #expect(harmful.status == 2)
    #expect(harmful.errors.contains("refuses to load: its pickle asks for 'posix.system'"))
  }

  /// A published model is inverted with and sampled from, and loading it twice gives the same bytes.
  @Test func aPublishedModelServesARecipe() throws {
    let repository = try Repository(
      """
      recipe: published
      stages:
        base:
          load: { diffusion: guided.pt, resolution: 16, groups: 4, head_channels: 4 }
        faces: { load: { images: faces/*.png, size: 16 } }
        latents: { invert: { images: faces, model: base, return_step: 300, steps: 4 } }
        again: { sample: { latents: latents, model: base, steps: 4 } }
        scores: { metric: { images: again, reference: faces, measures: [mae] } }
      outputs: [scores]
      """, faces: ["ada"])
    try FileManager.default.copyItem(
      atPath: Self.fixture("NetworksTests/Fixtures/published/guided.pt"), toPath: repository.path("guided.pt"))
    let first = try repository.run("run", "recipe.yaml", "--json")
    #expect(first.status == 0, "\(first.errors)")
    let digests = try repository.digests("published")
    let second = try repository.run("run", "recipe.yaml", "--json", "--force", "base")
    #expect(try second.status == 0 && second.finished["ran"] == 1)
    #expect(try repository.digests("published") == digests)
    let wrong = try repository.run("run", "recipe.yaml", "--set", "x=1")
    #expect(wrong.status == 2)
  }
}
