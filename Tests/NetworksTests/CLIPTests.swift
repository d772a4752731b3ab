import Checkpoints
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct CLIPTests {
  @Test func agreesWithTransformers() throws {
    let fixture = try OracleFixture("clip.safetensors")
    let network = try CLIP(fixture.configuration(CLIP.Configuration.self), .unset)
    try network.parameters.load(fixture.parameters)
    let picture = fixture["input/picture"].parameterCopy()
    let pixels = network.preprocessed(picture)
    fixture.expect(pixels, "output/pixels", within: 1e-5)
    let image = network.encodeImage(pixels)
    fixture.expect(image, "output/image", within: 1e-5)
    let length = network.configuration.contextLength
    let ids = fixture["input/texts"].values.map { Int($0) }
    let texts = stride(from: 0, to: ids.count, by: length).map { Array(ids[$0..<$0 + length]) }
    let text = network.encodeText(texts)
    fixture.expect(text, "output/text", within: 1e-5)
    image.backward(fixture["seed/image"])
    text.backward(fixture["seed/text"])
    fixture.expect(picture.gradient, "gradient/picture", within: 1e-4)
    fixture.expectGradients(of: network.parameters, within: 1e-4)
  }

  /// OpenAI's ViT-B/32: 151,277,313 parameters (counted with transformers' CLIPModel of that configuration).
  @Test func countsOfViTB32() throws {
    let network = try CLIP(
      .init(
        embedDim: 512, imageResolution: 224, visionLayers: 12, visionWidth: 768, visionPatchSize: 32,
        contextLength: 77, vocabularySize: 49408, textLayers: 12, textWidth: 512), .unset)
    #expect(network.parameters.count == 151_277_313)
    #expect(network.configuration.visionHeads == 12 && network.configuration.textHeads == 8)
    let names = network.parameters.parameters.keys
    #expect(names.count == 302)
    for name in ["visual.transformer.resblocks.11.attn.in_proj_weight", "transformer.resblocks.0.mlp.c_proj.bias"] {
      #expect(names.contains(name))
    }
  }

  private static let small = CLIP.Configuration(
    embedDim: 8, imageResolution: 8, visionLayers: 1, visionWidth: 8, visionPatchSize: 4, visionHeads: 2,
    contextLength: 8, vocabularySize: 516, textLayers: 1, textWidth: 8, textHeads: 2)

  @Test("what fills a text up behind its end changes nothing")
  func textsMayBeShort() throws {
    let network = try CLIP(Self.small, seed: 3)
    let texts = [[514, 97, 98, 515], [514, 97, 515, 0]]
    let short = network.encodeText(texts)
    let long = network.encodeText(texts.map { $0 + [0, 0, 0, 0] })
    #expect(TensorDifference(short, long).relative < 1e-6)
  }

  @Test func oneFileHoldsTheNetworkAndItsTokenizer() throws {
    let tokenizer = try Tokenizer(merges: [.init(left: "a", right: "n"), .init(left: "an", right: "g")])
    let model = try CLIPModel(CLIP(Self.small, seed: 3), tokenizer)
    let data = try Safetensors.data(of: model.checkpoint(metadata: ["note": "hi"]))
    let again = try CLIPModel(Safetensors.read(data, from: "clip"))
    #expect(again.network.configuration == Self.small)
    #expect(again.tokenizer.merges == tokenizer.merges)
    let texts = ["angry", "a face"]
    let (found, expected) = (try again.embedding(ofTexts: texts), try model.embedding(ofTexts: texts))
    #expect(found.values == expected.values)
    var source = RandomSource(seed: 1)
    let pictures = source.uniform([2, 16, 16, 3], in: -1...1)
    let embedding = again.embedding(ofImages: pictures)
    #expect(embedding.values == model.embedding(ofImages: pictures).values)
    let lengths = embedding.square().sum([-1]).values
    #expect(lengths.allSatisfy { abs($0 - 1) < 1e-5 })
  }

  @Test func refusesATokenizerOfAnotherSize() throws {
    let network = try CLIP(Self.small, seed: 1)
    let tokenizer = try Tokenizer(merges: [])
    #expect {
      try CLIPModel(network, tokenizer)
    } throws: { error in
      "\(error)".contains("the network knows 516 tokens, the tokenizer's merges make 514")
    }
  }

  @Test func textsAfterTheEndDoNotMatter() throws {
    let network = try CLIP(Self.small, seed: 3)
    let a = network.encodeText([[514, 1, 2, 515, 0, 0, 0, 0]])
    let b = network.encodeText([[514, 1, 2, 515, 9, 8, 7, 6]])
    #expect(a.values == b.values)
  }
}
