import Diffusion
import Foundation
import Networks
import StageKit
import Tensors

/// What a stage that makes pictures follow a text is given for it: the networks that look, the texts, and the losses with
/// their weights.
final class ObjectiveOptions: StagePart {
  @Input(
    for: .guiding,
    help: "The CLIP that guides; several guide by the weighted mean of their losses: [a, b] or {a: 2, b: 1}.")
  var clip: Ensemble<CLIPs>
  @Input(help: "A face recognition network, for the identity loss.") var identity: Whole<IdentityNetworks>?
  @Parameter(help: "Text for what the images show (official --src_txts).") var source = "face"
  @Parameter(
    help: "Text for what the images should show (official --trg_txts), unless `targets` or `target_images` say it.")
  var target: String?
  @Parameter(
    -1000...1000,
    help:
      "Several such texts with weights, {angry face: 0.7, red face: 0.3}: the sum of their directions. From a text of a negative weight the images move away."
  )
  var targets: NamedValues<Double>?
  @Input(
    help:
      "Reference pictures in place of a text: the images move as CLIP's mean of these lies from that of `source_images`."
  )
  var targetImages: Whole<Pictures>?
  @Input(help: "What the images show, in pictures, beside `target_images`; those that are learned from unless given.")
  var sourceImages: Whole<Pictures>?
  let prompts = PromptOptions()
  let views = ViewOptions()
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

  /// What the recipe says of the target, for people.
  var targetText: String {
    target ?? targets.map { $0.entries.map { "\($0.name) (\($0.value))" }.joined(separator: ", ") }
      ?? "reference pictures"
  }

  private var texts: [(text: String, weight: Double)] {
    target.map { [($0, 1)] } ?? (targets?.entries ?? []).map { ($0.name, $0.value) }
  }

  /// The sentences that a text of the target is put into. The official code asks the global loss about "a" of it alone.
  private var sentences: [String] {
    clipLoss == .global ? prompts.templates ?? ["a {}"] : prompts.sentences
  }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    var issues = prompts.issues + views.issues
    let given = [target != nil, targets != nil, draft.has($targetImages)].count { $0 }
    if given != 1 {
      issues.append(
        ValidationIssue(
          about: targets != nil ? $targets : draft.has($targetImages) ? $targetImages : $target,
          "'\(kind)' needs one of 'target', 'targets' and 'target_images': "
            + (given == 0 ? "say what the images should show" : "leave the others out")))
    }
    if let targets, targets.entries.isEmpty {
      issues.append(ValidationIssue(about: $targets, "'targets' is empty: give it at least one text with its weight"))
    }
    for entry in targets?.entries ?? [] where entry.value == 0 {
      issues.append(ValidationIssue(about: $targets, "the weight of '\(entry.name)' is 0: leave the text out"))
    }
    for (text, _) in texts {
      let (property, plain) = ((target == nil ? $targets : $target) as StageProperty, Self.plain(text))
      if plain.isEmpty {
        issues.append(
          ValidationIssue(about: property, "a text of the target is empty: say what the images should show"))
      } else if clipLoss == .directional, texts.count == 1, plain == Self.plain(source) {
        issues.append(
          ValidationIssue(about: property, "the target says what 'source' says, '\(plain)': nothing would change"))
      }
    }
    if draft.has($sourceImages), !draft.has($targetImages) {
      issues.append(
        ValidationIssue(
          about: $sourceImages, "'source_images' stand beside 'target_images': give both, or say it in 'source'"))
    }
    return issues
  }

  /// A text as CLIP reads it: without spaces around it, in small letters.
  private static func plain(_ text: String) -> String { text.trimmingCharacters(in: .whitespaces).lowercased() }

  /// Texts that a CLIP does not take.
  func issues(_ input: EstimateInput) -> [ValidationIssue] {
    func prompts(_ parameter: StageProperty, _ text: String) -> (parameter: StageProperty, texts: [String]) {
      (parameter, sentences.map { PromptTemplates.fill($0, with: text) })
    }
    let asked = texts.map { prompts(target == nil ? $targets : $target, $0.text) }
    let start = clipLoss == .directional && !asked.isEmpty ? [prompts($source, source)] : []
    return input.issues(about: start + asked, takenBy: $clip)
  }

  /// The weighted sum of the CLIP loss, the L1 loss and the identity loss (paper eqs. 10 and 11), for pictures of the
  /// size of `image`.
  /// - Parameter sources: what the pictures show now, where neither a text nor `source_images` say it.
  func callAsFunction(_ context: any StageContext, for image: Tensor, sources: [Tensor] = []) throws -> Objective {
    let guides = try clip.members.map { weight, input in
      (weight: weight, loss: try loss(by: input, context, sources: sources))
    }
    let identity = try identity.map(context.network)
    if let identity { try context.require(identity, takes: image, for: kind) }
    let weights = (clip: clipWeight, l1: l1Weight, identity: identity == nil ? 0 : identityWeight)
    let views = views
    func clipTerm(_ generated: Tensor, _ original: Tensor, _ draw: Int) -> Tensor {
      let losses = views.seen(generated, original, draw: draw).flatMap { share, generated, original in
        guides.map { $0.loss(generated, original) * (share * $0.weight) }
      }
      return losses.dropFirst().reduce(losses[0], +)
    }
    return { generated, original, seen, draw in
      var total = Tensor(repeating: 0, shape: [])
      var terms: [(name: String, value: Tensor)] = []
      func add(_ name: String, _ weight: Double, _ loss: () -> Tensor) {
        guard weight > 0 else { return }
        let value = loss()
        terms.append((name, value.detached))
        total = total + value * weight
      }
      add("clip", weights.clip) { clipTerm(generated, original, draw) }
      add("l1", weights.l1) { (generated - original).absolute().mean() }
      if let identity {
        add("identity", weights.identity) {
          let face = Gradients.off { identity(original) }
          return (1 - (identity(seen) * face).sum([-1])).mean()
        }
      }
      return LossValue(total: total, terms: terms)
    }
  }
}

