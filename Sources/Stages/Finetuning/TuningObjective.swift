import Diffusion
import Networks
import StageKit
import Tensors

extension Finetune {
  /// The weighted sum of the CLIP loss, the L1 loss and the identity loss (paper eqs. 10 and 11), for pictures of the
  /// size of `image`.
  func objective(_ context: any StageContext, for image: Tensor) throws -> Objective {
    let clip = try context.clip(clip, looking.clipPreprocessing)
    let identity = try identity.map(context.network)
    for network in [clip.network, identity] as [(any PictureNetwork)?] {
      if let network { try context.require(network, takes: image, for: Self.name) }
    }
    let form = clipLossForm
    let weights = (clip: clipWeight, l1: l1Weight, identity: identity == nil ? 0 : identityWeight)
    let clipTerm: (Tensor, Tensor) -> Tensor
    switch clipLoss {
    case .global:
      let text = try context.textEmbedding(globalPrompt, clip)
      clipTerm = { generated, _ in CLIPLoss.global(generated, text, by: clip, form: form) }
    case .directional:
      let direction = try context.textDirection(from: source, to: target, by: clip, at: self.clip)
      clipTerm = { CLIPLoss.directional($0, $1, direction, by: clip, form: form) }
    }
    return { generated, original, seen in
      var total = Tensor(repeating: 0, shape: [])
      var terms: [(name: String, value: Double)] = []
      func add(_ name: String, _ weight: Double, _ loss: () -> Tensor) {
        guard weight > 0 else { return }
        let value = loss()
        terms.append((name, value.item))
        total = total + value * weight
      }
      add("clip", weights.clip) { clipTerm(generated, original) }
      add("l1", weights.l1) { (generated - original).absolute().mean() }
      if let identity {
        add("identity", weights.identity) {
          let face = Gradients.off { identity(original) }
          return (1 - (identity(seen) * face).sum([-1])).mean()
        }
      }
      return LossValue(total: total, terms: [("loss", total.item)] + terms)
    }
  }
}
