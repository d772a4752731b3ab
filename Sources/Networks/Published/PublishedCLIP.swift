import Checkpoints
import Foundation

extension PublishedFormat {
  /// OpenAI's TorchScript archives, and state dicts of open_clip, which kept their names.
  static let openAICLIP = PublishedFormat(
    "CLIP of OpenAI or open_clip", .clip,
    signature: ["visual.conv1.weight", "token_embedding.weight", "transformer.resblocks.0.attn.in_proj_weight"],
    ignored: ["input_resolution", "context_length", "vocab_size", "attn_mask"]
  ) { (state, hints, format) throws(NetworkError) in
    var heads: (Int?, Int?) = (nil, nil)
    var exactGELU = hints.exactGELU
    if let text = hints.configuration, let json = try? readConfiguration(OpenCLIP.self, from: text) {
      exactGELU = exactGELU ?? !(json.modelCfg.quickGelu ?? false)
      heads.1 = json.modelCfg.textCfg?.heads
      if let vision = json.modelCfg.visionCfg, let width = vision.width, (1...1 << 20).contains(width) {
        let isResNet = state.tensors["visual.proj"] == nil
        heads.0 = (isResNet ? ModifiedResNet.expansion * width : width) / min(max(1, vision.headWidth ?? 64), 1 << 20)
      }
    }
    return try clip(PublishedTensors(state: state, keys: .same), heads: heads, exactGELU: exactGELU, format)
  }

  /// A folder of transformers' CLIPModel.
  static let huggingFaceCLIP = PublishedFormat(
    "CLIP of Hugging Face", .clip,
    signature: ["vision_model.embeddings.patch_embedding.weight", "text_model.embeddings.token_embedding.weight"],
    ignored: ["text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"]
  ) { (state, hints, format) throws(NetworkError) in
    var heads: (Int?, Int?) = (nil, nil)
    var exactGELU = hints.exactGELU
    if let text = hints.configuration, let json = try? readConfiguration(Transformers.self, from: text) {
      heads = (json.visionConfig?.numAttentionHeads, json.textConfig?.numAttentionHeads)
      exactGELU = exactGELU ?? (json.visionConfig?.hiddenAct == "gelu")
    }
    return try clip(PublishedTensors(state: state, keys: .huggingFaceCLIP), heads: heads, exactGELU: exactGELU, format)
  }

