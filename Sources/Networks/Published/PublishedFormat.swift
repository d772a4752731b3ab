import Checkpoints
import Foundation

/// What a network is for.
public enum NetworkPurpose: String, Sendable, CaseIterable {
  case diffusion, clip, identity, segmenter, perceptual, classifier, detector
}

/// One way in which models of one architecture are published.
struct PublishedFormat: Sendable {
  let name: String
  let purpose: NetworkPurpose
  /// Names that tell it: a file of it has a tensor for each.
  let signature: [KeyPattern]
  /// Names of tensors that it may have and that are not needed.
  let ignored: [KeyPattern]
  /// The network that the tensors' shapes, and else the hints, tell.
  let recognize: @Sendable (StateDictionary, PublishedHints, Self) throws(NetworkError) -> PublishedModel

  init(
    _ name: String, _ purpose: NetworkPurpose, signature: [String], ignored: [String] = [],
    recognize: @escaping @Sendable (StateDictionary, PublishedHints, Self) throws(NetworkError) -> PublishedModel
  ) {
    self.name = name
    self.purpose = purpose
    self.recognize = recognize
    self.signature = signature.map { KeyPattern($0) }
    self.ignored = ignored.map { KeyPattern($0) }
  }

  func fits(_ state: StateDictionary) -> Bool {
    signature.allSatisfy { pattern in state.tensors.keys.contains { pattern.matches($0) } }
  }

  /// In the order in which they are tried.
  static let all: [PublishedFormat] = [
    officialDDPM, diffusersDDPM, guidedDiffusion, openAICLIP, huggingFaceCLIP, irSE50, lpips, biSeNet, segFormer,
    segFormerByStages, mtcnn,
  ]
}

/// What is known of a model besides its tensors: presets, parameters of `load`, configuration files beside it.
public struct PublishedHints: Sendable {
  public var preset: DiffusionPreset?
  /// Height and width of the pictures, in pixels.
  public var resolution: Int?
  /// Groups of the normalizations.
  public var groups: Int?
  /// Channels of each head of attention.
  public var headChannels: Int?
  public var attentionOrder: GuidedUNet.Configuration.AttentionOrder?
  /// The class of pictures that a model for several is asked for.
  public var label: Int?
  /// Whether a CLIP has the exact GELU, and not x·σ(1.702x).
  public var exactGELU: Bool?
  /// The text of a configuration file that lies beside the weights: config.json, open_clip_config.json.
  public var configuration: String?

  public init() {}
}

/// What shapes cannot tell of the diffusion models that the paper uses.
public enum DiffusionPreset: String, Sendable, CaseIterable {
  case celebAHQ = "celeba-hq"
  case lsunChurch = "lsun-church"
  case lsunBedroom = "lsun-bedroom"
  case afhqDog = "afhq-dog"
  case ffhq
  case imageNet512 = "imagenet-512"

  var resolution: Int { facts.resolution }
  /// How many levels its U-Net has.
  var levels: Int { facts.levels }
  /// The format of its files.
  var isGuided: Bool { facts.isGuided }

  private var facts: (resolution: Int, levels: Int, isGuided: Bool) {
    switch self {
    case .celebAHQ, .lsunChurch, .lsunBedroom: (256, 6, false)
    case .afhqDog, .ffhq: (256, 6, true)
    case .imageNet512: (512, 7, true)
    }
  }
}

extension StateDictionary {
  /// The model that the tensors are, by their names and shapes.
  /// - Throws: ``NetworkError`` where no model is known that they could be, or where they cannot be that model.
  public func publishedModel(_ hints: PublishedHints = PublishedHints()) throws(NetworkError) -> PublishedModel {
    if let model = try describedModel() { return model }
    guard let format = PublishedFormat.all.first(where: { $0.fits(self) }) else {
      throw .unknownModel(
        source: source, tensors: tensors.count, names: Array(tensors.keys.prefix(4)),
        formats: PublishedFormat.all.map(\.name))
    }
    return try format.recognize(self, hints, format)
  }

  /// The network that the file says it is for, as files of this program do.
  func describedModel() throws(NetworkError) -> PublishedModel? {
    guard let architecture else { return nil }
    let types: [(NetworkPurpose, any Network.Type)] =
      NetworkFamily.diffusion.members.map { (.diffusion, $0) } + NetworkFamily.clip.members.map { (.clip, $0) }
      + NetworkFamily.identity.members.map { (.identity, $0) }
      + NetworkFamily.segmenter.members.map { (.segmenter, $0) }
      + NetworkFamily.perceptual.members.map { (.perceptual, $0) }
      + NetworkFamily.classifier.members.map { (.classifier, $0) }
      + NetworkFamily.detector.members.map { (.detector, $0) }
    guard let (purpose, type) = types.first(where: { $0.1.architecture == architecture }) else { return nil }
    return PublishedModel(
      try type.init(describedBy: CheckpointTensors(metadata: metadata, source: source), .described),
      PublishedTensors(state: self, keys: .same),
      "\(architecture) of diffusionclip", purpose)
  }
}

/// What counts of a configuration file beside weights, whose names have words joined by underscores.
func readConfiguration<Configuration: Decodable>(
  _ type: Configuration.Type, from text: String
) throws -> Configuration {
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  return try decoder.decode(type, from: Data(text.utf8))
}
