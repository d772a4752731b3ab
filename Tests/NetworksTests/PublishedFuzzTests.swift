import Checkpoints
import Foundation
import Networks
import OrderedCollections
import TestSupport
import Testing

/// Published files that are damaged, whose tensors are exchanged, renamed, dropped or reshaped at random: each is
/// recognized or refused, as `load` does it, in less than a second and in bounded memory. A few thousand;
/// `DIFFUSIONCLIP_FUZZ=1000000` makes it a million.
@Suite struct PublishedFuzzTests {
  private static let count = ProcessInfo.processInfo.environment["DIFFUSIONCLIP_FUZZ"].flatMap { Int($0) } ?? 3000

  private static let files = [
    "ddpm.ckpt", "diffusers/diffusion_pytorch_model.safetensors", "guided.pt", "guided-new.pt",
    "hf-clip/model.safetensors", "openai-clip/ViT-tiny.pt", "resnet-clip/open_clip_pytorch_model.bin", "ir-se50.pth",
    "bisenet.pth", "segformer/model.safetensors", "lpips-whole.pth",
  ]

  @Test(arguments: files) func survivesDamage(name: String) throws {
    let good = try Data(contentsOf: URL(filePath: fixture("published/\(name)")))
    let state = try TensorFile(good, from: "damaged").stateDictionary()
    var generator = SeededGenerator(seed: UInt64(good.count))
    var (taken, refused) = (0, 0)
    for round in 0..<max(1, Self.count / Self.files.count) {
      let damaged: StateDictionary?
      if round % 4 == 0 {
        var bad = good
        for _ in 0...Int.random(in: 0...2, using: &generator) { damage(&bad, &generator) }
        damaged = try Self.orRefused { try TensorFile(bad, from: "damaged").stateDictionary() }
      } else {
        damaged = exchanged(state, &generator)
      }
      guard let damaged else {
        refused += 1
        continue
      }
      let hints = hints(&generator)
      let clock = ContinuousClock()
      var isTaken = false
      var time = try clock.measure { isTaken = try Self.isTaken(damaged, hints) }
      // On a busy machine once may be chance.
      if time > .seconds(1) { time = try clock.measure { isTaken = try Self.isTaken(damaged, hints) } }
      #expect(time < .seconds(1), "\(name), round \(round)")
      if isTaken { taken += 1 } else { refused += 1 }
    }
    #expect(refused > taken / 4)
  }

  private static func orRefused<Result>(_ work: () throws -> Result) throws -> Result? {
    do { return try work() } catch is CheckpointError { return nil } catch is NetworkError { return nil }
  }

  /// Whether `load` would take it; other errors than its own are passed on.
  private static func isTaken(_ state: StateDictionary, _ hints: PublishedHints) throws -> Bool {
    try orRefused {
      let model = try state.publishedModel(hints)
      guard model.differences.isEmpty else { return false }
      _ = try model.loaded()
      return try !model.checkpointData().isEmpty
    } ?? false
  }

  private func hints(_ generator: inout SeededGenerator) -> PublishedHints {
    var hints = PublishedHints()
    func maybe<Value>(_ values: [Value]) -> Value? {
      Bool.random(using: &generator) ? values.randomElement(using: &generator) : nil
    }
    hints.resolution = maybe([16, 64, 0, -5, 8192, 1 << 40, .max])
    hints.groups = maybe([2, 4, 32, 0, -1, .max])
    hints.headChannels = maybe([2, 4, 64, 0, .max])
    hints.label = maybe([0, 3, -1, .max])
    hints.preset = maybe(DiffusionPreset.allCases)
    hints.configuration = maybe([
      "", "{", "{}", "[1]", #"{"sample_size": 16, "norm_num_groups": 2}"#, #"{"sample_size": -9223372036854775808}"#,
      #"{"num_attention_heads": [1, 2, 4, 2], "strides": [4, 2, 2, 2]}"#,
      #"{"num_attention_heads": [0, -1], "strides": [0, 9223372036854775807, 2, 2]}"#,
      #"{"vision_config": {"num_attention_heads": 0, "hidden_act": "gelu"}}"#,
      #"{"model_cfg": {"vision_cfg": {"width": 9223372036854775807, "head_width": 0}, "text_cfg": {"heads": 3}}}"#,
    ])
    return hints
  }

  /// Tensors under each other's names, under other numbers, or not there.
  private func exchanged(_ state: StateDictionary, _ generator: inout SeededGenerator) -> StateDictionary {
    var tensors = state.tensors
    for _ in 0...Int.random(in: 0...3, using: &generator) {
      guard let name = tensors.keys.randomElement(using: &generator),
        let other = tensors.keys.randomElement(using: &generator)
      else { break }
      switch Int.random(in: 0..<5, using: &generator) {
      case 0: tensors[name] = nil
      case 1: tensors[name] = tensors[other]
      case 2:
        let number =
          ["0", "7", "999", "4294967296", "99999999999999999999", "-1"].randomElement(using: &generator) ?? ""
        tensors[name.replacing(/[0-9]+/, with: number, maxReplacements: 1)] = tensors[name]
      case 3: tensors[name + ".weight"] = tensors.removeValue(forKey: name)
      // A whole part more or less.
      default:
        let part = name.split(separator: ".").prefix(3).joined(separator: ".")
        for key in tensors.keys where key.hasPrefix(part) { tensors[key] = nil }
      }
    }
    return StateDictionary(tensors: tensors, source: "exchanged")
  }

  private func damage(_ data: inout Data, _ generator: inout SeededGenerator) {
    // What describes the tensors is at the start or at the end of files.
    let range = Bool.random(using: &generator) ? 0..<min(data.count, 6000) : max(0, data.count - 6000)..<data.count
    let place = Int.random(in: range, using: &generator)
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: data[place] = UInt8.random(in: 0...255, using: &generator)
    case 1: data[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 2: data.removeSubrange(place..<min(data.count, place + 3))
    case 3: data.insert(UInt8.random(in: 0...255, using: &generator), at: place)
    default:
      let digit = UInt8(ascii: "0")...UInt8(ascii: "9")
      if digit.contains(data[place]) { data[place] = UInt8.random(in: digit, using: &generator) }
    }
  }

  /// Compressed files, right and damaged: read or refused, never beyond the limit.
  @Test func gzipSurvivesDamage() throws {
    let path = fixture("published/bpe_simple_vocab_16e6.txt.gz")
    let good = try Data(contentsOf: URL(filePath: path)).prefix(3000)
    var generator = SeededGenerator(seed: 9)
    for _ in 0..<max(1, Self.count / 100) {
      var bad = Data(good)
      for _ in 0...2 {
        bad[Int.random(in: 0..<200, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      let content = try Self.orRefused { try Gzip.content(of: bad, from: "m", limit: 10_000) }
      #expect((content?.count ?? 0) <= 10_000)
    }
  }
}
