import Checkpoints

/// The architectures that serve one purpose. `Role` is what users of the purpose see of a network.
public struct NetworkFamily<Role> {
  /// What the networks are for, in messages: "diffusion model".
  public let purpose: String
  let members: [any Network.Type]

  /// Every member is a `Role`.
  init(_ purpose: String, _ members: [any Network.Type]) {
    self.purpose = purpose
    self.members = members
  }

  /// The network that a file of this program describes and holds; one tensor at a time is in memory twice.
  /// - Throws: ``NetworkError`` where it is for no architecture of this family or does not fit its own description.
  public func network(_ state: StateDictionary) throws(NetworkError) -> Role {
    guard let model = try state.describedModel(), let network = try model.loaded() as? Role else {
      throw .wrongArchitecture(
        source: state.source, expected: members.map { $0.architecture }, found: state.architecture)
    }
    return network
  }
}

extension NetworkFamily where Role == any DiffusionModel {
  public static var diffusion: Self { Self("diffusion model", [DDPMUNet.self, GuidedUNet.self]) }
}

extension NetworkFamily where Role == CLIP {
  public static var clip: Self { Self("CLIP", [CLIP.self]) }
}

extension NetworkFamily where Role == any IdentityModel {
  public static var identity: Self { Self("identity network", [IdentityNetwork.self, IRSE50.self]) }
}

extension NetworkFamily where Role == any SegmentationModel {
  public static var segmenter: Self { Self("segmenter", [SegmentationNetwork.self, BiSeNet.self, SegFormer.self]) }
}

extension NetworkFamily where Role == any PerceptualModel {
  public static var perceptual: Self { Self("perceptual network", [PerceptualNetwork.self, LPIPS.self]) }
}

extension NetworkFamily where Role == Classifier {
  public static var classifier: Self { Self("classifier", [Classifier.self]) }
}

extension NetworkFamily where Role == MTCNN {
  public static var detector: Self { Self("face detector", [MTCNN.self]) }
}
