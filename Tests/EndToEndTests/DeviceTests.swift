import Foundation
import JSONSyntax
import Testing

/// Runs that compute on a graphics card, here by PoCL where there is none.
@Suite(.serialized) struct DeviceTests {
  private static let devices: [JSON] =
    (try? Repository("recipe: r", faces: []).run("devices", "--json").lines[0]["devices"]?.array) ?? []
  private static let isThere: Comment = "no OpenCL or CUDA device is here: install pocl-opencl-icd"
  private static let options = ["--device", "gpu:0"]

  @Test func devicesAreListed() throws {
    let repository = try Repository("recipe: r", faces: [])
    let listing = try repository.run("devices", "--json").lines[0]
    for device in try #require(listing["devices"]?.array) {
      #expect(try #require(device["name"]?.string).isEmpty == false && device["memory"]?.int ?? 0 > 0)
      #expect(["CUDA", "OpenCL"].contains(device["runtime"]?.string))
    }
    let absent = try #require(listing["absent"]?.array)
    #expect(absent.count < 2 || Self.devices.isEmpty)
    #expect(absent.allSatisfy { $0["reason"]?.string?.isEmpty == false })
    let text = try repository.run("devices").output
    for device in Self.devices { #expect(text.contains(device["name"]?.string ?? "?")) }
  }

  @Test func wrongChoicesAreRefused() throws {
    let repository = try Repository("recipe: r\nstages: { a: { synthesize: { count: 1, size: 16 } } }", faces: [])
    for word in ["gpus", "gpu:", "gpu:-1", "gpu:00", "GPU"] {
      #expect(try repository.run("run", "recipe.yaml", "--device", word).status == 64)
      let named = try repository.run(["run", "recipe.yaml"], with: ["DIFFUSIONCLIP_DEVICE": word])
      #expect(named.status == 2)
      #expect(named.errors == "DIFFUSIONCLIP_DEVICE is '\(word)', expected auto, cpu, gpu or gpu:N\n")
    }
    let missing = try repository.run("run", "recipe.yaml", "--device", "gpu:9999")
    #expect(missing.status == 2 && missing.errors.hasPrefix("--device gpu:9999: "), "\(missing)")
    // What nobody would choose has to be named by its number.
    if Self.devices.allSatisfy({ $0["passed_over"]?.string != nil }) {
      let gpu = try repository.run("run", "recipe.yaml", "--device", "gpu")
      #expect(gpu.status == 2 && gpu.errors.hasPrefix("--device gpu: this machine has no graphics card "), "\(gpu)")
      #expect(gpu.errors.hasSuffix("; compute with --device cpu\n"))
      let auto = try repository.run("run", "recipe.yaml", "--device", "auto")
      #expect(auto.status == 0 && auto.errors.contains("no graphics card that can be used"), "\(auto)")
    }
  }

