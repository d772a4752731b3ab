import ArtifactStore
import Foundation
import Planning
import StageKit
import Testing

/// A key depends on everything that a result does, and on nothing else.
struct ActionPreimageTests {
  private let folder: RecipeFolder

  init() throws {
    folder = try RecipeFolder(
      "base.pt", "clip/model.pt", "clip/vocab.json", "faces/a.png", "faces/b.png", "eye.png", "nose.png")
  }

  /// A stand-in for what a stage would make: its content follows from `seed`.
  private func artifact(_ type: ArtifactType, _ seed: String, items: [String] = ["a"]) -> Artifact {
    let names = type.isItemSet ? items : [""]
    return Artifact(type: type, items: names.map { .init(name: $0, object: Digest(of: "\(seed)/\($0)"), size: 1) })
  }

  /// The preimage of a stage whose inputs are stand-ins made from the types of what it refers to, and whose files
  /// have their names as content.
  private func preimage(_ stage: PlannedStage, item: String? = nil, seed: String = "") -> ActionPreimage {
    let inputs = stage.inputs.mapValues { input -> BoundInput in
      switch input {
      case .one(let reference): .one(artifact(reference.type, seed))
      case .list(let members):
        .list(members.map { LabeledArtifact(label: $0.label, artifact: artifact($0.reference.type, seed + $0.label)) })
      case .mixture(let mixture):
        .mixture(mixture.map { artifact($0.type, seed + ($0.port == "model" ? "tuned" : "base")) })
      }
    }
    let sources = stage.sources.mapValues { source in
      source.files.filter { item == nil || $0.name == item }.map {
        let path = $0.path ?? ""
        return SourceFile(name: $0.name, path: path, digest: Digest(of: URL(filePath: path).lastPathComponent))
      }
    }
    return ActionPreimage(stage: stage, item: item, inputs: inputs, sources: sources)
  }

  private func stage(_ name: String, of stages: String) throws -> PlannedStage {
    try #require(try folder.plan(stages: stages)[name])
  }

  private let before = """
    base: { load: { diffusion: base.pt } }
    clip: { load: { clip: clip } }
    p: { load: { images: faces/*.png } }
    l: { invert: { images: p, model: base, steps: 3 } }
    o: { finetune: { model: base, latents: l, target: y } }

    """

  private func finetune(
    _ parameters: String, name: String = "m", inputs: String = "model: base, latents: l"
  ) throws -> Digest {
    preimage(try stage(name, of: before + "\(name): { finetune: { \(inputs), \(parameters) } }")).key
  }

  @Test(arguments: [
    "target: y", "target: x, rate: 0.1", "target: x, efficient: true", "target: x, schedule: constant",
    "target: x, layers: []", "target: x, layers: [1]", "target: x, layers: [1, 2]", "target: x, layers: [2, 1]",
    "target: x, losses: { l1: 1 }", "target: x, losses: { l1: 2 }", "target: x, losses: { l2: 1 }",
    "target: x, masks: { eye: eye.png }", "target: x, masks: { eye: nose.png }", "target: x, masks: { nose: eye.png }",
    "target: x, clip: clip",
  ])
  func everyParameterFlipsTheKey(parameters: String) throws {
    #expect(try finetune(parameters) != finetune("target: x"))
  }

  @Test func allOfTheseKeysDiffer() throws {
    let variants = [
      "target: x", "target: x, layers: [1]", "target: x, layers: [1, 2]", "target: x, layers: [2, 1]",
      "target: x, losses: { l1: 1 }", "target: x, losses: { l2: 1 }", "target: x, masks: { eye: eye.png }",
      "target: x, masks: { eye: nose.png }", "target: x, masks: { nose: eye.png }",
    ]
    #expect(Set(try variants.map { try finetune($0) }).count == variants.count)
  }

  @Test(arguments: [
    // What is written out is what the default is.
    "target: x, rate: 1e-5, efficient: false, schedule: linear", "schedule: linear, target: 'x'",
    "layers: null, target: x",
  ])
  func writingDoesNotMatter(parameters: String) throws {
    #expect(try finetune(parameters) == finetune("target: x"))
    #expect(try finetune(parameters, name: "other") == finetune("target: x"))
    #expect(try finetune(parameters, inputs: "latents: l, model: base") == finetune("target: x"))
  }

  @Test func parametersWithoutMeaningForResultsDoNotMatter() throws {
    let plain = try stage("l", of: before)
    let threaded = try stage("l", of: before.replacing("steps: 3", with: "steps: 3, threads: 2"))
    #expect(preimage(plain, item: "a").key == preimage(threaded, item: "a").key)
    let pinned = try stage("base", of: before.replacing("base.pt }", with: "base.pt, sha256: abc }"))
    #expect(preimage(pinned).key == preimage(try stage("base", of: before)).key)
  }

  @Test func textCannotPassForAnotherFact() throws {
    let one = try finetune("target: \"x\\nparameter rate: double:1\"")
    let other = try finetune("target: \"x\\\\nparameter rate: double:1\"")
    #expect(one != other)
  }

