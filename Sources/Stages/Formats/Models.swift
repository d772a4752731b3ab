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
let clipPreprocessingParameter = Parameter(
  "clip_preprocessing", .choice(CLIP.Preprocessing.allCases.map(\.rawValue)), .defaulting(.string("official")),
  help:
    "How pictures are brought to CLIP's size. official: bicubic without antialias or clamping. antialias: as torchvision does it today. clamped: that, and clamped to [0, 1]."
)

/// Networks as artifacts: safetensors that describe themselves.
enum Model {
  /// A network, frozen.
  static func network<Role>(_ family: NetworkFamily<Role>, _ data: Data, from source: String) throws -> Role {
    let network = try family.network(TensorFile(data, from: source).stateDictionary())
    (network as? any Network)?.parameters.setRequiresGradient(false)
    return network
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
  /// The frozen diffusion model at a port, of whatever architecture, decoded once per process.
  func diffusionModel(_ port: String) throws -> (any DiffusionModel)? {
    try input(port).map { try diffusionModel(artifact: $0, name: port) }
  }

  func diffusionModel(artifact: Artifact, name: String) throws -> any DiffusionModel {
    let key = artifact.items.map(\.object.hex).joined(separator: " ")
    return try shared("diffusion \(key)") {
      Box(try Model.diffusion(artifact.items.map(read), from: name))
    }.value
  }

  /// The frozen network at a port, of any architecture of a family, decoded once per process.
  func network<Role>(_ family: NetworkFamily<Role>, _ port: String) throws -> Role? {
    try input(port).map { artifact in
      let item = artifact.items[0]
      return try shared("\(family.purpose) \(item.object)") {
        Box(try Model.network(family, read(item), from: port))
      }.value
    }
  }

  /// The frozen CLIP at a port, where it is given, with the preprocessing that the stage asks for.
  func clip(_ port: String = "clip") throws -> CLIPModel? {
    try input(port).map { artifact in
      let item = artifact.items[0]
      let model = try shared("clip \(item.object)") { try Model.clip(read(item), from: port) }
      guard let name = parameters[clipPreprocessingParameter.name]?.string,
        let preprocessing = CLIP.Preprocessing(rawValue: name)
      else { return model }
      return try CLIPModel(model.network, model.tokenizer, preprocessing: preprocessing)
    }
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

  /// ΔT for this stage's `source` and `target`, made once per process.
  func textDirection(_ clip: CLIPModel) throws -> TextDirection {
    let (source, target) = (parameters.string("source"), parameters.string("target"))
    let object = input("clip")?.items[0].object.hex ?? ""
    return try shared("direction \(object) \(source.utf8.count) \(source) \(target)") {
      Box(try explained { try Gradients.off { try TextDirection(from: source, to: target, by: clip) } })
    }.value
  }

  /// The unit vector of a text, [1, embedDim].
  func textEmbedding(_ text: String, _ clip: CLIPModel) throws -> Tensor {
    try explained { try Gradients.off { try clip.embedding(ofTexts: [text]) } }
  }

  /// A text that CLIP cannot take is the user's to mend.
  private func explained<Result>(_ embed: () throws -> Result) throws -> Result {
    do { return try embed() } catch let error as NetworkError { throw InputError("\(error)") }
  }
}

/// A value where a reference is asked for.
final class Box<Value> {
  let value: Value
  init(_ value: Value) { self.value = value }
}
