import Checkpoints
import Diffusion
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

/// Directions in CLIP's space and the losses made of them, against PyTorch in double precision.
@Suite struct DirectionTests {
  private let expected: CheckpointTensors
  private let clip: CLIPModel

  init() throws {
    expected = try Safetensors.read(contentsOf: fixture("clip-losses.safetensors"))
    let stored = try CLIPModel(
      Safetensors.read(contentsOf: fixture("clip.safetensors")),
      merges: String(contentsOfFile: fixture("merges.txt"), encoding: .utf8))
    let network = try CLIP(stored.network.configuration, .unset, type: .float64)
    network.parameters.copyValues(from: stored.network.parameters)
    network.parameters.setRequiresGradient(false)
    clip = try CLIPModel(network, stored.tokenizer)
  }

  private subscript(_ name: String) -> Tensor {
    guard let tensor = expected.tensors[name] else {
      Issue.record("the fixture has no \(name)")
      return .zeros([])
    }
    return tensor.converted(to: .float64)
  }

  private func expect(_ found: Tensor?, _ name: String, location: SourceLocation = #_sourceLocation) {
    guard let found else {
      Issue.record("\(name): there is nothing to compare", sourceLocation: location)
      return
    }
    let difference = TensorDifference(found, self[name])
    // The oracle's results are kept in float32, and its cosine divides by the length a second time without the 1e−7.
    #expect(difference.relative <= 1e-6, "\(name): \(difference)", sourceLocation: location)
  }

  @Test func directionAndCosineAgree() throws {
    let direction = try TextDirection(from: "face", to: "Angry face", by: clip)
    expect(direction.vector, "direction")
    #expect(!direction.vector.requiresGradient)
    expect(direction.cosine(self["generated"], self["original"], by: clip), "cosine")
  }

  @Test(arguments: CLIP.Preprocessing.allCases)
  func preprocessingAgrees(_ preprocessing: CLIP.Preprocessing) throws {
    let expected = try Safetensors.read(contentsOf: fixture("clip-preprocessing.safetensors"))
    let model = try CLIPModel(clip.network, clip.tokenizer, preprocessing: preprocessing)
    for side in [5, 12, 19] {
      let picture = try #require(expected.tensors["\(side)/picture"]).converted(to: .float64)
      let seen = clip.network.preprocessed(picture, by: preprocessing)
      let difference = TensorDifference(seen, try #require(expected.tensors["\(side)/\(preprocessing)"]))
      // The oracle's numbers are kept in float32.
      #expect(difference.relative < 3e-7, "\(side): \(difference)")
      let embedding = clip.network.encodeImage(seen).normalizedRows()
      #expect(model.embedding(ofImages: picture).doubleValues == embedding.doubleValues)
    }
  }

  @Test func theWayBackIsOpposite() throws {
    let there = try TextDirection(from: "face", to: "zombie", by: clip, templates: ["a {}.", "the {}"])
    let back = try TextDirection(from: "zombie", to: "face", by: clip, templates: ["a {}.", "the {}"])
    #expect(TensorDifference(-back.vector, there.vector).relative < 1e-12)
    #expect(abs(there.vector.squaredLength - 1) < 1e-12)
  }

  @Test(arguments: CLIPLoss.Form.allCases)
  func lossesAgree(_ form: CLIPLoss.Form) throws {
    let direction = try TextDirection(from: "face", to: "Angry face", by: clip)
    let text = try clip.embedding(ofTexts: ["a zombie"])
    expect(text, "text")
    for name in ["directional", "global"] {
      let generated = self["generated"].parameterCopy()
      let loss =
        name == "global"
        ? CLIPLoss.global(generated, text, by: clip, form: form)
        : CLIPLoss.directional(generated, self["original"], direction, by: clip, form: form)
      expect(loss, "\(name)-\(form)/loss")
      loss.backward()
      expect(generated.gradient, "\(name)-\(form)/gradient")
    }
  }

  @Test func wherePicturesAreEqualNothingIsInfinite() throws {
    let direction = try TextDirection(from: "face", to: "zombie", by: clip, templates: ["{}"])
    let generated = self["original"].parameterCopy()
    let loss = CLIPLoss.directional(generated, self["original"], direction, by: clip, form: .log)
    // A cosine of 0.
    #expect(abs(loss.item - 0.6931471805599453) < 1e-9)
    loss.backward()
    #expect(try #require(generated.gradient).doubleValues.allSatisfy { $0.isFinite })
  }

  @Test func longTextsAreRefused() {
    #expect(throws: NetworkError.self) {
      try TextDirection(from: "face", to: String(repeating: "face ", count: 40), by: clip)
    }
  }
}
