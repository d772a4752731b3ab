import Diffusion
import Networks
import StageKit
import Tensors

/// What a stage that makes pictures follow a text is given for it: the networks that look, the texts, and the losses with
/// their weights.
final class ObjectiveOptions: StagePart {
  @Input(help: "The CLIP that guides.") var clip: Whole<CLIPs>
  @Input(help: "A face recognition network, for the identity loss.") var identity: Whole<IdentityNetworks>?
  @Parameter(help: "Text for what the images show (official --src_txts).") var source = "face"
  @Parameter(help: "Text for what the images should show (official --trg_txts).") var target: String
  @Parameter(
    help: "Which CLIP loss. directional: of directions (paper eq. 9). global: of the image with the text (paper eq. 8)."
  )
  var clipLoss = ChosenLoss.directional
  @Parameter(help: "log: −log((2 − L)/2), as the official code. cosine: L itself, as the paper.")
  var clipLossForm = CLIPLoss.Form.log
  let looking = CLIPOptions()
  @Parameter(0...1000, help: "Weight of the CLIP loss (official --clip_loss_w).") var clipWeight = 3.0
  @Parameter(0...1000, help: "Weight of the L1 loss, mean |x₀ − x̂₀| (official --l1_loss_w).") var l1Weight = 1.0
  @Parameter(
    0...1000,
    help:
      "Weight of the identity loss, 1 − cos of the faces' embeddings, where `identity` is given (official --id_loss_w)."
  )
  var identityWeight = 1.0

  /// The kind that has them, for messages.
  private let kind: String

  init(of kind: String) { self.kind = kind }

  enum ChosenLoss: String, Choice { case directional, global }

  /// What the global CLIP loss asks CLIP about (official code).
  private var globalPrompt: String { "a \(target)" }

  /// Texts that the CLIP does not take.
  func issues(_ input: EstimateInput) -> [ValidationIssue] {
    clipLoss == .global
      ? input.issues(about: [($target, [globalPrompt])], takenBy: $clip)
      : input.issues(aboutDirection: $source, $target, in: PromptTemplates.imageNet, takenBy: $clip)
  }

  /// The weighted sum of the CLIP loss, the L1 loss and the identity loss (paper eqs. 10 and 11), for pictures of the
  /// size of `image`.
  func callAsFunction(_ context: any StageContext, for image: Tensor) throws -> Objective {
    let clip = try context.clip(clip, looking.clipPreprocessing)
    let identity = try identity.map(context.network)
    for network in [clip.network, identity] as [(any PictureNetwork)?] {
      if let network { try context.require(network, takes: image, for: kind) }
    }
    let form = clipLossForm
    let weights = (clip: clipWeight, l1: l1Weight, identity: identity == nil ? 0 : identityWeight)
    let clipTerm: (Tensor, Tensor) -> Tensor
    switch clipLoss {
    case .global:
      let text = try context.textEmbedding(globalPrompt, in: ["{}"], by: clip, at: self.clip)
      clipTerm = { generated, _ in CLIPLoss.global(generated, text, by: clip, form: form) }
    case .directional:
      let direction = try context.textDirection(from: source, to: target, in: PromptTemplates.imageNet, by: clip, at: self.clip)
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

extension CLIPLoss.Form: Choice {}
