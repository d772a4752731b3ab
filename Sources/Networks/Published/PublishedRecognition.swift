import Checkpoints
import Foundation

extension PublishedFormat {
  static let irSE50 = PublishedFormat(
    "ArcFace IR-SE50", .identity,
    signature: ["input_layer.0.weight", "body.0.res_layer.1.weight", "output_layer.3.weight"]
  ) { (state, _, format) throws(NetworkError) in
    let tensors = PublishedTensors(state: state, keys: .same)
    var stages: [(width: Int, units: Int)] = []
    for unit in 0..<tensors.count({ "body.\($0).res_layer.1.weight" }) {
      let width = try tensors.shape("body.\(unit).res_layer.1.weight", rank: 4, of: format.name)[0]
      if stages.last?.width == width { stages[stages.count - 1].units += 1 } else { stages.append((width, 1)) }
    }
    let squeezed = try tensors.shape("body.0.res_layer.5.fc1.weight", rank: 4, of: format.name)
    let embedDim = try tensors.shape("output_layer.3.weight", rank: 2, of: format.name)[0]
    let network = try make(state.source) { () throws(NetworkError) in
      try IRSE50(
        .init(
          units: stages.map(\.units), widths: stages.map(\.width), embedDim: embedDim,
          reduction: squeezed[1] / squeezed[0]), .described)
    }
    return PublishedModel(network, tensors, format, notes: [])
  }

  /// The weights of the distance (`lin0` and so on) together with a trunk of torchvision, or all of it by the package's
  /// own names.
  static let lpips = PublishedFormat(
    "LPIPS", .perceptual, signature: ["lin0.model.*"], ignored: ["scaling_layer.*", "classifier.*", "lins.*"]
  ) { (state, _, format) throws(NetworkError) in
    let tensors = PublishedTensors(state: state, keys: .lpips)
    guard let first = tensors.parameter("features.0.weight")?.shape, first.count == 4 else {
      throw .lacksTrunk(source: state.source)
    }
    let trunk: LPIPS.Configuration.Trunk =
      first[2] == 11 ? .alex : tensors.has("features.3.squeeze.weight") ? .squeeze : .vgg
    let divisor = 64 / min(64, max(1, first[0]))
    let network = try make(state.source) { () throws(NetworkError) in
      try LPIPS(.init(trunk: trunk, divisor: divisor), .described)
    }
    return PublishedModel(network, tensors, format, notes: [])
  }

  /// facenet-pytorch's MTCNN: its three files, whose names come before those of their tensors, or its whole state.
  static let mtcnn = PublishedFormat(
    "MTCNN of facenet-pytorch", .detector,
    signature: ["pnet.conv4_1.weight", "rnet.dense5_1.weight", "onet.dense6_3.weight"]
  ) { (state, _, format) throws(NetworkError) in
    let network = try make(state.source) { () throws(NetworkError) in try MTCNN(.init(), .described) }
    return PublishedModel(network, PublishedTensors(state: state, keys: .same), format, notes: [])
  }

  static let biSeNet = PublishedFormat(
    "BiSeNet for faces", .segmenter, signature: ["cp.resnet.conv1.weight", "ffm.convblk.conv.weight"],
    // The heads that only training looks at.
    ignored: ["conv_out16.*", "conv_out32.*", "cp.resnet.fc.*"]
  ) { (state, hints, format) throws(NetworkError) in
    let tensors = PublishedTensors(state: state, keys: .same)
    let width = try tensors.shape("cp.resnet.conv1.weight", rank: 4, of: format.name)[0]
    let count = try tensors.shape("conv_out.conv_out.weight", rank: 4, of: format.name)[0]
    let classes = count == BiSeNet.faceParts.count ? BiSeNet.faceParts : numbered(count)
    let network = try make(state.source) { () throws(NetworkError) in
      try BiSeNet(.init(classes: classes, resolution: hints.resolution ?? 512, width: width), .described)
    }
    return PublishedModel(network, tensors, format, notes: [])
  }

  static let segFormer = PublishedFormat(
    "SegFormer of Hugging Face", .segmenter,
    signature: ["segformer.encoder.patch_embeddings.0.proj.weight", "decode_head.linear_fuse.weight"]
  ) { (state, hints, format) throws(NetworkError) in
    try segFormer(PublishedTensors(state: state, keys: .same), hints, format)
  }

  static let segFormerByStages = PublishedFormat(
    "SegFormer of Hugging Face, by stages", .segmenter,
    signature: ["segformer.stages.0.patch_embeddings.proj.weight", "decode_head.linear_fuse.weight"]
  ) { (state, hints, format) throws(NetworkError) in
    try segFormer(PublishedTensors(state: state, keys: .segFormerByStages), hints, format)
  }

