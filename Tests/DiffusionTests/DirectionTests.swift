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

  // MARK: Other guides

  @Test func directionsAddUp() throws {
    let (zombie, sketch) = (
      try TextDirection(from: "face", to: "zombie", by: clip, templates: ["a {}."]),
      try TextDirection(from: "face", to: "sketch", by: clip, templates: ["a {}."])
    )
    let sum = try #require(TextDirection(sum: [(2, zombie), (-0.5, sketch)])).vector
    let expected = zombie.vector * 2 - sketch.vector * 0.5
    #expect(TensorDifference(sum, expected / expected.squaredLength.squareRoot()).relative < 1e-12)
    #expect(TextDirection(sum: [(1, zombie), (-1, zombie)]) == nil)
  }

  /// StyleGAN-NADA's direction of images: the difference of the means of unit vectors, of unit length.
  @Test func picturesHaveADirection() throws {
    let (before, after) = (clip.embedding(ofImages: self["original"]), clip.embedding(ofImages: self["generated"]))
    func rows(_ x: Tensor) -> [Tensor] { (0..<x.shape[0]).map { x.narrowed(0, $0..<$0 + 1) } }
    let found = try #require(TextDirection(fromImages: rows(before), to: rows(after))).vector
    var expected = [Double](repeating: 0, count: before.shape[1])
    for (embeddings, sign) in [(after, 1.0), (before, -1)] {
      for (place, value) in embeddings.doubleValues.enumerated() {
        expected[place % expected.count] += sign * value / Double(embeddings.shape[0])
      }
    }
    let length = expected.reduce(0) { $0 + $1 * $1 }.squareRoot()
    for (a, b) in zip(found.doubleValues, expected) { #expect(abs(a - b / length) < 1e-10) }
    #expect(TextDirection(fromImages: rows(before), to: rows(before)) == nil)
  }

  @Test func textsOfSeveralTemplatesAreAveraged() throws {
    let found = try clip.embedding(ofText: "zombie", in: ["a {}.", "the {}"])
    let both = try clip.embedding(ofTexts: ["a zombie.", "the zombie"])
    let mean = both.mean([0])
    #expect(TensorDifference(found, mean / mean.squaredLength.squareRoot()).relative < 1e-10)
    #expect(
      try clip.embedding(ofText: "zombie", in: ["a {}"]).doubleValues
        == clip.embedding(ofTexts: ["a zombie"]).doubleValues)
  }

  // MARK: Views

  @Test func viewsArePartsOfPictures() {
    var random = RandomSource(seed: 3)
    for _ in 0..<200 {
      let view = PictureView(&random, crop: 0.4, color: 0.2)
      let (height, width) = (
        view.rows.upperBound - view.rows.lowerBound, view.columns.upperBound - view.columns.lowerBound
      )
      #expect(view.rows.lowerBound >= 0 && view.rows.upperBound <= 1 && (0.6 - 1e-9...1).contains(height))
      #expect(view.columns.lowerBound >= 0 && view.columns.upperBound <= 1 && abs(width - height) < 1e-9)
      #expect(view.gains.allSatisfy((0.8...1.2).contains) && view.shifts.allSatisfy((-0.2...0.2).contains))
    }
    // Without crop and colors a view is the picture, and a part on the grid of the pixels is that part.
    let picture = random.uniform([1, 8, 8, 3], in: -1...1).converted(to: .float64)
    #expect(TensorDifference(PictureView(&random, crop: 0, color: 0)(picture), picture).relative < 1e-12)
    let middle = ResamplingWeights.bicubic(from: 8, to: 4, of: 0.25...0.75)
    let cut = picture.narrowed(1, 2..<6).narrowed(2, 2..<6)
    #expect(TensorDifference(picture.resampled(vertical: middle, horizontal: middle), cut).relative < 1e-12)
  }

  /// The gradient of the mean loss over views, against central differences.
  @Test func gradientsComeThroughViews() throws {
    let direction = try TextDirection(from: "face", to: "zombie", by: clip, templates: ["a {}."])
    var random = RandomSource(seed: 8)
    let views = (0..<3).map { _ in PictureView(&random, crop: 0.4, color: 0.2) }
    let original = self["original"]
    func loss(_ generated: Tensor) -> Tensor {
      let losses = views.map { CLIPLoss.directional($0(generated), $0(original), direction, by: clip, form: .log) / 3 }
      return losses[0] + losses[1] + losses[2]
    }
    let generated = self["generated"].parameterCopy()
    loss(generated).backward()
    let gradient = try #require(generated.gradient).doubleValues
    let values = generated.doubleValues
    for place in stride(from: 5, to: values.count, by: values.count / 7) {
      func moved(_ step: Double) -> Double {
        var values = values
        values[place] += step
        return Gradients.off { loss(Tensor(values, shape: generated.shape)).item }
      }
      let numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5
      #expect(abs(numeric - gradient[place]) < 1e-6 * max(1, gradient.map(abs).max() ?? 0) + 1e-8, "\(place)")
    }
  }

  @Test func longTextsAreRefused() {
    #expect(throws: NetworkError.self) {
      try TextDirection(from: "face", to: String(repeating: "face ", count: 40), by: clip)
    }
  }
}
