import Checkpoints
import Foundation

extension PublishedFormat {
  /// CelebA-HQ and LSUN, as the official code and the DDPM code in PyTorch have them.
  static let officialDDPM = PublishedFormat(
    "official DDPM checkpoint", .diffusion, signature: ["temb.dense.0.weight", "down.0.block.0.conv1.weight"]
  ) { (state, hints, format) throws(NetworkError) in
    try ddpm(PublishedTensors(state: state, keys: .same), hints, format)
  }

  /// A folder of diffusers' UNet2DModel with DDPM's blocks, with the old names of attention or the new ones.
  static let diffusersDDPM = PublishedFormat(
    "diffusers UNet2DModel", .diffusion,
    signature: ["time_embedding.linear_1.weight", "down_blocks.0.resnets.0.conv1.weight"]
  ) { (state, hints, format) throws(NetworkError) in
    let levels = (0..<17).first { state.tensors["down_blocks.\($0).resnets.0.conv1.weight"] == nil } ?? 17
    var hints = hints
    if let text = hints.configuration {
      let json = try DiffusersConfiguration(text, source: state.source)
      hints.resolution = hints.resolution ?? json.sampleSize
      hints.groups = hints.groups ?? json.normNumGroups
    }
    return try ddpm(PublishedTensors(state: state, keys: .diffusers(levels: levels)), hints, format)
  }

  /// AFHQ, FFHQ and ImageNet, as guided diffusion and the code derived from it have them.
  static let guidedDiffusion = PublishedFormat(
    "guided-diffusion checkpoint", .diffusion,
    signature: ["time_embed.0.weight", "input_blocks.0.0.weight", "middle_block.1.qkv.weight"],
    ignored: ["label_emb.weight"]
  ) { (state, hints, format) throws(NetworkError) in
    try guided(PublishedTensors(state: state, keys: .same), hints, format)
  }

  private static func ddpm(
    _ tensors: PublishedTensors, _ hints: PublishedHints, _ format: PublishedFormat
  ) throws(NetworkError) -> PublishedModel {
    let levels = tensors.count { "down.\($0).block.0.conv1.weight" }
    try check(hints, isGuided: false, levels: levels, tensors.state.source, format)
    let input = try tensors.shape("conv_in.weight", rank: 4, of: format.name)
    let channels = input[0]
    var multipliers: [Int] = []
    for level in 0..<levels {
      let width = try tensors.shape("down.\(level).block.0.conv1.weight", rank: 4, of: format.name)[0]
      guard width % channels == 0 else {
        throw .badConfiguration(
          source: tensors.state.source,
          "'\(tensors.expectedName("down.\(level).block.0.conv1.weight"))' has \(width) outputs, no multiple of \(channels)"
        )
      }
      multipliers.append(width / channels)
    }
    let attending = multipliers.indices.filter { tensors.has("down.\($0).attn.0.q.weight") }
    var notes: [String] = []
    var resolution = hints.resolution ?? hints.preset?.resolution
    if resolution == nil, let first = attending.first {
      // DDPM's rule: attention at 16×16.
      resolution = 16 << first
      notes.append("took its resolution to be \(16 << first), as attention is usually at 16×16")
    }
    guard let resolution else {
      throw .cannotTell(source: tensors.state.source, "resolution", remedy: "give `preset` or `resolution`")
    }
    let network = try make(tensors.state.source) { () throws(NetworkError) in
      try DDPMUNet(
        .init(
          resolution: resolution, channels: channels, multipliers: multipliers,
          blocks: tensors.count { "down.0.block.\($0).conv1.weight" },
          attentionResolutions: attending.map { resolution >> $0 },
          groups: hints.groups ?? 32, pictureChannels: input[1]), .described)
    }
    return PublishedModel(network, tensors, format, notes: notes)
  }

  private static func guided(
    _ tensors: PublishedTensors, _ hints: PublishedHints, _ format: PublishedFormat
  ) throws(NetworkError) -> PublishedModel {
    let source = tensors.state.source
    let input = try tensors.shape("input_blocks.0.0.weight", rank: 4, of: format.name)
    let channels = try tensors.shape("time_embed.0.weight", rank: 2, of: format.name)[1]
    // The last of the blocks of each level but the first doubles the resolution.
    let outputs = tensors.count { "output_blocks.\($0).0.in_layers.2.weight" }
    func doubles(_ stage: Int) -> (inBlock: Bool, byConvolution: Bool) {
      let scope = "output_blocks.\(stage)"
      return (
        (1...2).contains { tensors.has("\(scope).\($0).in_layers.2.weight") },
        (1...2).contains { tensors.has("\(scope).\($0).conv.weight") }
      )
    }
    let doubling = (0..<outputs).map(doubles)
    let levels = 1 + doubling.count { $0.inBlock || $0.byConvolution }
    try check(hints, isGuided: true, levels: levels, source, format)
    guard outputs % levels == 0, outputs / levels > 1 else {
      throw .badConfiguration(source: source, "\(outputs) output blocks cannot be those of \(levels) levels")
    }
    let perLevel = outputs / levels
    var described: [GuidedUNet.Configuration.Level] = []
    for level in (0..<levels).reversed() {
      let stage = level * perLevel
      let name = "output_blocks.\(stage).0.in_layers.2.weight"
      described.append(
        .init(
          channels: try tensors.shape(name, rank: 4, of: format.name)[0],
          attention: tensors.has("output_blocks.\(stage).1.qkv.weight")))
    }
    let first = try tensors.shape("middle_block.0.emb_layers.1.weight", rank: 2, of: format.name)[0]
    let widest = described[levels - 1].channels
    var notes: [String] = []
    var resolution = hints.resolution ?? hints.preset?.resolution
    if resolution == nil {
      resolution = 256
      notes.append("took its resolution to be 256: give `preset` or `resolution` where it is not")
    }
    let classes =
      try tensors.has("label_emb.weight") ? tensors.shape("label_emb.weight", rank: 2, of: format.name)[0] : nil
    if let classes, hints.label == nil { notes.append("ignores its \(classes) classes, as the official code does") }
    if hints.label != nil, classes == nil {
      throw .badConfiguration(source: source, "it knows no classes (it has no 'label_emb.weight'): remove `class`")
    }
    let last = try tensors.shape("out.2.weight", rank: 4, of: format.name)[0]
    let configuration = GuidedUNet.Configuration(
      resolution: resolution ?? 256, channels: channels, levels: described, blocks: perLevel - 1,
      headChannels: hints.headChannels ?? 64, attentionOrder: hints.attentionOrder ?? .legacy,
      learnsVariance: last == 2 * input[1], scalesByTime: first == 2 * widest,
      resamplesInBlocks: !doubling.contains { $0.byConvolution }, groups: hints.groups ?? 32,
      pictureChannels: input[1], classes: hints.label == nil ? nil : classes, label: hints.label)
    let network = try make(source) { () throws(NetworkError) in try GuidedUNet(configuration, .described) }
    return PublishedModel(network, tensors, format, notes: notes)
  }

