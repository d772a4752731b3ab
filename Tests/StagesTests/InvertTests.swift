import Checkpoints
import Diffusion
import Foundation
import StageKit
import Tensors
import Testing

/// `perturb`, `invert` and `sample`, with a small network.
struct InvertTests {
  private let world: SmallWorld
  private let portrait: Tensor

  init() throws {
    world = try SmallWorld.shared.get()
    portrait = try #require(
      Safetensors.read(world.inverted(["steps": .int(2)]).latent, from: "latent").tensors["image"])
  }

  /// A file of noise [steps, 16, 16, 3].
  private func noise(_ steps: Int, side: Int = 16) throws -> (tensor: Tensor, data: Data) {
    var random = RandomSource(seed: 7)
    let noise = random.normal([steps, side, side, 3])
    return (noise, try Safetensors.data(of: CheckpointTensors(tensors: ["noise": noise])))
  }

  @Test(arguments: [("ddim", 11), ("belm", 12), ("edit_friendly", 12)])
  func methodsTellWhatTheyTook(_ method: String, _ evaluations: Int) throws {
    let (_, effort) = try world.inverted(["steps": .int(12), "method": .string(method)])
    #expect(effort == ["evaluations": Double(evaluations)])
  }

  @Test(arguments: ["belm", "edit_friendly"])
  func exactMethodsBringThePictureBack(_ method: String) throws {
    let (latent, _) = try world.inverted(["steps": .int(12), "method": .string(method)])
    let image = try world.sampled(latent, ["steps": .int(12)])
    #expect(distance(image, portrait) < 1e-5)
    #expect(try world.sampled(latent, ["steps": .int(12)]).values == image.values)
    let plain = try world.sampled(world.inverted(["steps": .int(12)]).latent, ["steps": .int(12)])
    #expect(distance(plain, portrait) > 1e-3)
    let file = try Safetensors.read(latent, from: "latent")
    #expect(file.metadata["method"] == method && file.metadata["steps"] == "12")
    #expect(try Safetensors.data(of: file) == latent)
  }

  @Test func fixedPointsBringThePictureBack() throws {
    let values: [String: Value] = [
      "steps": .int(12), "method": .string("fixed_point"), "iterations": .int(100), "tolerance": .double(1e-6),
    ]
    let (latent, effort) = try world.inverted(values)
    #expect(distance(try world.sampled(latent, ["steps": .int(12)]), portrait) < 1e-4)
    #expect(effort["unconverged"] == 0 && (effort["residual"] ?? 1) <= 1e-6)
    #expect((effort["evaluations"] ?? 0) > 12)
    // It is a latent like any other.
    #expect(try Safetensors.read(latent, from: "latent").metadata == ["return_step": "500"])
    let (_, hurried) = try world.inverted(values.merging(["iterations": .int(1)]) { $1 })
    #expect(hurried["evaluations"] == 12 && hurried["unconverged"] == 12)
  }

  @Test func latentsOfAnExactMethodAreSampledAsTheyWereMade() throws {
    let (belm, _) = try world.inverted(["steps": .int(12), "method": .string("belm")])
    let (kept, _) = try world.inverted(["steps": .int(12), "method": .string("edit_friendly")])
    let noise = try noise(40).data
    #expect(
      issue { _ = try world.sampled(belm, ["steps": .int(40)]) }
        == "the latents were made to be sampled by coupled states in 12 steps: set `steps: 12`")
    #expect(
      issue { _ = try world.sampled(kept, ["steps": .int(11)]) }
        == "the latents were made to be sampled with the noise that was kept in 12 steps: set `steps: 12`")
    for (values, noise) in [
      (["eta": .double(1)], nil), (["sampler": .string("ddpm")], nil), ([:], noise),
    ] as [([String: Value], Data?)] {
      let given = values.merging(["steps": .int(12)]) { $1 }
      #expect(
        issue { _ = try world.sampled(belm, given, noise: noise) }
          == "the latents were made to be sampled by coupled states: leave `sampler`, `eta` and `noise` out")
    }
  }

  @Test func coupledStatesNeedDistinctTimes() throws {
    let context = try BenchContext(
      "invert", ["method": .string("belm"), "steps": .int(12), "return_step": .int(5)])
    #expect(context.issues() == ["12 steps from time 5 meet a time twice: take at most 5 steps"])
    #expect(try BenchContext("invert", ["steps": .int(12), "return_step": .int(5)]).issues() == [])
  }

  @Test(
    arguments: [
      (["method": "spline"], "a: the method 'spline' of this latent is not known: invert the picture again"),
      (
        ["method": "belm", "steps": "3"],
        "a: expected a second state 'second' [16, 16, 3] and 'steps' beside the latent, as its metadata say"
      ),
      (
        ["method": "edit_friendly", "steps": "3"],
        "a: expected what each of its steps adds, 'additions' [3, 16, 16, 3] beside the latent, as its metadata say"
      ),
    ] as [([String: String], String)])
  func damagedLatentsAreNamed(_ metadata: [String: String], _ message: String) throws {
    var file = try Safetensors.read(world.inverted(["steps": .int(2)]).latent, from: "latent")
    file.metadata.merge(metadata) { $1 }
    let latent = try Safetensors.data(of: file)
    #expect(issue { _ = try world.sampled(latent, ["steps": .int(3)]) } == message)
  }

  // MARK: Noise from a file

  private func perturbed(_ seed: Int, noise: Data?) throws -> Data {
    let item = world.portraits[0]
    let inputs: [String: BenchContext.Input] = [
      "images": .one(.images, [item]), "noise": .one(.latents, [(item.name, noise ?? Data())]),
    ]
    let context = try BenchContext(
      "perturb", item: item.name, ["seed": .int(seed)],
      inputs: noise == nil ? inputs.filter { $0.key == "images" } : inputs)
    return try #require(context.run()["latents"]?.first).data
  }

  @Test func perturbTakesNoiseFromAFile() throws {
    let noise = try noise(1)
    let latent = try perturbed(1, noise: noise.data)
    let expected = DDPM(schedule: .linear()).perturb(portrait, noise: noise.tensor.reshaped([16, 16, 3]), at: 500)
    #expect(try Safetensors.read(latent, from: "latent").tensors["latent"]?.values == expected.values)
    // Where the noise is given, no other is drawn.
    #expect(try perturbed(2, noise: noise.data) == latent)
    #expect(try perturbed(1, noise: nil) != perturbed(2, noise: nil))
  }

  @Test(arguments: ["ddim", "ddpm", "respaced"])
  func samplersTakeNoiseFromAFile(_ sampler: String) throws {
    let noise = try noise(5)
    let (latent, _) = try world.inverted(["steps": .int(5)])
    func sample(seed: Int, noise: Data?) throws -> [Float] {
      try world.sampled(
        latent, ["steps": .int(5), "sampler": .string(sampler), "eta": .double(1), "seed": .int(seed)], noise: noise
      ).values
    }
    let image = try sample(seed: 1, noise: noise.data)
    #expect(try sample(seed: 2, noise: noise.data) == image)
    #expect(try sample(seed: 1, noise: nil) != image)
    // The noise of the last step has no share, that of the one before it has.
    var other = noise.tensor.values
    func sample(changing step: Int) throws -> [Float] {
      other[step * 768] += 1
      let tensor = Tensor(other, shape: [5, 16, 16, 3])
      return try sample(seed: 1, noise: Safetensors.data(of: CheckpointTensors(tensors: ["noise": tensor])))
    }
    #expect(try sample(changing: 4) == image)
    #expect(try sample(changing: 3) != image)
  }

  @Test func noiseThatDoesNotFitIsNamed() throws {
    let (latent, _) = try world.inverted(["steps": .int(5)])
    let eta: [String: Value] = ["steps": .int(5), "eta": .double(1)]
    #expect(
      issue { _ = try world.sampled(latent, eta, noise: noise(4).data) }
        == "noise 'a' is [4, 16, 16, 3], expected [5, 16, 16, 3]")
    #expect(
      issue { _ = try world.sampled(latent, eta, noise: noise(5, side: 8).data) }
        == "noise 'a' is [5, 8, 8, 3], expected [5, 16, 16, 3]")
    #expect(
      issue { _ = try world.sampled(latent, eta, noise: latent) }
        == "a: expected noise, safetensors with 'noise' [steps, H, W, 3]")
  }

  @Test func aVarianceThatIsNotLearnedIsNone() throws {
    let (latent, _) = try world.inverted(["steps": .int(5)])
    func sample(_ variance: String?) throws -> [Float] {
      let values: [String: Value] = ["steps": .int(5), "sampler": .string("ddpm")]
      return try world.sampled(latent, values.merging(variance.map { ["variance": .string($0)] } ?? [:]) { $1 }).values
    }
    #expect(
      issue { _ = try sample("learned") }
        == "the model has learned no variance: choose `variance: small` or `large`, or leave it out")
    #expect(try sample("small") == sample(nil))
    #expect(try sample("large") != sample(nil))
  }
}