  private static func segFormer(
    _ tensors: PublishedTensors, _ hints: PublishedHints, _ format: PublishedFormat
  ) throws(NetworkError) -> PublishedModel {
    let source = tensors.state.source
    let encoder = "segformer.encoder"
    var (widths, patches, reductions, expansions): ([Int], [Int], [Int], [Int]) = ([], [], [], [])
    var depths: [Int] = []
    for stage in 0..<tensors.count({ "\(encoder).patch_embeddings.\($0).proj.weight" }) {
      let patch = try tensors.shape("\(encoder).patch_embeddings.\(stage).proj.weight", rank: 4, of: format.name)
      let block = "\(encoder).block.\(stage).0"
      widths.append(patch[0])
      patches.append(patch[3])
      depths.append(tensors.count { "\(encoder).block.\(stage).\($0).attention.self.query.weight" })
      let reduction = "\(block).attention.self.sr.weight"
      reductions.append(
        tensors.has(reduction) ? try tensors.shape(reduction, rank: 4, of: format.name)[3] : 1)
      expansions.append(try tensors.shape("\(block).mlp.dense1.weight", rank: 2, of: format.name)[0] / patch[0])
    }
    let head = try tensors.shape("decode_head.classifier.weight", rank: 4, of: format.name)
    let json = try hints.configuration.map { (text) throws(NetworkError) in
      try SegFormerConfiguration(text, source: source)
    }
    let strides = json?.strides ?? widths.indices.map { $0 == 0 ? 4 : 2 }
    let classes = json?.classes(head[0]) ?? numbered(head[0])
    let heads = json?.numAttentionHeads ?? [1, 2, 5, 8]
    let network = try make(source) { () throws(NetworkError) in
      try SegFormer(
        .init(
          classes: classes, resolution: hints.resolution ?? 512, widths: widths, depths: depths, heads: heads,
          reductions: reductions, patchSizes: patches, strides: strides, expansions: expansions,
          decoderWidth: head[1]), .described)
    }
    return PublishedModel(network, tensors, format, notes: [])
  }

  private static func numbered(_ count: Int) -> [String] { (0..<min(count, 1 << 14)).map { "class \($0)" } }

  /// What counts of config.json.
  private struct SegFormerConfiguration: Decodable {
    let numAttentionHeads: [Int]?
    let strides: [Int]?
    let id2label: [String: String]?

    init(_ text: String, source: String) throws(NetworkError) {
      do {
        self = try readConfiguration(Self.self, from: text)
      } catch {
        throw .badConfiguration(source: source, "its config.json cannot be read")
      }
    }

    /// The names of all classes, where all have one.
    func classes(_ count: Int) -> [String]? {
      guard let id2label, id2label.count == count else { return nil }
      let names = (0..<count).compactMap { id2label["\($0)"] }
      return names.count == count ? names : nil
    }
  }
}

extension KeyMap {
  /// From torchvision's names to those of the package `lpips`, which cuts the trunk into slices.
  static let lpips = KeyMap(
    [
      Rule("features.*", "features.*"), Rule("lin#.model.1.weight", "lin#.model.1.weight"),
      Rule("lin#.model.1.weight", "lin#.model.0.weight"),
    ] + (1...7).map { Rule("features.*", "net.slice\($0).*") })

  /// From the names in Hugging Face's files to those that newer versions of transformers give the modules.
  static let segFormerByStages: KeyMap = {
    let places = [("segformer.encoder.block.#.#", "segformer.stages.#.blocks.#")]
    let parts = [
      ("layer_norm_1", "layernorm_before"), ("layer_norm_2", "layernorm_after"),
      ("attention.self.query", "attention.q_proj"), ("attention.self.key", "attention.k_proj"),
      ("attention.self.value", "attention.v_proj"), ("attention.output.dense", "attention.o_proj"),
      ("attention.self.sr", "attention.sequence_reduction.sequence_reduction"),
      ("attention.self.layer_norm", "attention.sequence_reduction.layer_norm"), ("mlp.dense1", "mlp.fc1"),
      ("mlp.dwconv.dwconv", "mlp.dwconv.dwconv"), ("mlp.dense2", "mlp.fc2"),
    ]
    return KeyMap(
      rules(places, parts) + [
        Rule("segformer.encoder.patch_embeddings.#.*", "segformer.stages.#.patch_embeddings.*"),
        Rule("segformer.encoder.layer_norm.#.*", "segformer.stages.#.layer_norm.*"),
        Rule("decode_head.linear_c.*", "decode_head.linear_projections.*"), Rule("decode_head.*", "decode_head.*"),
      ])
  }()
}
