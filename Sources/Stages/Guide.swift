import Diffusion
import Foundation
import Networks
import StageKit
import Tensors

/// `guide`: an edit without fine-tuning, to try a text before paying for a model.
struct Guide: BatchedStage {
  static let name = "guide"
  static let summary =
    "Edits pictures by a text without fine-tuning: each prediction on the way from a latent follows the objective (MPGD)."
  static let revision = 1
  static let usesDevice = true
  static let memory = MemoryNeed(megabytes: 512, perInputByte: 4)

  @Input(help: "Latents by `invert`, with their images.") var latents: Each<Latents>
  @Input(help: "The model that the latents were inverted with.") var model: Whole<DiffusionModels>
  @Input(help: "Where to edit; the rest stays as it was, for twice the evaluations.") var mask: Matching<Masks>?
  let objective = ObjectiveOptions(of: Guide.name)
  @Parameter(1...1000, help: "S_gen: steps of the generation.") var steps = 20
  let timing = SpacingOptions()
  @Parameter(
    0...10,
    help: "How far a predicted x₀ moves at a time: the root mean square over its values, which are from −1 to 1.")
  var stepSize = 0.05
  @Parameter(1...100, help: "Evaluations for each step that is guided, each followed by a move.") var rounds = 2
  @Parameter(
    0...999, help: "The time, of 1000, below which the model is left to itself, to make a picture of its own of it.")
  var until = 250

  let images = Output<Pictures>()

  func check(_ draft: StageDraft) -> [ValidationIssue] { objective.check(draft) }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    input.estimate(
      // The return step is not known yet: as if every step were guided.
      work: input.flop(of: $model, on: $latents).map {
        .forward(steps * rounds * (input[$mask] == nil ? 1 : 2), of: $0)
      },
      bytes: input[$latents].map { $0.bytes / latentBytes(ofPicture: 1) }
    ).reporting(input.issues(aboutSizesAt: $latents, takenBy: input.all(at: $model)) + objective.issues(input))
  }

  static func batchSize(for item: Data) throws -> Int {
    Stages.batchSize(for: try Latent(item, name: "latents").latent.shape)
  }

  static func run(_ batch: [StageAction<Guide>]) throws {
    let items = try batch.map { action in (action: action, latent: try action.context.latent(action.stage.latents)) }
    // Latents from outside may differ in their return steps.
    for alike in Dictionary(grouping: items, by: \.latent.way).values {
      try alike[0].action.stage.generate(Latent(together: alike.map(\.latent)), alike.map(\.action))
    }
  }

  private func generate(_ latent: Latent, _ actions: [StageAction<Guide>]) throws {
    let contexts = actions.map(\.context)
    guard case .free = latent.scheme else {
      throw InputError("guide goes from latents by DDIM: invert with the method ddim or fixed_point")
    }
    let model = try contexts[0].network(model)
    try requireSize(latent.latent.shape, of: model, contexts[0])
    let guidance = Guidance(
      ddim: DDIM(schedule: noiseSchedule),
      settings: Guidance.Settings(stepSize: stepSize, rounds: rounds, until: until))
    let objectives = try zip(contexts, latent.image.each).map { context, image in
      try objective(context, for: image, sources: [image])
    }
    let masks = try zip(actions, latent.image.each).compactMap { action, image in
      try action.stage.mask.map { try action.context.mask($0.item, for: image).tensor }
    }
    let mask = masks.isEmpty ? nil : Tensor.concatenated(masks, axis: 0)
    let sequence = timing.sequence(returnStep: latent.returnStep, steps: steps)
    guard guidance.guidedSteps(of: sequence) > 0 else {
      throw InputError(
        "no step would be guided: the latents begin at time \(latent.returnStep), and 'until' is \(until): lower it, or invert to a higher 'return_step'"
      )
    }
    let pictures: Tensor
    do {
      pictures = try guidance.generate(
        latent.latent, from: latent.image, under: mask, following: objectives, with: model, through: sequence
      ) {
        step, terms in
        for (place, context) in contexts.enumerated() {
          let values = terms.isEmpty ? [] : terms[place].map { ProgressValue($0.name, $0.value) }
          try [context].tell(step, of: steps, values)
        }
      }
    } catch let divergence as Divergence {
      throw ResultError(
        "step \(divergence.iteration) of \(steps): \(divergence.finding); lower 'step_size' (it is \(stepSize)), or see whether the model and the CLIP are right"
      )
    }
    for (context, picture) in zip(contexts, pictures.each) {
      let evaluations = guidance.evaluations(through: sequence) * (mask == nil ? 1 : 2)
      context.count(.forward(evaluations, of: model.flopPerEvaluation(on: latent.latent.shape)))
      try context.write(Picture.data(picture, name: context.item ?? ""), to: images)
    }
  }
}