extension ObjectiveOptions {
  /// The loss by one CLIP.
  private func loss(
    by input: Whole<CLIPs>, _ context: any StageContext, sources: [Tensor]
  ) throws -> (_ generated: Tensor, _ original: Tensor) -> Tensor {
    let (clip, form) = (try context.clip(input, looking.clipPreprocessing), clipLossForm)
    switch clipLoss {
    case .global:
      let target = try end(of: input, clip, context)
      return { generated, _ in CLIPLoss.global(generated, target, by: clip, form: form) }
    case .directional:
      let direction = try direction(of: input, clip, context, sources: sources)
      return { CLIPLoss.directional($0, $1, direction, by: clip, form: form) }
    }
  }

  /// Where the images should be in CLIP's space: the unit vector of the sum of texts, or of the mean of pictures.
  private func end(of input: Whole<CLIPs>, _ clip: CLIPModel, _ context: any StageContext) throws -> Tensor {
    let parts =
      if let targetImages {
        try embeddings(of: targetImages, clip, context)
      } else {
        try texts.map { try context.textEmbedding($0.text, in: sentences, by: clip, at: input) * $0.weight }
      }
    guard let first = parts.first else { throw InputError("'\(kind)' needs a target") }
    if texts.count == 1, texts[0].weight == 1 { return first }
    let sum = parts.dropFirst().reduce(first, +)
    guard sum.squaredLength > 1e-12 else { throw Self.cancelled }
    return sum.normalizedRows(eps: 1e-14).detached
  }

  private func direction(
    of input: Whole<CLIPs>, _ clip: CLIPModel, _ context: any StageContext, sources: [Tensor]
  ) throws -> TextDirection {
    if let targetImages {
      let start =
        try sourceImages.map { try embeddings(of: $0, clip, context) }
        ?? sources.map { picture in Gradients.off { clip.embedding(ofImages: picture) } }
      guard !start.isEmpty else {
        throw InputError("'\(kind)' needs 'source_images' beside 'target_images': pictures of what there is before")
      }
      guard let direction = TextDirection(fromImages: start, to: try embeddings(of: targetImages, clip, context)) else {
        throw InputError("'target_images' and the pictures before lie at the same place for CLIP: give other pictures")
      }
      return direction
    }
    let parts = try texts.map { text, weight in
      (weight, try context.textDirection(from: source, to: text, in: sentences, by: clip, at: input))
    }
    guard let first = parts.first else { throw InputError("'\(kind)' needs a target") }
    if parts.count == 1, first.0 == 1 { return first.1 }
    guard let direction = TextDirection(sum: parts) else { throw Self.cancelled }
    return direction
  }

  private static let cancelled = InputError("the texts of 'targets' cancel each other: change a weight")

  private func embeddings(
    of set: Whole<Pictures>, _ clip: CLIPModel, _ context: any StageContext
  ) throws -> [Tensor] {
    guard !set.artifact.items.isEmpty else { throw InputError("'\(set.name)' has no pictures") }
    return try set.artifact.items.map { item in
      let picture = try Picture.tensor(context.read(item), name: item.name)
      return Gradients.off { clip.embedding(ofImages: picture) }
    }
  }
}

/// How CLIP sees pictures at random, so that what pleases it shows from more than one side.
final class ViewOptions: StagePart {
  @Parameter(
    1...64,
    help:
      "How many random views of each picture CLIP sees instead of it, each time anew, and the same ones of the picture before: the CLIP loss is the mean over them."
  )
  var views: Int?
  @Parameter(0...0.9, help: "Up to what share of its sides a view leaves out; 0.2 unless given.") var viewCrop: Double?
  @Parameter(0...1, help: "Up to how far a view scales and shifts each channel; 0.1 unless given.")
  var viewColor: Double?
  @Parameter(0...Int.max, help: "Seed of the views; 0 unless given.") var viewSeed: Int?

  var issues: [ValidationIssue] {
    guard views == nil else { return [] }
    let details: [any OptionalParameter] = [$viewCrop, $viewColor, $viewSeed]
    return details.filter(\.isGiven).map { property in
      ValidationIssue(about: property, "'\(property.name)' is about views: say how many in 'views', or leave it out")
    }
  }

  /// Two pictures as they are seen, each time with its share of the loss: as they are, unless there are views.
  func seen(_ a: Tensor, _ b: Tensor, draw: Int) -> [(share: Double, Tensor, Tensor)] {
    guard let views else { return [(1, a, b)] }
    var random = RandomSource(seed: UInt64(viewSeed ?? 0), name: "views \(draw)")
    return (0..<views).map { _ in
      let view = PictureView(&random, crop: viewCrop ?? 0.2, color: viewColor ?? 0.1)
      return (1 / Double(views), view(a), view(b))
    }
  }
}

extension CLIPLoss.Form: Choice {}
