import Tensors

// What the users of recognition networks see of them. Pictures are [N, H, W, 3] in [−1, 1]; each network brings them to
// the size and range that it was trained on.

/// A network that looks at pictures.
public protocol PictureNetwork: Network {
  /// What pictures must be where those of a height and width cannot be taken ("square"); nil where they can.
  func requirement(unmetByHeight height: Int, width: Int) -> String?
}

extension PictureNetwork {
  public func requirement(unmetByHeight height: Int, width: Int) -> String? { nil }
}

/// What pictures must be whose sides are halved `count` times.
func requirement(unmetByHalving count: Int, height: Int, width: Int) -> String? {
  let step = 1 << count
  return height % step == 0 && width % step == 0 ? nil : "of sides that are multiples of \(step)"
}

/// A network that tells people apart.
public protocol IdentityModel: PictureNetwork {
  /// Unit vectors [N, D]; their products are cosines.
  func callAsFunction(_ x: Tensor) -> Tensor
}

/// A network that tells what each pixel shows.
public protocol SegmentationModel: PictureNetwork {
  /// The names of the classes, in the order of the logits.
  var classes: [String] { get }
  /// Logits [N, H, W, K].
  func callAsFunction(_ x: Tensor) -> Tensor
}

/// A network that tells how different two pictures look.
public protocol PerceptualModel: PictureNetwork {
  /// The distance of each pair, [N].
  func distance(_ a: Tensor, _ b: Tensor) -> Tensor
  /// The features [N, H, W, C] of each layer that is compared.
  func features(_ x: Tensor) -> [Tensor]
}

extension PerceptualModel {
  /// What a whole picture is known by, [N, C]: the means over its pixels of the last layer's features, of one length at
  /// each pixel, as LPIPS compares them: √C, so that a channel's mean square is 1 whatever the network's scale.
  public func embedding(_ x: Tensor) -> Tensor {
    let features = features(x)
    let last = features[features.count - 1].normalizedRows(eps: 1e-10)
    return last.averagedOverPixels.reshaped([x.shape[0], -1]) * Double(last.size(-1)).squareRoot()
  }
}

/// The distance of LPIPS (Zhang et al. 2018), d = Σ_l mean_{h,w} Σ_c w_lc·(â_lhwc − b̂_lhwc)², of features [N, H, W, C]
/// of each layer, brought to unit length over the channels (`eps` is added to the squared length): [N].
func perceptualDistance(_ a: [Tensor], _ b: [Tensor], importance: [Tensor], eps: Double) -> Tensor {
  let items = a[0].shape[0]
  let parts = zip(zip(a, b), importance).map { pair, weights in
    let difference = (pair.0.normalizedRows(eps: eps) - pair.1.normalizedRows(eps: eps)).square()
    let channels = difference.size(-1)
    return difference.averagedOverPixels.reshaped([items, channels]).linear(weights.reshaped([1, channels]))
  }
  return parts.dropFirst().reduce(parts[0], +).reshaped([items])
}