  /// - Throws: where hints are for another U-Net.
  private static func check(
    _ hints: PublishedHints, isGuided: Bool, levels: Int, _ source: String, _ format: PublishedFormat
  ) throws(NetworkError) {
    if let preset = hints.preset, preset.isGuided != isGuided || preset.levels != levels {
      throw .wrongPreset(source: source, preset: preset.rawValue, found: "\(format.name) with \(levels) levels")
    }
    if !isGuided, hints.headChannels != nil || hints.attentionOrder != nil || hints.label != nil {
      throw .badConfiguration(
        source: source,
        "a \(format.name) has one head of attention and no classes: remove `head_channels`, "
          + "`attention_order` and `class`")
    }
  }

  /// Names the file where the network cannot be.
  static func make<Made>(_ source: String, _ make: () throws(NetworkError) -> Made) throws(NetworkError) -> Made {
    do {
      return try make()
    } catch .badConfiguration(_, let reason) {
      throw .badConfiguration(source: source, reason)
    }
  }
}

extension KeyMap {
  /// From the official DDPM names to those of diffusers.
  static func diffusers(levels: Int) -> KeyMap {
    let blocks = [
      ("down.#.block.#", "down_blocks.#.resnets.#"), ("up.#.block.#", "up_blocks.~.resnets.#"),
      ("mid.block_1", "mid_block.resnets.0"), ("mid.block_2", "mid_block.resnets.1"),
    ]
    let blockParts = [
      ("norm1", "norm1"), ("conv1", "conv1"), ("temb_proj", "time_emb_proj"), ("norm2", "norm2"), ("conv2", "conv2"),
      ("nin_shortcut", "conv_shortcut"),
    ]
    let attentions = [
      ("down.#.attn.#", "down_blocks.#.attentions.#"), ("up.#.attn.#", "up_blocks.~.attentions.#"),
      ("mid.attn_1", "mid_block.attentions.0"),
    ]
    let parts = [("norm", "group_norm"), ("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")]
    let oldParts = [("q", "query"), ("k", "key"), ("v", "value"), ("proj_out", "proj_attn")]
    let single: [Rule] = [
      Rule("temb.dense.0.*", "time_embedding.linear_1.*"), Rule("temb.dense.1.*", "time_embedding.linear_2.*"),
      Rule("conv_in.*", "conv_in.*"), Rule("norm_out.*", "conv_norm_out.*"), Rule("conv_out.*", "conv_out.*"),
      Rule("down.#.downsample.conv.*", "down_blocks.#.downsamplers.0.conv.*"),
      Rule("up.#.upsample.conv.*", "up_blocks.~.upsamplers.0.conv.*"),
    ]
    return KeyMap(
      single + rules(blocks, blockParts) + rules(attentions, parts) + rules(attentions, oldParts), levels: levels)
  }
}

/// What counts of the config.json of diffusers' UNet2DModel.
private struct DiffusersConfiguration: Decodable {
  let sampleSize: Int?
  let normNumGroups: Int?
  let normEps: Double?
  let freqShift: Int?
  let flipSinToCos: Bool?
  let downsamplePadding: Int?
  let attentionHeadDim: Int?
  let actFn: String?

  init(_ text: String, source: String) throws(NetworkError) {
    do {
      self = try readConfiguration(Self.self, from: text)
    } catch {
      throw .badConfiguration(source: source, "its config.json cannot be read")
    }
    let wanted: [(String, Bool)] = [
      ("norm_eps 1e-06", (normEps ?? 1e-6) == 1e-6), ("freq_shift 1", (freqShift ?? 1) == 1),
      ("flip_sin_to_cos false", flipSinToCos != true), ("downsample_padding 0", (downsamplePadding ?? 0) == 0),
      ("attention_head_dim null", attentionHeadDim == nil), ("act_fn silu", (actFn ?? "silu") == "silu"),
    ]
    if let bad = wanted.first(where: { !$0.1 }) {
      throw .badConfiguration(source: source, "its config.json is not of a DDPM: expected \(bad.0)")
    }
  }
}
