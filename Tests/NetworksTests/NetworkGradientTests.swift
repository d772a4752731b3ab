import Networks
import Tensors
import TestSupport
import Testing

/// Whole networks in double precision: the slope along a random direction of all parameters, by backward and by
/// differences.
@Suite struct NetworkGradientTests {
  private let pictures: Tensor = {
    var source = RandomSource(seed: 4)
    return source.uniform([2, 16, 16, 3], in: -1...1).converted(to: .float64)
  }()

  private func check(_ parameters: ParameterSet, _ objective: () -> Tensor) throws {
    try randomize(parameters)
    objective().backward()
    let tensors = parameters.tensors
    let directions = parameters.parameters.map { name, parameter in
      var source = RandomSource(seed: 8, name: name)
      return source.normal(parameter.tensor.shape).converted(to: .float64)
    }
    var slope = 0.0
    for (tensor, direction) in zip(tensors, directions) {
      let gradient = try #require(tensor.gradient)
      slope += zip(gradient.doubles, direction.doubles).reduce(0) { $0 + $1.0 * $1.1 }
    }
    func move(_ step: Double) {
      for (tensor, direction) in zip(tensors, directions) {
        for index in 0..<tensor.count { tensor.doubles[index] += step * direction.doubles[index] }
      }
    }
    let step = 1e-6
    move(step)
    let up = Gradients.off { objective().item }
    move(-2 * step)
    let down = Gradients.off { objective().item }
    let expected = (up - down) / (2 * step)
    // Rounding of the objective over the step, and what changes of second order leave.
    #expect(abs(slope - expected) <= 1e-6 * max(1, abs(expected)), "\(slope), expected \(expected)")
    #expect(abs(expected) > 1e-3)
  }

  @Test func ddpmUNet() throws {
    let network = try DDPMUNet(.tiny, .unset, type: .float64)
    let x = pictures.averagePooled(height: 8, width: 8)
    try check(network.parameters) { network(x, timesteps: [3, 700]).square().mean() }
  }

  @Test func clip() throws {
    let network = try CLIP(
      .init(
        embedDim: 6, imageResolution: 8, visionLayers: 2, visionWidth: 8, visionPatchSize: 4, visionHeads: 2,
        contextLength: 5, vocabularySize: 20, textLayers: 2, textWidth: 8, textHeads: 4), .unset, type: .float64)
    try check(network.parameters) {
      let images = network.encodeImage(network.preprocessed(pictures)).normalizedRows()
      let texts = network.encodeText([[18, 2, 3, 19, 0], [18, 5, 19, 0, 0]]).normalizedRows()
      return (images.matmul(texts, transposed: (false, true)) * network.logitScale.exp()).crossEntropy([0, 1])
    }
  }

  @Test func identity() throws {
    let network = try IdentityNetwork(
      .init(resolution: 16, widths: [8, 8], groups: 2, embedDim: 5), .unset, type: .float64)
    try check(network.parameters) { (network(pictures) + 1).square().mean() }
  }

  @Test func classifier() throws {
    let heads = [ClassificationHead(name: "a", values: ["x", "y", "z"]), .init(name: "b", values: ["x", "y"])]
    let network = try Classifier(.init(heads: heads, widths: [8, 8], groups: 2), .unset, type: .float64)
    try check(network.parameters) {
      let logits = network(pictures)
      return logits[0].crossEntropy([2, 0]) + logits[1].crossEntropy([1, -1])
    }
  }

  @Test func perceptual() throws {
    let heads = [ClassificationHead(name: "a", values: ["x", "y", "z"])]
    let network = try PerceptualNetwork(
      .init(widths: [6, 8], convolutions: [1, 2], heads: heads), .unset, type: .float64)
    try check(network.parameters) {
      network.distance(pictures, pictures * -0.5).mean() + network.logits(pictures)[0].crossEntropy([1, 2])
    }
  }

  @Test func segmentation() throws {
    let network = try SegmentationNetwork(
      .init(classes: ["a", "b", "c"], widths: [4, 8, 8], groups: 2), .unset, type: .float64)
    try check(network.parameters) { network(pictures).square().mean() }
  }
}