  @Test func revisionsFlipTheKey() throws {
    let stage = try stage("l", of: before)
    let raised = PlannedStage(
      name: stage.name, kind: StageKind(TestKinds.Invert<TestKinds.Two>.self), parameters: stage.parameters,
      inputs: stage.inputs, outputs: stage.outputs,
      location: stage.location)
    #expect(preimage(raised, item: "a").key != preimage(stage, item: "a").key)
  }

  @Test func inputsFlipTheKey() throws {
    let stage = try stage("l", of: before)
    #expect(preimage(stage, item: "a", seed: "x").key != preimage(stage, item: "a", seed: "y").key)
  }

  @Test func itemCountsByItsContentAlone() throws {
    let stage = try stage("l", of: before)
    let model = BoundInput.one(artifact(.diffusion, "model"))
    func key(_ name: String, _ content: String) -> Digest {
      let images = Artifact(type: .images, items: [.init(name: name, object: Digest(of: content), size: 1)])
      return ActionPreimage(stage: stage, item: name, inputs: ["images": .one(images), "model": model], sources: [:])
        .key
    }
    #expect(key("a", "pixels") == key("renamed", "pixels"))
    #expect(key("a", "pixels") != key("a", "others"))
  }

  @Test func setCountsWithItsNames() throws {
    let stage = try stage("f", of: before + "f: { figure: { rows: [p] } }")
    func key(label: String, item: String) -> Digest {
      let images = Artifact(type: .images, items: [.init(name: item, object: Digest(of: "pixels"), size: 1)])
      let rows = BoundInput.list([LabeledArtifact(label: label, artifact: images)])
      return ActionPreimage(stage: stage, item: nil, inputs: ["rows": rows], sources: [:]).key
    }
    #expect(Set([key(label: "p", item: "a"), key(label: "p", item: "b"), key(label: "q", item: "a")]).count == 3)
  }

  @Test func filesCountByContentAndFoldersByNamesToo() throws {
    func key(
      _ parameter: String, _ path: String, files: [(name: String, content: String)], item: String? = nil
    ) throws -> Digest {
      let stage = try stage("a", of: "a: { load: { \(parameter): \(path) } }")
      let files = files.map { SourceFile(name: $0.name, path: "/somewhere", digest: Digest(of: $0.content)) }
      return ActionPreimage(stage: stage, item: item, inputs: [:], sources: [parameter: files]).key
    }
    #expect(try key("diffusion", "base.pt", files: [("base", "1")]) == key("diffusion", "eye.png", files: [("x", "1")]))
    #expect(
      try key("diffusion", "base.pt", files: [("base", "1")]) != key("diffusion", "base.pt", files: [("base", "2")]))
    #expect(try key("clip", "base.pt", files: [("base", "1")]) == key("clip", "eye.png", files: [("x", "1")]))
    #expect(try key("clip", "clip", files: [("model.pt", "1")]) != key("clip", "clip", files: [("x.pt", "1")]))
    #expect(
      try key("images", "faces/*.png", files: [("a", "1")], item: "a")
        == key("images", "[eye.png]", files: [("eye", "1")], item: "eye"))
    // Without a mapping, the kind may name its output after the file.
    #expect(try key("images", "eye.png", files: [("eye", "1")]) != key("images", "nose.png", files: [("nose", "1")]))
  }

  private func sample(_ models: String) throws -> ActionPreimage {
    preimage(try stage("s", of: before + "s: { sample: { latents: l, models: \(models) } }"), item: "a")
  }

  @Test func mixtures() throws {
    let mixed = try sample("{ base: 0.4, o: 0.6 }")
    #expect(try sample("{ base: 0.6, o: 0.4 }").key != mixed.key)
    #expect(try sample("[{ from: 5, mix: { base: 0.4, o: 0.6 } }, { from: 0, mix: { o: 1 } }]").key != mixed.key)
    #expect(try sample("[{ from: 0, mix: { base: 0.4, o: 0.6 } }]").key == mixed.key)
  }

  @Test func orderAndNamesInAMixtureDoNotMatter() throws {
    let (one, other) = (try sample("{ base: 0.4, o: 0.6 }"), try sample("{ o.model: 0.6, base: 0.4 }"))
    #expect(one.key == other.key)
    func members(_ preimage: ActionPreimage) -> [Digest] {
      guard case .mixture(let mixture)? = preimage.inputs["models"] else { return [] }
      return mixture.segments.flatMap { $0.weights.map(\.member.digest) }
    }
    #expect(members(one) == members(other))
    #expect(members(one).count == 2)
  }

  @Test func movingTheRecipeDoesNotMatter() throws {
    let moved = try RecipeFolder("base.pt")
    let stages = "base: { load: { diffusion: base.pt } }"
    let there = try #require(try moved.plan(stages: stages)["base"])
    #expect(preimage(there).key == preimage(try stage("base", of: stages)).key)
  }

  /// The format is a promise: a change of it makes every store worthless.
  @Test func textIsALinePerFact() throws {
    let stage = try stage("l", of: before)
    #expect(
      preimage(stage, item: "a").text == """
        diffusionclip action 1
        kind: invert
        kind revision: 1
        numerics revision: \(numericsRevision)
        parameter return_step: int:500
        parameter steps: int:3
        input images: images item \(Digest(of: "/a").hex)
        input model: diffusion \(artifact(.diffusion, "").digest.hex)

        """)
  }
}
