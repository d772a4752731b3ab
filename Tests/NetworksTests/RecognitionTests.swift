import Checkpoints
import Networks
import Tensors
import TestSupport
import Testing

/// The small networks of the built-in domain: sizes, shapes, what their results must satisfy, and their checkpoints.
@Suite struct RecognitionTests {
  private static let heads = [
    ClassificationHead(name: "hair", values: ["black", "blond", "grey"]),
    ClassificationHead(name: "glasses", values: ["no", "yes"]),
  ]

  private func pictures(_ count: Int, seed: UInt64 = 5) -> Tensor {
    var source = RandomSource(seed: seed)
    return source.uniform([count, 64, 64, 3], in: -1...1)
  }

  @Test func identityGivesUnitVectors() throws {
    let network = try IdentityNetwork(.init(), seed: 1)
    let y = network(pictures(2))
    #expect(y.shape == [2, 128])
    #expect(y.square().sum([-1]).values.allSatisfy { abs($0 - 1) < 1e-5 })
    #expect(network.parameters.count < 1_500_000)
  }

  @Test func classifierAnswersEveryQuestion() throws {
    let network = try Classifier(.init(heads: Self.heads), seed: 1)
    #expect(network(pictures(2)).map(\.shape) == [[2, 3], [2, 2]])
    #expect(network.parameters.count < 1_500_000)
  }

  @Test func segmentationGivesLogitsForEveryPixel() throws {
    let network = try SegmentationNetwork(.init(classes: ["background", "skin", "hair"]), seed: 1)
    #expect(network(pictures(1)).shape == [1, 64, 64, 3])
    #expect(network.parameters.count < 1_500_000)
  }

  @Test func perceptualDistanceIsADistance() throws {
    let network = try PerceptualNetwork(.init(heads: Self.heads), seed: 1)
    let (a, b) = (pictures(3), pictures(3, seed: 6))
    #expect(network.distance(a, a).values == [0, 0, 0])
    let distances = network.distance(a, b)
    #expect(distances.shape == [3] && distances.values.allSatisfy { $0 > 0 && $0 < 4 })
    #expect(distances.values == network.distance(b, a).values)
    let near = network.distance(a, a * 0.9 + b * 0.1)
    #expect(zip(near.values, distances.values).allSatisfy { $0 < $1 })
    #expect(network.features(a).map { $0.shape[1] } == [64, 32, 16, 8, 4])
    #expect(network.logits(a).map(\.shape) == [[3, 3], [3, 2]])
    #expect(network.parameters.count < 1_500_000)
  }

  @Test func everyParameterLearns() throws {
    let x = pictures(1)
    let identity = try IdentityNetwork(.init(), seed: 1)
    identity(x).sum().backward()
    let classifier = try Classifier(.init(heads: Self.heads), seed: 1)
    classifier(x).map { $0.square().sum() }.reduce(Tensor.zeros([]), +).backward()
    let segmentation = try SegmentationNetwork(.init(classes: ["a", "b"]), seed: 1)
    segmentation(x).square().sum().backward()
    let perceptual = try PerceptualNetwork(.init(heads: Self.heads), seed: 1)
    let loss = perceptual.distance(x, pictures(1, seed: 9)).sum()
    (perceptual.logits(x).map { $0.square().sum() }.reduce(loss, +)).backward()
    for set in [identity.parameters, classifier.parameters, segmentation.parameters, perceptual.parameters] {
      for (name, parameter) in set.parameters { #expect(parameter.tensor.gradient != nil, "\(name)") }
    }
  }

  @Test func checkpointsDescribeThemselves() throws {
    let classifier = try Classifier(.init(heads: Self.heads), seed: 1)
    let data = try Safetensors.data(of: classifier.checkpoint())
    let read = try Safetensors.read(data, from: "classifier.safetensors")
    #expect(read.architecture == "classifier")
    let again = try Classifier(read)
    #expect(again.configuration == classifier.configuration)
    let x = pictures(1)
    #expect(again(x).map(\.values) == classifier(x).map(\.values))
    #expect {
      try IdentityNetwork(read)
    } throws: { error in
      "\(error)" == "classifier.safetensors: expected a network of architecture 'identity', found 'classifier'; "
        + "check that this is the right file"
    }
  }
}
