import ArtifactStore
import Checkpoints
import Diffusion
import Foundation
import Metrics
import Networks
import StageKit
import Tensors

extension DiffusionModel {
  /// The model as what diffusion needs of it.
  var predictor: any NoisePredictor { ModelPredictor(model: self) }
}

private struct ModelPredictor: NoisePredictor {
  let model: any DiffusionModel

  func predictNoise(_ x: Tensor, timesteps: [Int]) -> Tensor {
    model.prediction(x, timesteps: timesteps.map(Double.init)).noise
  }
}

/// The schedule that every model of the paper was trained with.
let noiseSchedule = NoiseSchedule.linear()

/// Networks as artifacts: safetensors that describe themselves.
enum Model {
  /// A network, frozen.
  static func network<Role>(_ family: NetworkFamily<Role>, _ data: Data, from source: String) throws -> Role {
    let network = try family.network(TensorFile(data, from: source).stateDictionary())
    (network as? any Network)?.parameters.setRequiresGradient(false)
    return network
  }

  static func clip(_ data: Data, from source: String) throws -> CLIPModel {
    let state = try TensorFile(data, from: source).stateDictionary()
    let model = try CLIPModel(NetworkFamily.clip.network(state), Tokenizer(merges: state.metadata["merges"] ?? ""))
    model.network.parameters.setRequiresGradient(false)
    return model
  }

  static func data(_ network: some Network, metadata: [String: String] = [:]) throws -> Data {
    try Safetensors.data(of: network.checkpoint(metadata: metadata))
  }
}

extension StageContext {
  /// The frozen diffusion model at a port, of whatever architecture, decoded once per process.
  func diffusionModel(_ port: String) throws -> (any DiffusionModel)? { try network(.diffusion, port) }

  func diffusionModel(artifact: Artifact, name: String) throws -> any DiffusionModel {
    try network(.diffusion, artifact: artifact, name: name)
  }

  /// The frozen network at a port, of any architecture of a family, decoded once per process.
  func network<Role>(_ family: NetworkFamily<Role>, _ port: String) throws -> Role? {
    try input(port).map { try network(family, artifact: $0, name: port) }
  }

  private func network<Role>(_ family: NetworkFamily<Role>, artifact: Artifact, name: String) throws -> Role {
    let item = artifact.items[0]
    return try shared("\(family.purpose) \(item.object)") {
      Box(try Model.network(family, read(item), from: name))
    }.value
  }

  /// The frozen CLIP at a port, where it is given.
  func clip(_ port: String = "clip") throws -> CLIPModel? {
    try input(port).map { artifact in
      let item = artifact.items[0]
      return try shared("clip \(item.object)") { try Model.clip(read(item), from: port) }
    }
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
