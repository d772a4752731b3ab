import Diffusion
import Kernels
import Networks
import Tensors
import TestSupport
import Testing

/// Networks, trajectories and optimizations on a graphics card, or by PoCL, beside the processor's and the official code's.
@Suite(.enabled(if: !GPU.devices.isEmpty, "no OpenCL or CUDA device is here: install pocl-opencl-icd"), .serialized)
struct GraphicsCardTests {
  private static let card = Result { try GPU(0) }
  private let gpu: GPU
  private let ddim = DDIM(schedule: .linear())
  private let steps = Step.sequence(returnStep: 400, steps: 6)

  init() throws { gpu = try Self.card.get() }

  /// What is made of numbers on the processor and on the card.
  private func both(_ body: () throws -> [Tensor]) throws -> [(found: Tensor, expected: Tensor)] {
    let expected = try body()
    let found = try gpu.use { try body() }
    #expect(found.allSatisfy { $0.gpu === gpu })
    let values = found.map { $0.placed(on: nil) }
    #expect(gpu.takeFailure() == nil)
    #expect(values.count == expected.count)
    return Array(zip(values, expected)).map { ($0, $1) }
  }

  private func expectSame(_ body: () throws -> [Tensor], location: SourceLocation = #_sourceLocation) throws {
    for (place, (found, expected)) in try both(body).enumerated() {
      let difference = TensorDifference(found, expected)
      #expect(difference.relative <= 1e-4, "\(place): \(difference)", sourceLocation: location)
      #expect(expected.isFinite && expected.squaredLength > 0, "\(place) is nothing", sourceLocation: location)
    }
  }

  private func pictures(_ shape: [Int], seed: UInt64 = 5) -> Tensor {
    var source = RandomSource(seed: seed)
    return source.uniform(shape, in: -1...1)
  }

  /// What a network makes of `x`, and the gradients of its square with respect to x and to all parameters that have one, joined.
  private func differentiated(_ parameters: ParameterSet, _ x: Tensor, _ body: (Tensor) -> Tensor) -> [Tensor] {
    let x = x.parameterCopy()
    let y = body(x)
    y.square().sum().backward()
    let gradients = parameters.tensors.compactMap { $0.gradient?.reshaped([-1]) }
    return [y.detached] + (x.gradient.map { [$0] } ?? []) + [Tensor.concatenated(gradients, axis: 0)]
  }

  private func unet() throws -> DDPMUNet {
    let network = try DDPMUNet(
      DDPMUNet.Configuration(
        resolution: 16, channels: 8, multipliers: [1, 2], blocks: 1, attentionResolutions: [8], groups: 4), .unset)
    try randomize(network.parameters)
    return network
  }

  private func guidedUNet() throws -> GuidedUNet {
    let network = try GuidedUNet(
      GuidedUNet.Configuration(
        resolution: 16, channels: 8,
        levels: [.init(channels: 8, attention: false), .init(channels: 16, attention: true)], blocks: 1,
        headChannels: 8, groups: 4, classes: 3, label: 1), .unset)
    try randomize(network.parameters)
    return network
  }

  // MARK: Networks

  @Test func ofDDPM() throws {
    try expectSame {
      let network = try unet()
      return differentiated(network.parameters, pictures([2, 12, 16, 3])) { network($0, timesteps: [3, 700]) }
    }
  }

  @Test func ofGuidedDiffusion() throws {
    try expectSame {
      let network = try guidedUNet()
      return differentiated(network.parameters, pictures([2, 16, 12, 3])) { network($0, timesteps: [3, 700]) }
    }
  }

  private func clip() throws -> CLIP {
    let network = try CLIP(
      .init(
        embedDim: 6, imageResolution: 8, visionLayers: 2, visionWidth: 8, visionPatchSize: 4, visionHeads: 2,
        contextLength: 5, vocabularySize: 20, textLayers: 2, textWidth: 8, textHeads: 4), .unset)
    try randomize(network.parameters)
    return network
  }

