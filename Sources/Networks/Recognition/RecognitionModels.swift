import Tensors

// What the users of recognition networks see of them. Pictures are [N, H, W, 3] in [−1, 1]; each network brings them to
// the size and range that it was trained on.

/// A network that tells people apart.
public protocol IdentityModel: Network {
  /// Unit vectors [N, D]; their products are cosines.
  func callAsFunction(_ x: Tensor) -> Tensor
}

/// A network that tells what each pixel shows.
public protocol SegmentationModel: Network {
  /// The names of the classes, in the order of the logits.
  var classes: [String] { get }
  /// Logits [N, H, W, K].
  func callAsFunction(_ x: Tensor) -> Tensor
}

/// A network that tells how different two pictures look.
public protocol PerceptualModel: Network {
  /// The distance of each pair, [N].
  func distance(_ a: Tensor, _ b: Tensor) -> Tensor
}
