import Diffusion
import Networks
import StageKit
import Tensors

extension Finetune {
  /// The method `latent`: the model stays, each latent is optimized by itself.
  func optimizeLatents(_ context: any StageContext) throws {
    let (items, returnStep) = try trainingLatents(context)
    let model = try context.network(model)
    for item in items { try requireSize(item.example.image.shape, of: model, context, item: item.name) }
    let trajectory = Trajectory(
      ddim: DDIM(schedule: noiseSchedule), steps: timing.sequence(returnStep: returnStep, steps: steps))
    let objective = try objective(context, for: items[0].example.image, sources: items.map(\.example.image))
    var (finished, losses) = try savedLatents(context) ?? ([], LossTable())
    var timer = SaveTimer(saving)
    let evaluations = (items.count - finished.count) * epochs * steps
    for (index, item) in items.enumerated().dropFirst(finished.count) {
      // A latent that was not finished begins anew, with its losses.
      losses.keep(index * epochs)
      var run = LatentOptimization(
        model, example: item.example, trajectory: trajectory, rate: learningRate, objective: objective)
      let finishedLosses = losses
      // The latent under way begins anew: it has as few updates as there are epochs.
      func save() throws { if !finished.isEmpty { try saveLatents(finished, finishedLosses, context) } }
      for epoch in 0..<epochs {
        try SavedState.checkCancellation(context, save: save)
        let terms: [(name: String, value: Double)]
        do { terms = try limited { try run.iterate() } } catch let divergence as Divergence {
          try save()
          throw ResultError(
            "latent '\(item.name)', \(divergence.description(of: epochs)); lower 'learning_rate' (it is \(learningRate))"
          )
        }
        losses.add(index * epochs + epoch + 1, terms)
        context.progress(
          index * epochs + epoch + 1, of: items.count * epochs, unit: "update",
          values: terms.map { ProgressValue($0.name, $0.value) })
      }
      finished.append(run.latent.detached)
      if timer.isDue, finished.count < items.count { try saveLatents(finished, losses, context) }
    }
    context.count(.learning(evaluations, of: model.flopPerEvaluation(on: items.map(\.example.image.shape))))
    for (item, latent) in zip(items, finished) {
      let result = Latent(latent: latent, image: item.example.image, returnStep: returnStep)
      try context.write(result.data(name: item.name), item: item.name, to: optimized)
    }
    try context.write(losses.data, to: self.losses)
  }
}

private let latentPrefix = "latent."

private func saveLatents(_ finished: [Tensor], _ losses: LossTable, _ context: any StageContext) throws {
  var state = SavedState(losses: losses)
  for (index, latent) in finished.enumerated() { state.tensors["\(latentPrefix)\(index)"] = latent }
  try state.save(context)
}

/// The latents that an earlier attempt finished.
private func savedLatents(_ context: any StageContext) throws -> ([Tensor], LossTable)? {
  guard let state = try SavedState(context) else { return nil }
  let finished = state.list(latentPrefix)
  context.log("goes on after \(finished.count) latents")
  return (finished, state.losses)
}