  /// As OpenAI's code tells it from a state dict; heads are 64 wide unless a configuration says otherwise.
  private static func clip(
    _ tensors: PublishedTensors, heads: (vision: Int?, text: Int?), exactGELU hint: Bool?, _ format: PublishedFormat
  ) throws(NetworkError) -> PublishedModel {
    let source = tensors.state.source
    let exactGELU = hint ?? false
    let notes =
      hint == nil
      ? ["took its activation to be x·σ(1.702x), as in OpenAI's models: give `activation: gelu` if not"] : []
    func shape(_ name: String, _ rank: Int) throws(NetworkError) -> [Int] {
      try tensors.shape(name, rank: rank, of: format.name)
    }
    func side(_ name: String) throws(NetworkError) -> Int {
      let count = try shape(name, 2)[0] - 1
      let side = Int(Double(max(0, count)).squareRoot().rounded())
      guard side * side == count else {
        throw .badConfiguration(
          source: source, "'\(tensors.expectedName(name))' has \(count + 1) places, not one more than a square")
      }
      return side
    }
    let isTransformer = tensors.has("visual.proj")
    let textWidth = try shape("ln_final.weight", 1)[0]
    let (vocabulary, context) = (try shape("token_embedding.weight", 2)[0], try shape("positional_embedding", 2)[0])
    let textLayers = tensors.count { "transformer.resblocks.\($0).attn.in_proj_weight" }
    let embedDim = try shape("text_projection", 2)[1]
    let configuration: CLIP.Configuration
    if isTransformer {
      let patches = try shape("visual.conv1.weight", 4)
      configuration = CLIP.Configuration(
        embedDim: embedDim, imageResolution: patches[3] * min(try side("visual.positional_embedding"), 1 << 16),
        visionLayers: tensors.count { "visual.transformer.resblocks.\($0).attn.in_proj_weight" },
        visionWidth: patches[0], visionPatchSize: patches[3], visionHeads: heads.vision, contextLength: context,
        vocabularySize: vocabulary, textLayers: textLayers, textWidth: textWidth, textHeads: heads.text,
        exactGELU: exactGELU ? true : nil)
    } else {
      let width = try shape("visual.layer1.0.conv1.weight", 4)[0]
      let blocks = (1...4).map { stage in tensors.count { "visual.layer\(stage).\($0).conv1.weight" } }
      configuration = CLIP.Configuration(
        embedDim: embedDim,
        imageResolution: ModifiedResNet.reduction * min(try side("visual.attnpool.positional_embedding"), 1 << 16),
        visionLayers: max(1, blocks.reduce(0, +)), visionWidth: width, visionPatchSize: ModifiedResNet.reduction,
        visionHeads: heads.vision ?? max(1, min(width, 1 << 16) * ModifiedResNet.expansion / 64),
        contextLength: context, vocabularySize: vocabulary, textLayers: textLayers, textWidth: textWidth,
        textHeads: heads.text, visionBlocks: blocks, exactGELU: exactGELU ? true : nil)
    }
    let network = try make(source) { () throws(NetworkError) in try CLIP(configuration, .described) }
    return PublishedModel(network, tensors, format, notes: notes)
  }

  /// What counts of open_clip_config.json.
  private struct OpenCLIP: Decodable {
    struct Tower: Decodable {
      let width: Int?
      let heads: Int?
      let headWidth: Int?
    }
    struct Model: Decodable {
      let quickGelu: Bool?
      let visionCfg: Tower?
      let textCfg: Tower?
    }
    let modelCfg: Model
  }

  /// What counts of config.json.
  private struct Transformers: Decodable {
    struct Tower: Decodable {
      let numAttentionHeads: Int?
      let hiddenAct: String?
    }
    let visionConfig: Tower?
    let textConfig: Tower?
  }
}

extension KeyMap {
  /// From OpenAI's names to those of Hugging Face, which has queries, keys and values apart and projections transposed.
  static let huggingFaceCLIP: KeyMap = {
    let blocks = [
      ("visual.transformer.resblocks.#", "vision_model.encoder.layers.#"),
      ("transformer.resblocks.#", "text_model.encoder.layers.#"),
    ]
    let parts = [
      ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"), ("attn.out_proj", "self_attn.out_proj"),
      ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2"),
    ]
    let joined = blocks.flatMap { block in
      ["weight", "bias"].map { kind in
        Rule(
          "\(block.0).attn.in_proj_\(kind)", "\(block.1).self_attn.q_proj.\(kind)",
          "\(block.1).self_attn.k_proj.\(kind)", "\(block.1).self_attn.v_proj.\(kind)")
      }
    }
    let single: [Rule] = [
      Rule("logit_scale", "logit_scale"), Rule("visual.proj", "visual_projection.weight", transposed: true),
      Rule("text_projection", "text_projection.weight", transposed: true),
      Rule("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"),
      Rule("visual.class_embedding", "vision_model.embeddings.class_embedding"),
      Rule("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
      // Their spelling.
      Rule("visual.ln_pre.*", "vision_model.pre_layrnorm.*"), Rule("visual.ln_post.*", "vision_model.post_layernorm.*"),
      Rule("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
      Rule("positional_embedding", "text_model.embeddings.position_embedding.weight"),
      Rule("ln_final.*", "text_model.final_layer_norm.*"),
    ]
    return KeyMap(single + joined + rules(blocks, parts))
  }()
}
