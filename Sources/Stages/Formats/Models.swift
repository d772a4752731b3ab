import ArtifactStore
import Checkpoints
import Diffusion
import Foundation
import Networks
import StageKit
import Tensors

/// The schedule that every model of the paper was trained with.
let noiseSchedule = NoiseSchedule.linear()

/// How pictures are brought to CLIP's size, in every stage that looks through CLIP.
final class CLIPOptions: StagePart {
  @Parameter(
    help:
      "How pictures are brought to CLIP's size. official: bicubic without antialias or clamping. antialias: as torchvision does it today. clamped: that, and clamped to [0, 1]."
  )
  var clipPreprocessing = CLIP.Preprocessing.official
}

extension CLIP.Preprocessing: Choice {}

/// Networks as artifacts: safetensors that describe themselves.
enum Model {
  /// A network, frozen.
  static func network<Role>(_ family: NetworkFamily<Role>, _ data: Data, from source: String) throws -> Role {
    let network = try family.network(TensorFile(data, from: source).stateDictionary())
    (network as? any Network)?.parameters.setRequiresGradient(false)
    return network
  }

  /// The object of a network that is made of one.
  static func only(_ objects: [Data], from source: String) throws -> Data {
    guard objects.count == 1 else { throw InputError("\(source): expected one object, found \(objects.count)") }
    return objects[0]
  }

  /// A diffusion model, frozen: of one object, or of changes to the last, the latest one first.
  static func diffusion(_ objects: [Data], from source: String) throws -> any DiffusionModel {
    guard let base = objects.last else { throw InputError("\(source): there is no model") }
    let model = try network(.diffusion, base, from: source)
    for change in objects.dropLast().reversed() {
      _ = try LowRankChange(Safetensors.read(change, from: source), appliedTo: model)
    }
    model.parameters.setRequiresGradient(false)
    return model
  }

  static func clip(_ data: Data, from source: String) throws -> CLIPModel {
    let state = try TensorFile(data, from: source).stateDictionary()
    let model = try CLIPModel(NetworkFamily.clip.network(state), Tokenizer(metadata: state.metadata, from: source))
    model.network.parameters.setRequiresGradient(false)
    return model
  }

  /// - Throws: `ResultError` where a weight is not finite.
  static func data(_ network: some Network, metadata: [String: String] = [:]) throws -> Data {
    for (name, parameter) in network.parameters.parameters {
      guard let (place, value) = parameter.tensor.firstNonFinite else { continue }
      throw ResultError(
        "the network's tensor '\(name)' came out \(CSV.cell(value)) at \(place): lower the learning rate")
    }
    return try Safetensors.data(of: network.checkpoint(metadata: metadata))
  }
}

extension StageContext {
  /// The frozen network at an input, of any architecture of its sort, decoded once per process.
  func network<Content: NetworkContent>(_ input: Whole<Content>) throws -> Content.Loaded {
    let items = input.artifact.items
    let key = items.map(\.object.hex).joined(separator: " ")
    return try shared("\(Content.type) \(key)") { Box(try Content.read(items.map(read), from: input.name)) }.value
  }

  /// The frozen CLIP at an input, that brings pictures to its size so.
  func clip(_ input: Whole<CLIPs>, _ preprocessing: CLIP.Preprocessing) throws -> CLIPModel {
    let model = try network(input)
    return try CLIPModel(model.network, model.tokenizer, preprocessing: preprocessing)
  }

  /// Sees that a network takes pictures of the size of `image`, [N, H, W, C], which `user` hands to it.
  /// - Throws: `InputError` that says what they must be.
  func require(_ network: any PictureNetwork, takes image: Tensor, for user: String) throws {
    let (height, width) = (image.shape[1], image.shape[2])
    guard let requirement = network.requirement(unmetByHeight: height, width: width) else { return }
    let picture = item.map { "picture '\($0)' is" } ?? "the pictures are"
    throw InputError(
      "\(picture) \(width)×\(height), but '\(user)' needs pictures \(requirement): load them with `size`")
  }

  /// ΔT from one text to another, by the CLIP at an input; made once per process.
  func textDirection(
    from source: String, to target: String, in templates: [String], by clip: CLIPModel, at input: Whole<CLIPs>
  ) throws -> TextDirection {
    try shared("direction \(input.identity) \(([source, target] + templates).counted)") {
      Box(
        try explained {
          try Gradients.off { try TextDirection(from: source, to: target, by: clip, templates: templates) }
        }
      )
    }.value
  }

  /// The unit vector of a text, [1, embedDim]: that of the mean over prompt templates of its embeddings. Made once per
  /// process.
  func textEmbedding(
    _ text: String, in templates: [String], by clip: CLIPModel, at input: Whole<CLIPs>
  ) throws -> Tensor {
    try shared("text \(input.identity) \(([text] + templates).counted)") {
      Box(try explained { try Gradients.off { try clip.embedding(ofText: text, in: templates) } })
    }.value
  }

  /// A text that CLIP cannot take is the user's to mend.
  private func explained<Result>(_ embed: () throws -> Result) throws -> Result {
    do { return try embed() } catch let error as NetworkError { throw InputError("\(error)") }
  }
}

extension Whole where Content == CLIPs {
  /// What tells its network from any other.
  fileprivate var identity: String { artifact.items[0].object.hex }
}

extension [String] {
  /// One text that no other texts make.
  fileprivate var counted: String { map { "\($0.utf8.count):\($0)" }.joined(separator: " ") }
}

/// A value where a reference is asked for.
final class Box<Value> {
  let value: Value
  init(_ value: Value) { self.value = value }
}
