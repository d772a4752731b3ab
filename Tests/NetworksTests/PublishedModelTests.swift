import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Networks

/// Tiny networks in the formats in which real weights are published (see Fixtures/published/PROVENANCE.md): they are
/// recognized by their names and shapes, and compute what PyTorch computed. Forward within 1e-4 of the largest value,
/// gradients within 1e-3: float32 sums in another order.
@Suite struct PublishedModelTests {
  /// The model that one file or several are.
  static func model(
    _ files: [String], configuration: String? = nil, hints: PublishedHints = PublishedHints()
  ) throws -> PublishedModel {
    var hints = hints
    hints.configuration = try configuration.map {
      try String(contentsOfFile: fixture("published/\($0)"), encoding: .utf8)
    }
    let states = try files.map { try TensorFile(contentsOf: fixture("published/\($0)")).stateDictionary() }
    let whole = StateDictionary(
      tensors: states.dropFirst().reduce(into: states[0].tensors) { $0.merge($1.tensors) { $1 } },
      source: files.joined(separator: " + "))
    return try whole.publishedModel(hints)
  }

  private func network<N: Network>(_ type: N.Type, _ model: PublishedModel) throws -> N {
    #expect(model.differences.isEmpty)
    let network = try #require(try model.loaded() as? N)
    // What an artifact of it gives is the same.
    let again = try N(Safetensors.read(model.checkpointData(), from: "artifact"))
    #expect(again.configuration == network.configuration)
    for (a, b) in zip(again.parameters.tensors, network.parameters.tensors) { #expect(a.values == b.values) }
    return network
  }

  private func small(_ resolution: Int?, groups: Int? = nil, headChannels: Int? = nil) -> PublishedHints {
    var hints = PublishedHints()
    (hints.resolution, hints.groups, hints.headChannels) = (resolution, groups, headChannels)
    return hints
  }

  /// Compares a network's output for the fixture's pictures, and gradients.
  private func compare<N: Network>(
    _ network: N, _ oracle: OracleFixture, _ inputs: [String] = ["x"], _ output: ([Tensor]) -> Tensor,
    location: SourceLocation = #_sourceLocation
  ) {
    let values = inputs.map { oracle["input/\($0)"].parameterCopy() }
    let y = output(values)
    oracle.expect(y, "output/y", within: 1e-4, location: location)
    y.backward(oracle["seed/y"])
    for (name, value) in zip(inputs, values) {
      oracle.expect(value.gradient, "gradient/\(name)", within: 1e-3, location: location)
    }
    var compared = 0
    for (name, parameter) in network.parameters.parameters
    where oracle.checkpoint.tensors["gradient/\(name)"] != nil {
      let gradient = parameter.tensor.gradient.map { parameter.layout.toCheckpoint($0) }
      oracle.expect(gradient, "gradient/\(name)", within: 1e-3, location: location)
      compared += 1
    }
    #expect(compared >= 3, sourceLocation: location)
  }

  @Test func officialDDPM() throws {
    let model = try Self.model(["ddpm.ckpt"], hints: small(16, groups: 2))
    #expect(model.format == "official DDPM checkpoint" && model.purpose == .diffusion)
    let oracle = try OracleFixture("published/ddpm.expected.safetensors")
    let network = try network(DDPMUNet.self, model)
    compare(network, oracle) { network($0[0], timesteps: oracle["input/timesteps"].doubleValues.map { Int($0) }) }
  }

  @Test(arguments: ["diffusers/diffusion_pytorch_model.safetensors", "diffusers-old/diffusion_pytorch_model.bin"])
  func diffusers(file: String) throws {
    let model = try Self.model([file], configuration: "diffusers/config.json")
    let oracle = try OracleFixture("published/diffusers.expected.safetensors")
    let network = try network(DDPMUNet.self, model)
    #expect(network.resolution == 16 && network.configuration.groups == 2)
    compare(network, oracle) { network($0[0], timesteps: oracle["input/timesteps"].doubleValues.map { Int($0) }) }
  }

  @Test func guidedDiffusion() throws {
    let model = try Self.model(["guided.pt"], hints: small(16, groups: 4, headChannels: 4))
    #expect(model.notes.contains("ignores its 5 classes, as the official code does"))
    let oracle = try OracleFixture("published/guided.expected.safetensors")
    let network = try network(GuidedUNet.self, model)
    #expect(network.configuration.learnsVariance && network.configuration.scalesByTime)
    compare(network, oracle) { network($0[0], timesteps: oracle["input/timesteps"].doubleValues.map { Int($0) }) }
    let prediction = network.predict(
      oracle["input/x"], timesteps: oracle["input/timesteps"].doubleValues.map { Int($0) })
    #expect(prediction.noise.shape == [2, 16, 16, 3] && prediction.variance?.shape == [2, 16, 16, 3])
    oracle.expect(
      .concatenated([prediction.noise, try #require(prediction.variance)], axis: 3), "output/y", within: 1e-4)
  }

  @Test func guidedDiffusionAskedForAClass() throws {
    var hints = small(16, groups: 4, headChannels: 4)
    hints.label = 3
    let oracle = try OracleFixture("published/guided.expected.safetensors")
    let network = try network(GuidedUNet.self, Self.model(["guided.pt"], hints: hints))
    let y = network(oracle["input/x"], timesteps: oracle["input/timesteps"].doubleValues.map { Int($0) })
    oracle.expect(y, "output/labelled", within: 1e-4)
    #expect(TensorDifference(y, oracle["output/y"]).relative > 0.01)
    hints.label = 5
    #expect {
      try Self.model(["guided.pt"], hints: hints)
    } throws: { error in
      "\(error)" == "guided.pt: the network's configuration is unusable: there is no class 5 of 5"
    }
  }

  @Test func guidedDiffusionOfOtherOptions() throws {
    var hints = small(16, groups: 2, headChannels: 2)
    hints.attentionOrder = .new
    let oracle = try OracleFixture("published/guided-new.expected.safetensors")
    let network = try network(GuidedUNet.self, Self.model(["guided-new.pt"], hints: hints))
    #expect(!network.configuration.learnsVariance && !network.configuration.scalesByTime)
    #expect(!network.configuration.resamplesInBlocks)
    compare(network, oracle) { network($0[0], timesteps: oracle["input/timesteps"].doubleValues.map { Int($0) }) }
    hints.attentionOrder = .legacy
    let other = try #require(try Self.model(["guided-new.pt"], hints: hints).loaded() as? GuidedUNet)
    let y = other(oracle["input/x"], timesteps: oracle["input/timesteps"].doubleValues.map { Int($0) })
    #expect(TensorDifference(y, oracle["output/y"]).relative > 0.001, "the order of attention matters")
  }

  /// What the official files have (REFERENCE: parameters and tensors).
  @Test func countsOfTheOfficialConfigurations() throws {
    let afhq = try GuidedUNet(.afhq, .described).parameters
    #expect(afhq.count == 93_563_910 && afhq.parameters.count == 362)
    var configuration = GuidedUNet.Configuration.imageNet512
    (configuration.classes, configuration.label) = (1000, 0)
    let imageNet = try GuidedUNet(configuration, .described).parameters
    #expect(imageNet.count == 558_997_638 && imageNet.parameters.count == 645)
    let face = try IRSE50(IRSE50.Configuration(), .described).parameters
    // 43,797,696 are learned.
    let statistics = face.parameters.filter { $0.key.contains("running_") }.values.reduce(0) { $0 + $1.tensor.count }
    #expect(face.count - statistics == 43_797_696)
  }

  /// As open_clip counts OpenAI's models.
  @Test(arguments: [
    (768, 32, 12, 512, 512, nil, 151_277_313), (768, 16, 12, 512, 512, nil, 149_620_737),
    (1024, 14, 24, 768, 768, nil, 427_616_513), (64, 32, 16, 1024, 512, [3, 4, 6, 3], 102_007_137),
  ])
  func countsOfOpenAIsModels(
    width: Int, patch: Int, layers: Int, embedDim: Int, textWidth: Int, blocks: [Int]?, count: Int
  ) throws {
    let network = try CLIP(
      .init(
        embedDim: embedDim, imageResolution: 224, visionLayers: layers, visionWidth: width, visionPatchSize: patch,
        visionHeads: blocks == nil ? nil : 32, contextLength: 77, vocabularySize: 49408, textLayers: 12,
        textWidth: textWidth, visionBlocks: blocks), .described)
    let learned = network.parameters.parameters.filter { !$0.key.contains("running_") }
    #expect(learned.values.reduce(0) { $0 + $1.tensor.count } == count)
  }

  @Test(arguments: [
    ("hf-clip", "model.safetensors", "config.json"), ("openai-clip", "ViT-tiny.pt", nil),
    ("open-clip", "open_clip_pytorch_model.bin", "open_clip_config.json"),
    ("resnet-clip", "open_clip_pytorch_model.bin", "open_clip_config.json"),
  ])
  func clip(name: String, file: String, configuration: String?) throws {
    let model = try Self.model(["\(name)/\(file)"], configuration: configuration.map { "\(name)/\($0)" })
    #expect(model.purpose == .clip)
    let oracle = try OracleFixture("published/\(name).expected.safetensors")
    let network = try network(CLIP.self, model)
    #expect(network.configuration.exactGELU == (name == "open-clip" ? true : nil))
    #expect(model.notes.contains { $0.hasPrefix("took its activation") } == (configuration == nil))
    let texts = oracle["input/texts"].values.map { Int($0) }
    compare(network, oracle) {
      .concatenated(
        [network.encodeImage($0[0]), network.encodeText([Array(texts[..<9]), Array(texts[9...])])], axis: 0)
    }
  }

  @Test func identity() throws {
    let oracle = try OracleFixture("published/ir-se50.expected.safetensors")
    let network = try network(IRSE50.self, Self.model(["ir-se50.pth"]))
    #expect(network.configuration.units == [1, 1, 2, 1])
    compare(network, oracle) { network.embedding(ofFaces: $0[0]) }
    oracle.expect(network(oracle["input/portrait"]), "output/portrait", within: 1e-4)
  }

  @Test func faceSegmenter() throws {
    let oracle = try OracleFixture("published/bisenet.expected.safetensors")
    let network = try network(BiSeNet.self, Self.model(["bisenet.pth"], hints: small(64)))
    #expect(network.classes == (0..<5).map { "class \($0)" })
    compare(network, oracle) { network.logits($0[0]) }
    #expect(network(.zeros([1, 20, 20, 3])).shape == [1, 64, 64, 5])
  }

  @Test func sceneSegmenter() throws {
    let oracle = try OracleFixture("published/segformer.expected.safetensors")
    let model = try Self.model(
      ["segformer/model.safetensors"], configuration: "segformer/config.json", hints: small(64))
    let network = try network(SegFormer.self, model)
    #expect(network.classes == ["wall", "sky", "tree", "church", "grass"])
    compare(network, oracle) { network.logits($0[0]) }
    #expect(network(.zeros([1, 20, 20, 3])).shape == [1, 64, 64, 5])
  }

  @Test(arguments: [
    ("alex", ["lpips-alex/alex.pth", "lpips-alex/alexnet-owt.pth"]), ("alex", ["lpips-whole.pth"]),
    ("vgg", ["lpips-vgg/vgg.pth", "lpips-vgg/vgg16.pth"]),
    ("squeeze", ["lpips-squeeze/squeeze.pth", "lpips-squeeze/squeezenet1_1.pth"]),
  ])
  func perceptual(trunk: String, files: [String]) throws {
    let oracle = try OracleFixture("published/lpips-\(trunk).expected.safetensors")
    let network = try network(LPIPS.self, Self.model(files))
    #expect(network.configuration.trunk.rawValue == trunk)
    compare(network, oracle, ["x", "b"]) { network.distance($0[0], $0[1]) }
    // The smallest pictures that are taken, and no smaller ones.
    let least = ["alex": 31, "vgg": 16, "squeeze": 17][trunk] ?? 0
    #expect(network.requirement(unmetByHeight: least, width: 40) == nil)
    #expect(network.distance(.zeros([1, least, 40, 3]), .zeros([1, least, 40, 3])).item == 0)
    #expect(network.requirement(unmetByHeight: 40, width: least - 1) == "of at least \(least)×\(least)")
  }

  /// Every name that a network has here becomes one in the file and comes back.
  @Test func namesSurviveATrip() throws {
    let clip = try CLIP(
      .init(
        embedDim: 512, imageResolution: 224, visionLayers: 12, visionWidth: 768, visionPatchSize: 16, contextLength: 77,
        vocabularySize: 49408, textLayers: 12, textWidth: 512), .described)
    #expect(clip.parameters.count == 149_620_737)
    let segFormer = try SegFormer(
      .init(classes: ["a"], widths: [32, 64, 160, 256], depths: [2, 2, 2, 2], decoderWidth: 256), .described)
    let cases: [(KeyMap, any Network)] = [
      (.diffusers(levels: 6), try DDPMUNet(.celebAHQ, .described)), (.huggingFaceCLIP, clip),
      (.lpips, try LPIPS(.init(trunk: .squeeze), .described)), (.segFormerByStages, segFormer),
    ]
    for (keys, network) in cases {
      var all: Set<String> = []
      for name in network.parameters.parameters.keys {
        let theirs = keys.theirs(name)
        #expect(!theirs.isEmpty, "\(name)")
        for other in theirs.flatMap(\.names) { #expect(keys.ours(other) == name, "\(name) → \(other)") }
        for other in theirs.first?.names ?? [] { #expect(all.insert(other).inserted, "\(other) twice") }
      }
    }
    #expect(
      KeyMap.diffusers(levels: 6).theirs("up.5.attn.1.q.weight").map(\.names)
        == [["up_blocks.0.attentions.1.to_q.weight"], ["up_blocks.0.attentions.1.query.weight"]])
    #expect(KeyMap.diffusers(levels: 6).ours("up_blocks.5.upsamplers.0.conv.bias") == "up.0.upsample.conv.bias")
    #expect(
      KeyMap.huggingFaceCLIP.ours("text_model.encoder.layers.3.self_attn.v_proj.bias")
        == "transformer.resblocks.3.attn.in_proj_bias")
  }

  // MARK: Errors

  private func message(_ work: () throws -> PublishedModel) -> String {
    do {
      let model = try work()
      return model.differences.map(\.description).joined(separator: "\n")
    } catch {
      return "\(error)"
    }
  }

  /// The fixture's file with some tensors taken away or renamed.
  private func changed(_ file: String, _ change: (String) -> String?) throws -> StateDictionary {
    let state = try TensorFile(contentsOf: fixture("published/\(file)")).stateDictionary()
    let pairs = state.tensors.compactMap { name, tensor in change(name).map { ($0, tensor) } }
    return StateDictionary(tensors: .init(uniqueKeysWithValues: pairs), source: "file")
  }

  @Test func everyTensorThatDoesNotFitIsNamed() throws {
    let hints = small(16, groups: 4, headChannels: 4)
    let state = try changed("guided.pt") { name in
      switch name {
      case "out.0.weight": nil
      case "time_embed.2.bias": "time_embed.9.bias"
      // A vector where the network has a matrix.
      case "middle_block.1.qkv.weight": "output_blocks.0.0.in_layers.2.bias"
      case "output_blocks.0.0.in_layers.2.bias": "middle_block.1.qkv.weight"
      default: name
      }
    }
    #expect(
      message { try state.publishedModel(hints) } == """
        missing time_embed.2.bias: expected [32]
        misshaped middle_block.1.qkv.weight: expected [48, 16, 1], found [16]
        misshaped output_blocks.0.0.in_layers.2.bias: expected [16], found [48, 16, 1]
        missing out.0.weight: expected [4]
        extra time_embed.9.bias: found [32]
        """)
  }

  /// Queries, keys and values of which one is a single number do not make a matrix.
  @Test func partsMustFitTogether() throws {
    let state = try changed("hf-clip/model.safetensors") { $0 }
    var tensors = state.tensors
    tensors["text_model.encoder.layers.0.self_attn.q_proj.bias"] = tensors["logit_scale"]
    let model = try StateDictionary(tensors: tensors, source: "file").publishedModel()
    let names = ["q", "k", "v"].map { "text_model.encoder.layers.0.self_attn.\($0)_proj.bias" }
    #expect(
      model.differences.map(\.description) == [
        "misshaped \(names.joined(separator: " + ")): expected [36], found []"
      ])
  }

  @Test func saysWhatIsMissingToTellTheNetwork() throws {
    let hints = small(16, groups: 4)
    #expect(
      message { try changed("ddpm.ckpt") { $0 == "conv_in.weight" ? nil : $0 }.publishedModel(hints) }
        == "file: taken for 'official DDPM checkpoint', it lacks the tensor 'conv_in.weight'; fetch the file again")
    #expect(
      message { try changed("lpips-whole.pth") { $0.hasPrefix("lin") ? $0 : nil }.publishedModel() }
        == "file: holds the weights of LPIPS without the network under them; put torchvision's file of it "
        + "(alexnet, vgg16 or squeezenet1_1) beside it and load the folder")
    #expect(
      message { try changed("ddpm.ckpt") { "x." + $0 }.publishedModel() }.hasPrefix(
        "file: 182 tensors of no model that is known here, such as 'x.temb.dense.0.weight', "))
    var preset = PublishedHints()
    // One of another kind, and one of the same kind with more levels.
    for other in [DiffusionPreset.celebAHQ, .imageNet512] {
      preset.preset = other
      #expect(
        message { try Self.model(["guided.pt"], hints: preset) }
          == "guided.pt: the preset '\(other.rawValue)' is for another network: this is a guided-diffusion checkpoint "
          + "with 3 levels; remove it or choose another")
    }
  }
}