  @Test func ofCLIP() throws {
    try expectSame {
      let network = try clip()
      return differentiated(network.parameters, pictures([2, 13, 16, 3])) { x in
        let images = network.encodeImage(network.preprocessed(x)).normalizedRows()
        let texts = network.encodeText([[18, 2, 3, 19, 0], [18, 5, 19, 0, 0]]).normalizedRows()
        return (images.matmul(texts, transposed: (false, true)) * 5).crossEntropy([0, 1])
      }
    }
  }

  @Test(arguments: [LPIPS.Configuration.Trunk.alex, .squeeze]) func ofLPIPS(trunk: LPIPS.Configuration.Trunk) throws {
    try expectSame {
      let network = try LPIPS(.init(trunk: trunk, divisor: 8), .unset)
      try randomize(network.parameters)
      return differentiated(network.parameters, pictures([1, 40, 37, 3])) {
        network.distance($0, pictures([1, 40, 37, 3], seed: 6))
      }
    }
  }

  @Test func ofRecognition() throws {
    let heads = [ClassificationHead(name: "a", values: ["x", "y", "z"])]
    try expectSame {
      let network = try IdentityNetwork(.init(resolution: 16, widths: [8, 8], groups: 2, embedDim: 5), .unset)
      try randomize(network.parameters)
      return differentiated(network.parameters, pictures([2, 16, 16, 3])) { network($0) + 1 }
    }
    try expectSame {
      let network = try Classifier(.init(heads: heads, widths: [8, 8], groups: 2), .unset)
      try randomize(network.parameters)
      return differentiated(network.parameters, pictures([2, 16, 16, 3])) { network($0)[0] }
    }
    try expectSame {
      let network = try SegmentationNetwork(.init(classes: ["a", "b", "c"], widths: [4, 8, 8], groups: 2), .unset)
      try randomize(network.parameters)
      return differentiated(network.parameters, pictures([2, 16, 16, 3])) { network($0) }
    }
  }

  // MARK: Trajectories

  /// Steps of a trajectory between which nothing is moved, on the card.
  private func quiet(_ body: (_ model: RecordingPredictor) throws -> [Tensor]) throws {
    try expectSame {
      let model = RecordingPredictor(try unet())
      let made = try body(model)
      #expect(model.times.count > 3 && Set(model.transfers).count <= 1, "\(model.transfers)")
      #expect(GPU.current == nil || model.transfers.count == model.times.count)
      return made
    }
  }

  /// The second time: what does not change is there by then.
  private func warm(_ model: RecordingPredictor) {
    for step in steps { _ = model.model.predictNoise(pictures([2, 16, 16, 3]), at: step.t) }
  }

  @Test func inversionAndSampling() throws {
    let shape = [2, 16, 16, 3]
    try quiet { model in
      warm(model)
      let image = pictures(shape)
      let latent = try ddim.invert(image, with: model, through: steps)
      return [latent, try ddim.generate(latent, with: model, through: steps)]
    }
    try quiet { model in
      warm(model)
      return [try DPMSolver(schedule: .linear()).generate(pictures(shape), with: model, through: steps)]
    }
  }

  @Test func mixing() throws {
    try quiet { model in
      let other = try guidedUNet()
      warm(model)
      warm(RecordingPredictor(other))
      let mixed = MixedPredictor(segments: [
        .init(from: 200, weights: [(model, 0.6), (other, 0.4)]),
        .init(from: 0, weights: [(model, -0.5), (other, 1.5)]),
      ])
      return [try ddim.generate(pictures([2, 16, 16, 3]), with: mixed, through: steps)]
    }
  }

