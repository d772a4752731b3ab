import ArtifactStore
import Checkpoints
import Diffusion
import Escaping
import Foundation
import Networks
import StageKit
import Tensors

/// The weights that a low-rank fine-tuning changes.
enum LowRankTargets: String, Choice {
  case attention, convolutions, all

  /// Weights of attention and of convolutions, 1×1 ones in shortcuts too, by the names that official checkpoints give
  /// them. Those of the time embedding, of normalizations, and biases stay as they are.
  func contains(_ name: String, _ weight: Tensor) -> Bool {
    let parts = name.split(separator: ".")
    guard parts.count > 1, parts.last == "weight", weight.rank > 1 else { return false }
    let layer = parts[parts.count - 2]
    let isAttention = ["q", "k", "v", "qkv", "proj_out"].contains(layer)
    let isConvolution = weight.rank == 4 || layer == "nin_shortcut" || layer == "skip_connection"
    switch self {
    case .attention: return isAttention
    case .convolutions: return isConvolution && !isAttention
    case .all: return isAttention || isConvolution
    }
  }
}

/// A diffusion model as a change of low rank to another one: what a low-rank fine-tuning leaves in the store.
///
/// Safetensors with `lora_A.weight` (down) and `lora_B.weight` (up) for each weight, in PyTorch's layout and under the
/// names that PEFT gives them; the factor of up·down and the digest of the model it is a change to are in the metadata.
struct LowRankChange {
  let names: [String]
  let adapter: LowRankAdapter

  private static let (scaleEntry, baseEntry) = ("low_rank_scale", "base")
  private static let (down, up) = ("lora_A.weight", "lora_B.weight")

  /// A change that is nothing as yet, as a stage asks for; nil where all of the model shall learn.
  /// - Throws: where the model has no such weights.
  init?(to model: any DiffusionModel, _ options: AdapterOptions, seed: Int) throws {
    guard options.adapter == .lora else { return nil }
    let (rank, targets) = (options.loraRank, options.loraTargets)
    let weights = model.parameters.parameters.filter { targets.contains($0.key, $0.value.tensor) }
    guard !weights.isEmpty else {
      throw InputError(
        "the model has no weights of \(targets.rawValue) that lora could change: choose other `lora_targets`")
    }
    names = Array(weights.keys)
    let layers = weights.map { name, parameter in
      var random = RandomSource(seed: UInt64(seed), name: name)
      return LowRankAdapter.Layer(parameter.tensor, rank: rank, random: &random)
    }
    adapter = LowRankAdapter(layers, scale: (options.loraAlpha ?? Double(rank)) / Double(rank))
  }

  /// The digest of the model that a file is a change to, by its metadata; nil where it is none.
  static func base(in metadata: [String: String]) -> String? {
    metadata[scaleEntry] == nil ? nil : metadata[baseEntry]
  }

  /// Sees that a file says of itself that it is a change, and one to the model whose own bytes have the digest `base`.
  /// - Throws: `InputError`.
  static func check(_ metadata: [String: String], _ source: String, base: Digest? = nil) throws {
    guard let made = Self.base(in: metadata) else {
      throw InputError(
        "\(source): no adapter: expected a low-rank change, as `export --adapter` writes it; `inspect` says what the file is"
      )
    }
    guard let base, made != base.hex else { return }
    throw InputError(
      "\(source): it is a change to the model with the digest \(made.abridged), but 'base' has \(base.hex): load the model that it was tuned from"
    )
  }

  /// The change that a file holds, made to `model` in place.
  /// - Throws: where it is one to another model.
  init(_ file: CheckpointTensors, appliedTo model: any DiffusionModel) throws {
    func misfit(_ name: String) -> InputError {
      InputError("\(file.source): the low-rank change does not fit the model: '\(name)' is missing or misshaped")
    }
    guard let scale = file.metadata[Self.scaleEntry].flatMap(Double.init), scale.isFinite else {
      throw misfit(Self.scaleEntry)
    }
    names = file.tensors.keys.filter { $0.hasSuffix(Self.down) }.map { Self.renamed($0, Self.down, "weight") }
    let layers = try names.map { name -> LowRankAdapter.Layer in
      guard let parameter = model.parameters.parameters[name],
        let down = file.tensors[Self.renamed(name, "weight", Self.down)],
        let up = file.tensors[Self.renamed(name, "weight", Self.up)], up.rank >= 2, down.rank == up.rank
      else { throw misfit(name) }
      let layer = (down: parameter.layout.fromCheckpoint(down), up: up.reshaped(Array(up.shape.prefix(2))))
      let weight = parameter.tensor
      let (outputs, rank) = (weight.rank == 4 ? weight.size(-1) : weight.shape[0], layer.up.shape[1])
      let shape = weight.rank == 4 ? Array(weight.shape.dropLast()) + [rank] : [rank] + weight.shape.dropFirst()
      guard layer.up.shape[0] == outputs, layer.down.shape == shape else { throw misfit(name) }
      guard layer.up.isFinite, layer.down.isFinite else {
        throw InputError("\(file.source): the low-rank change to '\(name)' is not finite: make it again")
      }
      return LowRankAdapter.Layer(weight, down: layer.down, up: layer.up)
    }
    // Each weight has two parts, and a change has nothing else.
    let known = Set(names.flatMap { [Self.renamed($0, "weight", Self.down), Self.renamed($0, "weight", Self.up)] })
    if let other = file.tensors.keys.first(where: { !known.contains($0) }) {
      throw InputError("\(file.source): its tensor '\(other)' is no part of a low-rank change")
    }
    guard !names.isEmpty else { throw InputError("\(file.source): the low-rank change has no tensors") }
    adapter = LowRankAdapter(layers, scale: scale)
  }

  /// The change to `model`, whose own bytes have the digest `base`.
  func data(to model: any DiffusionModel, base: Digest, description: String) throws -> Data {
    var file = CheckpointTensors(
      metadata: [Self.scaleEntry: "\(adapter.scale)", Self.baseEntry: base.hex, "description": description])
    for (name, layer) in zip(names, adapter.layers) {
      guard let layout = model.parameters.parameters[name]?.layout else { continue }
      let down = layout.toCheckpoint(layer.down.detached)
      file.tensors[Self.renamed(name, "weight", Self.down)] = down
      file.tensors[Self.renamed(name, "weight", Self.up)] = layer.up.detached
        .reshaped(layer.up.shape + Array(repeating: 1, count: down.rank - 2))
    }
    return try Safetensors.data(of: file)
  }

  private static func renamed(_ name: String, _ end: String, _ other: String) -> String {
    String(name.dropLast(end.count)) + other
  }
}
