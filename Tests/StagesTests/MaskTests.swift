import ArtifactStore
import Checkpoints
import Foundation
import Imaging
import JSONSyntax
import StageKit
import Tensors
import Testing

@testable import Stages

/// `mask`, and edits under one.
struct MaskTests {
  private let world: SmallWorld
  private let side = 16

  init() throws { world = try SmallWorld.shared.get() }

  /// The mask of the first portrait.
  private func made(_ values: [String: Value], _ inputs: [String: BenchContext.Input] = [:]) throws -> Mask {
    let portrait = world.portraits[0]
    let context = try BenchContext(
      "mask", item: portrait.name, values, inputs: inputs.merging(["images": .one(.images, [portrait])]) { $1 })
    let written = try #require(context.run()["masks"]?.first)
    #expect(written.name == portrait.name)
    return try Mask(written.data, name: written.name)
  }

  private func numbers(_ values: [Double]) -> Value { .list(values.map(Value.double)) }
  private func masks(_ mask: Mask) throws -> BenchContext.Input {
    .one(.masks, [(world.portraits[0].name, try mask.data)])
  }

  // MARK: mask

  @Test func regionsAndWhatIsMadeOfThem() throws {
    let left = try made(["box": numbers([0, 0, 0.5, 1])])
    #expect(left == Mask(width: side, height: side, left: 0, top: 0, right: 8, bottom: 16))
    #expect(left == (try made(["box": numbers([0, 0, 8, 16])])))
    #expect(left.values.reduce(0, +) == 128)
    let triangle = try made(["polygon": numbers([0, 0, 16, 0, 0, 16])])
    // Centers below the diagonal x + y = 16.
    #expect(triangle.values.enumerated().allSatisfy { $1 == ($0 % 16 + $0 / 16 + 1 < 16 ? 1 : 0) })
    let top = try made(["box": numbers([0, 0, 16, 4])])
    let corner = try made(["box": numbers([0, 0, 8, 16])], ["intersection": masks(top)])
    #expect(corner.values.reduce(0, +) == 32)
    let both = try made(["box": numbers([0, 0, 8, 16])], ["union": masks(top)])
    #expect(both.values.reduce(0, +) == 128 + 32)
    let rest = try made(["invert": .bool(true)], ["mask": masks(both)])
    #expect(rest.values.reduce(0, +) == 256 - 160 && rest.intersection(both).isEmpty)
  }

  @Test func differencesAreFound() throws {
    var changed = try Picture.image(world.portraits[0].data, name: "a")
    for x in 3..<6 { changed[x, 7] = Color(red: 255 - changed[x, 7].red, green: 255, blue: 255 - changed[x, 7].blue) }
    let found = try made(
      ["threshold": .double(0.05)], ["other": .one(.images, [(world.portraits[0].name, try Picture.data(changed))])])
    #expect(found.values.indices.filter { found.values[$0] > 0 }.allSatisfy { (7 * 16 + 3..<7 * 16 + 6).contains($0) })
    #expect(!found.isEmpty)
  }