  /// What needs noise is given it at each step; a part of a picture is edited.
  @Test func noiseAndMasks() throws {
    try expectSame {
      let model = try guidedUNet()
      var random = RandomSource(seed: 9)
      let latent = pictures([1, 16, 16, 3])
      let masked = MaskedPredictor(
        editing: model, original: try unet(), mask: pictures([1, 16, 16, 1], seed: 8).clamped(to: 0...1))
      let both = try ddim.generate(.concatenated([latent, latent], axis: 0), with: masked, through: steps)
      let noise = (0..<2 * steps.count).map { _ in random.normal([1, 16, 16, 3]) }
      return [
        try ddim.generate(latent, with: model, through: steps, eta: 0.7) { noise[$0] },
        try DDPM(schedule: .linear()).generate(latent, with: model, through: steps, stride: .respaced) { noise[$0] },
        masked.finished(both, from: pictures([1, 16, 16, 3], seed: 7)),
      ]
    }
  }

  // MARK: Optimization

  private func examples() -> [FineTuning.Example] {
    (0..<2).map {
      .init(latent: pictures([1, 16, 16, 3], seed: 20 + $0), image: pictures([1, 16, 16, 3], seed: 30 + $0))
    }
  }

  private func objective(_ clip: CLIP) -> Objective {
    { generated, original, _, _ in
      func look(_ x: Tensor) -> Tensor { clip.encodeImage(clip.preprocessed(x)).normalizedRows() }
      let distance = (generated - original).absolute().mean()
      let direction = (1 - (look(generated) * look(original.affine(scale: -1))).sum([-1])).mean()
      return LossValue(total: distance + direction * 3, terms: [("clip", direction), ("l1", distance)])
    }
  }

