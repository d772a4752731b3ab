import Diffusion
import Networks
import StageKit
import Tensors

/// The weighted sum of the CLIP loss, the L1 loss and the identity loss (paper eqs. 10 and 11), for pictures of the
/// size of `image`.
func tuningObjective(_ context: any StageContext, for image: Tensor) throws -> Objective {
  let parameters = context.parameters
  guard let clip = try context.clip() else { throw InputError("finetune needs a clip") }
  let identity = try context.network(.identity, "identity")
  for network in [clip.network, identity] as [(any PictureNetwork)?] {
    if let network { try context.require(network, takes: image, for: "finetune") }
  }
  let form = CLIPLoss.Form(rawValue: parameters.string("clip_loss_form")) ?? .log
  let weights = (
    clip: parameters.double("clip_weight"), l1: parameters.double("l1_weight"),
    identity: identity == nil ? 0 : parameters.double("identity_weight")
  )
  let clipLoss: (Tensor, Tensor) -> Tensor
  if parameters.string("clip_loss") == "global" {
    let text = try context.textEmbedding("a \(parameters.string("target"))", clip)
    clipLoss = { generated, _ in CLIPLoss.global(generated, text, by: clip, form: form) }
  } else {
    let direction = try context.textDirection(clip)
    clipLoss = { CLIPLoss.directional($0, $1, direction, by: clip, form: form) }
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
    add("clip", weights.clip) { clipLoss(generated, original) }
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