  /// The whole method, in little: the same recipe on a card, with its expectation, beside the processor.
  @Test(.enabled(if: !devices.isEmpty, isThere)) func theWholeMethodRunsOnACard() throws {
    let repository = try Repository(WholeRecipe.text)
    let outcome = try repository.run(["run", "recipe.yaml", "--json"] + Self.options)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(try outcome.finished["ran"]?.int == WholeRecipe.actionCount)
    #expect(try outcome.finished["expectations"]?.array?.map { $0["held"] } == [.bool(true)])
    let name = try #require(Self.devices[0]["name"]?.string)
    let machines = try repository.json("\(repository.latest("whole"))/actions.json")["machines"]?.array ?? []
    #expect(Set(machines.map { $0["device"]?.string?.hasPrefix(name) }) == [nil, true])

    // As on the processor, but for rounding, which the training of the model makes larger.
    let expected = try WholeRecipe.finished().repository
    func scores(_ repository: Repository) throws -> [[Double]] {
      try repository.text("\(repository.latest("whole"))/scores.csv").split(separator: "\n").dropFirst()
        .map { $0.split(separator: ",").compactMap { Double($0) } }
    }
    let (found, known) = (try scores(repository), try scores(expected))
    #expect(found.count == 3 && known.count == 3)
    for (a, b) in zip(found.joined(), known.joined()) { #expect(abs(a - b) < 2e-2 * max(1, abs(b)), "\(a), \(b)") }
    #expect(try repository.digests("whole")["photos.images"] == expected.digests("whole")["photos.images"])

    // The device is no part of a key.
    #expect(try repository.run("run", "recipe.yaml", "--json").finished["ran"] == 0)
    // The same bytes whatever runs side by side, and after a run that was cut short.
    let killed = try Repository(WholeRecipe.text)
    try killed.killRun("checkpoint_every_s=0", "epochs=3", options: Self.options + ["--jobs", "2"])
    try #require(try killed.run(["run", "recipe.yaml", "--set", "epochs=3"] + Self.options).status == 0)
    try #require(try repository.run(["run", "recipe.yaml", "--set", "epochs=3"] + Self.options).status == 0)
    #expect(try killed.digests("whole") == repository.digests("whole"))
  }

  private static let others = """
    recipe: others
    stages:
      photos: { synthesize: { count: 5, size: 16 } }
      base:
        train: { network: diffusion, images: photos, steps: 4, batch_size: 2, warmup_steps: 2, channels: 8, multipliers: [1, 2],
                 attention: [8], groups: 4 }
      clip:
        train: { network: clip, images: photos, table: photos.table, steps: 3, batch_size: 2, warmup_steps: 1, merges: 100 }
      seen:
        train: { network: perceptual, images: photos, table: photos.table, steps: 3, batch_size: 2, attributes: [hair_color] }
      latents: { invert: { images: photos, model: base, return_step: 300, steps: 3, method: fixed_point, iterations: 3 } }
      noise: { sample: { count: 3, size: 16, model: base, steps: 3, eta: 0.5, clip_x0: dynamic } }
      light:
        finetune: { model: base, latents: latents, clip: clip, target: angry face, steps: 3, epochs: 1, adapter: lora,
                    gradient: last, views: 2, learning_rate: 1.0e-2 }
      back: { sample: { latents: latents, model: light, steps: 3 } }
      steered: { guide: { latents: latents, model: base, clip: clip, target: angry face, steps: 3 } }
      apart: { distance: { images: back, reference: photos, perceptual: seen } }
      scores:
        metric: { images: back, reference: photos, clip: clip, target: angry face, perceptual: seen, measures: [perceptual, mae] }
    outputs: [apart, scores, steered, noise]
    """

  /// What the whole method leaves out: the other ways to invert, sample, tune and measure.
  @Test(.enabled(if: !devices.isEmpty, isThere)) func theOtherKindsRunOnACard() throws {
    func finished(_ options: [String]) throws -> Repository {
      let repository = try Repository(Self.others, faces: [])
      let outcome = try repository.run(["run", "recipe.yaml"] + options)
      try #require(outcome.status == 0, "\(outcome)")
      return repository
    }
    let (card, processor) = (try finished(Self.options), try finished([]))
    for table in ["apart.csv", "scores.csv"] {
      func numbers(_ repository: Repository) throws -> [Double] {
        try repository.text("\(repository.latest("others"))/\(table)").split(separator: "\n").dropFirst()
          .flatMap { $0.split(separator: ",").compactMap { Double($0) } }
      }
      let (found, expected) = (try numbers(card), try numbers(processor))
      #expect(found.count == expected.count && !found.isEmpty)
      for (a, b) in zip(found, expected) { #expect(abs(a - b) < 2e-2 * max(1, abs(b)), "\(table): \(a), \(b)") }
    }
  }

  /// A plan made for cards asks the cluster for them, for the jobs that compute on them.
  @Test func jobsAskForACard() throws {
    let repository = try Repository(WholeRecipe.text)
    for (engine, request) in [
      ("slurm", "--gres=gpu:1"), ("snakemake", "gpu=1,"),
    ] {
      func text(_ options: [String]) throws -> String {
        let outcome = try repository.run(["submit", "recipe.yaml", "--engine", engine, "--json"] + options)
        try #require(outcome.status == 0, "\(outcome)")
        return try String(contentsOfFile: try #require(outcome.lines[0]["script"]?.string), encoding: .utf8)
      }
      let plain = try text([])
      #expect(!plain.contains(request) && !plain.contains("--device"))
      let script = try text(["--device", "gpu"])
      #expect(script.contains(request) && script.contains(" --device gpu"), "\(script)")
    }
    let wrong = try repository.run("submit", "recipe.yaml", "--device", "auto")
    #expect(wrong.status == 2 && wrong.errors.hasPrefix("jobs compute on 'auto': say cpu or gpu"), "\(wrong)")
    // A plan may be for another machine.
    let cost = try repository.run("plan", "recipe.yaml", "--cost", "--device", "gpu")
    #expect(cost.status == 0, "\(cost)")
    let isMeasured = Self.devices.contains { $0["passed_over"]?.string == nil }
    #expect(isMeasured || cost.errors.contains("one of 5 TFLOP/s is assumed"), "\(cost)")
    #expect(try repository.run("plan", "recipe.yaml", "--cost", "--device", "gpu:9999").status == 2)
  }
}