  /// Five iterations. Where a gradient is nothing but rounding, Adam moves a weight by the rate, either way: weights are compared
  /// by how far all of them went.
  @Test(arguments: [FineTuning.Gradient.full, .last(2), .perStep]) func fineTuning(
    _ gradient: FineTuning.Gradient
  ) throws {
    var losses: [[Double]] = []
    let pairs = try both {
      let model = RecordingPredictor(try unet())
      let parameters = (model.model as? DDPMUNet)?.parameters.tensors ?? []
      let before = parameters.map { $0.parameterCopy().detached }
      var tuning = FineTuning(
        model, parameters: parameters, trajectory: Trajectory(ddim: ddim, steps: Array(steps.suffix(3))),
        settings: .init(gradient: gradient, learningRate: 1e-4, schedule: .perEpoch(1.3)),
        objective: objective(try clip()))
      losses.append(try (0..<5).map { _ in try tuning.iterate(over: examples()).terms[0].value })
      if gradient == .full, GPU.current != nil {
        // The last iteration: from its first evaluation to the end of its backward pass.
        #expect(Set(model.transfers.suffix(6)).count == 1, "\(model.transfers)")
      }
      let changes = zip(parameters, before).map { ($0.detached - $1).reshaped([-1]) }
      return [Tensor.concatenated(changes, axis: 0)]
    }
    for (a, b) in zip(losses[0], losses[1]) { #expect(abs(a - b) <= 1e-4 * abs(a)) }
    #expect(losses[0][4] != losses[0][0])
    let (found, expected) = pairs[0]
    #expect((found - expected).squaredLength <= 1e-4 * expected.squaredLength)
    #expect(expected.squaredLength > 0)
  }

  /// The numbers of the official code, in float32 on the card.
  @Test func fineTuningIsTheOfficialCodes() throws {
    let oracle = try OracleFixture.diffusion()
    try gpu.use {
      let model = oracle.model("base", .float32)
      let (latents, images) = (oracle["latent"].placed(on: gpu), oracle["image"].placed(on: gpu))
      let examples = (0..<2).map { place in
        FineTuning.Example(latent: latents.narrowed(0, place..<place + 1), image: images.narrowed(0, place..<place + 1))
      }
      var tuning = FineTuning(
        model, parameters: model.parameters,
        trajectory: Trajectory(ddim: ddim, steps: Step.sequence(returnStep: 401, steps: 3)),
        settings: .init(gradient: .full, learningRate: 0.01, schedule: .perEpoch(1.3)),
        objective: { generated, original, _, _ in
          let distance = (generated - original).absolute().mean()
          return LossValue(total: distance + (generated + original * 0.5).tanh().square().mean() * 0.5)
        })
      let losses = try (0..<5).map { _ in try tuning.iterate(over: examples).terms[0].value }
      #expect(gpu.takeFailure() == nil)
      oracle.expect(Tensor(losses, shape: [5]), "full/losses", within: 1e-4)
      oracle.expect(model.parameters, under: "full", within: 1e-4)
    }
  }

  @Test func lowRankChanges() throws {
    try expectSame {
      let model = try unet()
      var random = RandomSource(seed: 3)
      let weights = model.parameters.tensors.filter { $0.rank > 1 }
      model.parameters.setRequiresGradient(false)
      for weight in weights { weight.setRequiresGradient(true) }
      let adapter = LowRankAdapter(weights.map { .init($0, rank: 2, random: &random) }, scale: 1)
      var tuning = FineTuning(
        model, parameters: model.parameters.tensors, adaptation: adapter,
        trajectory: Trajectory(ddim: ddim, steps: Array(steps.suffix(2))),
        settings: .init(gradient: .full, learningRate: 1e-3, schedule: .perEpoch(1)), objective: objective(try clip()))
      for _ in 0..<3 { _ = try tuning.iterate(over: examples()) }
      return [
        model.predictNoise(pictures([1, 16, 16, 3]), at: 100),
        Tensor.concatenated(adapter.learned.map { $0.detached.reshaped([-1]) }, axis: 0),
      ]
    }
  }

  @Test func latentOptimization() throws {
    try expectSame {
      var run = LatentOptimization(
        try unet(), example: examples()[0], trajectory: Trajectory(ddim: ddim, steps: Array(steps.suffix(2))),
        rate: 0.02,
        objective: objective(try clip()))
      for _ in 0..<5 { _ = try run.iterate() }
      return [run.latent.detached]
    }
  }

  /// A training step with clipping, a warm-up and an average, with values beyond which it is refused.
  @Test func training() throws {
    try expectSame {
      let model = try unet()
      var run = TrainingRun(
        model.parameters.tensors,
        settings: .init(steps: 3, rate: 1e-5, warmup: 2, averageDecay: 0.9, clip: 0.5, seed: 1))
      let loss = DenoisingLoss(process: DDPM(schedule: .linear()), weighting: .velocity)
      var losses: [Double] = []
      while !run.isFinished {
        losses.append(try run.advance { loss(pictures([2, 16, 16, 3]), with: model, random: &$0) })
      }
      return [
        Tensor(losses.map { Float($0) }, shape: [3]),
        Tensor.concatenated(run.average.values.map { $0.reshaped([-1]) }, axis: 0),
      ]
    }
  }

  /// What is not finite is found on the card too, and nothing is learned of it.
  @Test func divergenceIsFound() throws {
    try gpu.use {
      let model = try unet()
      let before = model.parameters.tensors.map(\.values)
      var tuning = FineTuning(
        model, parameters: model.parameters.tensors, trajectory: Trajectory(ddim: ddim, steps: Array(steps.suffix(1))),
        settings: .init(gradient: .full, learningRate: 1e-3, schedule: .perEpoch(1)),
        objective: { generated, _, _, _ in LossValue(total: generated.sum() * .nan, terms: [("clip", generated.mean())])
        })
      let found = #expect(throws: Divergence.self) { _ = try tuning.iterate(over: examples()) }
      #expect(found?.isIntact == true && found?.finding.hasPrefix("the loss is not finite (clip is ") == true)
      #expect(model.parameters.tensors.map(\.values) == before)
      #expect(model.parameters.tensors.allSatisfy { $0.gradient == nil })
    }
  }
}
