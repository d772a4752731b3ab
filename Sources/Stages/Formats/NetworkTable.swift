import ArtifactStore
import Diffusion
import Foundation
import Networks
import StageKit

/// One sort of network: all that differs between them, as far as recipes know networks. What `load` reads, `train` makes
/// and `export` writes follows from ``NetworkTable``; so adding a sort is a type here and a line there.
protocol NetworkContent: ArtifactContent {
  associatedtype Role
  /// What stages see of such a network, of whatever architecture.
  associatedtype Loaded = Role
  static var type: ArtifactType { get }
  static var family: NetworkFamily<Role> { get }
  /// The network in an artifact's objects, frozen.
  static func read(_ objects: [Data], from source: String) throws -> Loaded
  /// What `load` takes for it.
  static var help: String { get }

  /// What `train` lacks to train one; messages.
  static func check(_ stage: Train, _ draft: StageDraft) -> [ValidationIssue]
  /// What training one takes.
  static func task(_ stage: Train, _ pictures: Dataset, _ context: any StageContext) throws -> TrainingTask
}

extension NetworkContent where Loaded == Role {
  static func read(_ objects: [Data], from source: String) throws -> Role {
    try Model.network(family, Model.only(objects, from: source), from: source)
  }
}

extension NetworkContent {
  static var types: [ArtifactType] { [type] }
  static var help: String { "The \(type.rawValue) network's file or folder, as published or made by `train`." }
}

/// Which networks there are.
enum NetworkTable {
  static let sorts: [any NetworkContent.Type] = [
    DiffusionModels.self, CLIPs.self, IdentityNetworks.self, Segmenters.self, PerceptualNetworks.self,
    Classifiers.self, Detectors.self,
  ]

  static var types: [ArtifactType] { sorts.map { $0.type } }
}

/// Noise predictors.
enum DiffusionModels: NetworkContent {
  static let type = ArtifactType.diffusion
  static var family: NetworkFamily<any DiffusionModel> { .diffusion }
  static func read(_ objects: [Data], from source: String) throws -> any DiffusionModel {
    try Model.diffusion(objects, from: source)
  }
  static let help = "The diffusion network's file or folder, as published or made by `train` and `finetune`."
}

/// Joint embeddings of pictures and texts.
enum CLIPs: NetworkContent {
  static let type = ArtifactType.clip
  static var family: NetworkFamily<CLIP> { .clip }
  static func read(_ objects: [Data], from source: String) throws -> CLIPModel {
    try Model.clip(Model.only(objects, from: source), from: source)
  }
  static let help =
    "A CLIP: a folder with its weights and merges.txt (or OpenAI's vocabulary), or one file that holds both."
}

/// Networks that tell people apart.
enum IdentityNetworks: NetworkContent {
  static let type = ArtifactType.identity
  static var family: NetworkFamily<any IdentityModel> { .identity }
}

/// Networks that say what each pixel shows.
enum Segmenters: NetworkContent {
  static let type = ArtifactType.segmenter
  static var family: NetworkFamily<any SegmentationModel> { .segmenter }
}

/// Networks in whose features pictures are compared.
enum PerceptualNetworks: NetworkContent {
  static let type = ArtifactType.perceptual
  static var family: NetworkFamily<any PerceptualModel> { .perceptual }
  static let help = "The perceptual network's file, or a folder with LPIPS's weights and torchvision's network."
}

/// Networks that name attributes; they only score.
enum Classifiers: NetworkContent {
  static let type = ArtifactType.classifier
  static var family: NetworkFamily<Classifier> { .classifier }
}

/// Networks that find faces.
enum Detectors: NetworkContent {
  static let type = ArtifactType.detector
  static var family: NetworkFamily<MTCNN> { .detector }
  static let help =
    "The face detector's file, or a folder with pnet.pt, rnet.pt and onet.pt as facenet-pytorch has them."
}