  @Test func edgesGrowAndSoften() throws {
    let dot = Mask(width: 9, height: 9, values: (0..<81).map { $0 == 40 ? 1 : 0 })
    let disc = dot.grown(by: 2)
    // Within two pixels of the middle.
    #expect(
      disc.values.enumerated().allSatisfy { place, value in
        let (x, y) = (place % 9 - 4, place / 9 - 4)
        return value == (x * x + y * y <= 4 ? 1 : 0)
      })
    #expect(disc.grown(by: -2).values.reduce(0, +) >= 1 && disc.inverted.grown(by: 2).inverted == disc.grown(by: -2))
    // As by looking at every pixel in reach, on values of all sizes.
    var random = RandomSource(seed: 4)
    let noise = Mask(width: 23, height: 17, values: random.uniform([23 * 17], in: 0...1).values)
    for radius in [1.0, 2.5, -3, 40] {
      let reach = -40...40
      let expected = (0..<23 * 17).map { place -> Float in
        let near = reach.flatMap { dy in
          reach.compactMap { dx -> Float? in
            let (x, y) = (place % 23 + dx, place / 23 + dy)
            guard (0..<23).contains(x), (0..<17).contains(y) else { return nil }
            return Double(dx * dx + dy * dy) <= radius * radius ? noise.values[y * 23 + x] : nil
          }
        }
        return (radius > 0 ? near.max() : near.min()) ?? -1
      }
      #expect(noise.grown(by: radius).values == expected, "\(radius)")
    }
    let soft = dot.feathered(by: 1)
    let middle = soft.values[40]
    // A Gaussian of standard deviation 1, cut off at 3.
    #expect(abs(soft.values.reduce(0, +) - 1) < 1e-5 && abs(soft.values[41] / middle - Float(exp(-0.5))) < 1e-5)
    #expect(abs(soft.values[50] / middle - Float(exp(-1.0))) < 1e-5)
  }

  @Test(
    arguments: [
      ([0.6, 0.1, 0.2, 0.9], "'box' holds nothing"), ([0.1, 0.2, 0.3], "'box' has 3 numbers"),
    ] as [([Double], String)])
  func boxesThatAreNone(box: [Double], message: String) throws {
    let context = try BenchContext("mask", ["box": numbers(box)], inputs: ["images": .one(.images, world.portraits)])
    #expect(context.issues(["images": [.images]]).contains { $0.hasPrefix(message) })
  }

  @Test func whatIsWrongIsSaid() throws {
    #expect(
      issue { _ = try made(["box": numbers([20, 20, 30, 30])]) }?.hasPrefix("'box' lies outside of") ?? false)
    let large = Mask(width: 8, height: 8, values: [Float](repeating: 1, count: 64))
    #expect(
      issue { _ = try made(["box": numbers([0, 0, 1, 1])], ["union": masks(large)]) }?
        .hasSuffix("is 8×8, the picture 16×16") ?? false)
    #expect(
      issue { _ = try made([:], ["mask": masks(large)]) }?.hasSuffix("is 8×8, the picture 16×16") ?? false)
    #expect(
      issue { _ = try made([:], ["mask": .one(.masks, [world.portraits[0]])]) }?.contains("this one has colors")
        ?? false)
    let context = try BenchContext("mask", [:], inputs: ["images": .one(.images, world.portraits)])
    #expect(
      context.issues(["images": [.images]]) == ["'mask' is made of exactly one of classes, box, polygon, other, mask"])
  }

  // MARK: Edits under a mask

  /// A model that makes something else of a latent than the one that inverted it.
  private func otherModel() throws -> Data {
    var file = try Safetensors.read(world.model, from: "model")
    for (name, tensor) in file.tensors where name.contains("bias") { file.tensors[name] = tensor + 0.05 }
    return try Safetensors.data(of: file)
  }

  private func edited(
    _ latent: Data, _ values: [String: Value], under mask: Mask, others: Int = 0
  ) throws -> Tensor {
    let inputs: [String: BenchContext.Input] = [
      "latents": .one(.latents, [("a", latent)]), "model": .one(.diffusion, [("", try otherModel())]),
      "original": .one(.diffusion, [("", world.model)]), "mask": .one(.masks, [("a", try mask.data)]),
    ]
    let data = try #require(BenchContext("sample", item: "a", values, inputs: inputs).run()["images"]?.first).data
    return try #require(Safetensors.read(data, from: "image").tensors["image"])
  }

  private var half: Mask { Mask(width: side, height: side, left: 0, top: 0, right: 8, bottom: 16) }

  private func picture() throws -> Tensor { try Picture.tensor(world.portraits[0].data, name: "a") }

  /// Outside of the mask the picture is the original to the bit, whatever inverted and samples it.
  @Test(arguments: ["ddim", "fixed_point", "belm", "edit_friendly", "dpm_solver"])
  func whatIsOutsideStays(_ method: String) throws {
    let (latent, _) = try world.inverted(["steps": .int(5), "method": .string(method)])
    let under = try edited(latent, ["steps": .int(5)], under: half).values
    let whole = try world.sampled(latent, ["steps": .int(5)], model: [otherModel()]).values
    let original = try picture().values
    let isInside = (0..<under.count).map { $0 / 3 % side < 8 }
    #expect(isInside.indices.allSatisfy { isInside[$0] || under[$0] == original[$0] })
    #expect(isInside.indices.contains { isInside[$0] && abs(under[$0] - original[$0]) > 0.01 })
    #expect(
      isInside.indices.contains { !isInside[$0] && abs(whole[$0] - original[$0]) > 0.01 }, "else nothing is shown")
  }

  /// A mask of everything is none, and one of soft edges lies between.
  @Test func masksAreSoftAndWhole() throws {
    let (latent, _) = try world.inverted(["steps": .int(5)])
    let whole = try world.sampled(latent, ["steps": .int(5)], model: [otherModel()])
    let all = Mask(width: side, height: side, values: [Float](repeating: 1, count: side * side))
    #expect(try edited(latent, ["steps": .int(5)], under: all).values == whole.values)
    let soft = try edited(latent, ["steps": .int(5)], under: half.feathered(by: 2))
    let hard = try edited(latent, ["steps": .int(5)], under: half)
    #expect(distance(soft, hard) > 0.001)
    // With noise on the way, the same is drawn for the original.
    let noisy = try edited(latent, ["steps": .int(5), "eta": .double(1), "seed": .int(3)], under: half).values
    let original = try picture().values
    #expect(noisy.indices.allSatisfy { $0 / 3 % side < 8 || noisy[$0] == original[$0] })
    // Below a time the whole picture is the model's.
    let free = try edited(latent, ["steps": .int(5), "mask_until": .int(300)], under: half).values
    #expect(free.indices.contains { $0 / 3 % side >= 8 && free[$0] != original[$0] })
    #expect(
      issue { _ = try edited(latent, ["steps": .int(5), "mask_until": .int(999)], under: half) }?
        .hasPrefix("no step would obey the mask: the latents begin at time ") ?? false)
  }

  private func options(_ more: [String: Value]) -> [String: Value] {
    ["target": .string("tanned face"), "steps": .int(4)].merging(more) { $1 }
  }

  /// Without fine-tuning, too.
  @Test func guidingLeavesWhatIsOutside() throws {
    let (latent, _) = try world.inverted(["steps": .int(4)])
    func guided(_ mask: Mask?) throws -> (picture: [Float], evaluations: Int) {
      var inputs: [String: BenchContext.Input] = [
        "latents": .one(.latents, [("a", latent)]), "model": .one(.diffusion, [("", world.model)]),
        "clip": .one(.clip, [("", world.clip)]),
      ]
      inputs["mask"] = try mask.map { .one(.masks, [("a", try $0.data)]) }
      let context = try BenchContext("guide", item: "a", options(["step_size": .double(0.2)]), inputs: inputs)
      let data = try #require(context.run()["images"]?.first).data
      return (try Picture.tensor(data, name: "a").values, context.counted.evaluations)
    }
    let (masked, whole) = (try guided(half), try guided(nil))
    let original = try picture().values
    #expect(masked.picture.indices.allSatisfy { $0 / 3 % side < 8 || masked.picture[$0] == original[$0] })
    #expect(masked.picture.indices.contains { abs(masked.picture[$0] - original[$0]) > 0.05 })
    #expect(masked.evaluations == 2 * whole.evaluations)
    let inputs: [String: BenchContext.Input] = [
      "latents": .one(.latents, [("a", latent)]), "model": .one(.diffusion, [("", world.model)]),
      "clip": .one(.clip, [("", world.clip)]),
    ]
    #expect(
      issue { _ = try BenchContext("guide", item: "a", options(["until": .int(999)]), inputs: inputs).run() }?
        .hasPrefix("no step would be guided: the latents begin at time ") ?? false)
  }

  /// Losses see nothing of what is outside.
  @Test(arguments: ["full", "per_step", "last"]) func lossesSeeWhatIsInside(_ gradient: String) throws {
    let (latent, _) = try world.inverted(["steps": .int(4)])
    func losses(_ mask: Mask?) throws -> [Double] {
      var inputs: [String: BenchContext.Input] = [
        "latents": .one(.latents, [("a", latent)]), "model": .one(.diffusion, [("", world.model)]),
        "clip": .one(.clip, [("", world.clip)]),
      ]
      inputs["mask"] = try mask.map { .one(.masks, [("a", try $0.data)]) }
      let values = options([
        "gradient": .string(gradient), "epochs": .int(1), "clip_weight": .double(0), "l1_weight": .double(1),
        "learning_rate": .double(0.001),
      ])
      let context = try BenchContext("finetune", values, inputs: inputs)
      try context.run()
      return try #require(context.table("losses").column("l1")).compactMap(Double.init)
    }
    let all = Mask(width: side, height: side, values: [Float](repeating: 1, count: side * side))
    let (whole, plain, part) = (try losses(all), try losses(nil), try losses(half))
    #expect(whole == plain && part[0] < plain[0] && part[0] > 0, "\(plain), \(part)")
    // The mean over all pixels: the two halves make up the whole, before anything is learned.
    let rest = try losses(half.inverted)
    #expect(gradient == "per_step" || abs(part[0] + rest[0] - plain[0]) < 1e-5, "\(plain), \(part), \(rest)")
    #expect(issue { _ = try losses(Mask(width: 8, height: 8, values: [Float](repeating: 1, count: 64))) } != nil)
  }

  /// Half of the pixels differ by a tenth inside, by none outside.
  @Test func partsAreMeasured() throws {
    let reference = Image(width: side, height: side, color: Color(red: 100, green: 100, blue: 100))
    var changed = reference
    for x in 0..<4 { for y in 0..<side { changed[x, y] = Color(red: 151, green: 151, blue: 151) } }
    func measured(_ values: [String: Value]) throws -> [Double] {
      let context = try BenchContext(
        "metric", item: "a", values.merging(["measures": .list([.string("mae"), .string("psnr")])]) { $1 },
        inputs: [
          "images": .one(.images, [("a", try Picture.data(changed))]),
          "reference": .one(.images, [("a", try Picture.data(reference))]),
          "mask": .one(.masks, [("a", try half.data)]),
        ])
      let numbers = try JSON(parsing: #require(context.run()["metrics"]?.first).data)
      return ["mae", "psnr"].map { numbers[$0]?.double ?? .infinity }
    }
    let inside = try measured([:])
    #expect(abs(inside[0] - 0.1) < 1e-6 && abs(inside[1] + 10 * log10(0.02)) < 1e-4, "\(inside)")
    #expect(try measured(["region": .string("outside")]) == [0, .infinity])
  }

  @Test func masksMustFit() throws {
    let (latent, _) = try world.inverted(["steps": .int(3)])
    let none = Mask(width: side, height: side, values: [Float](repeating: 0, count: side * side))
    #expect(issue { _ = try edited(latent, ["steps": .int(3)], under: none) }?.hasPrefix("mask 'a' is empty") ?? false)
    let small = Mask(width: 8, height: 8, values: [Float](repeating: 1, count: 64))
    #expect(
      issue { _ = try edited(latent, ["steps": .int(3)], under: small) }
        == "mask 'a' is 8×8, the picture 16×16: make the mask of the same pictures")
    let context = try BenchContext(
      "sample", ["mask_until": .int(3)], inputs: ["latents": .one(.latents, [("a", latent)])])
    #expect(
      context.issues(["latents": [.latents], "model": [.diffusion]]).contains(
        "'mask_until' is for `mask`: leave it out"))
    #expect(
      context.issues(["latents": [.latents], "model": [.diffusion], "mask": [.masks]])
        .contains("`mask` needs `original`: the model that the latents were inverted with"))
  }
}
