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
    let (saved, staysAsItIs) = SavedState.resumed(from: try SavedLatents(context), context) { saved in
      saved.courses.contains { $0.updates > epochs }
    }
    if let saved {
      let updates = saved.courses.reduce(0) { $0 + $1.updates }
      context.log(
        "goes on after \(Readable.count(updates, "update")) of \(Readable.count(saved.courses.count, "latent"))")
    }
    var courses = saved?.courses ?? []
    var timer = SaveTimer(saving)
    var previewTimer = PreviewTimer(previews)
    func save() throws { if !staysAsItIs, !courses.isEmpty { try SavedLatents.save(courses, context) } }
    let evaluations = items.count * epochs * steps
    for (index, item) in items.enumerated() {
      if index == courses.count { courses.append(.init(latent: item.example.latent)) }
      var run = LatentOptimization(
        model, example: item.example, trajectory: trajectory, rate: learningRate, objective: objective,
        latent: courses[index].latent, optimizer: courses[index].optimizer, iteration: courses[index].updates)
      while run.iteration < epochs {
        try SavedState.checkCancellation(context, save: save)
        let terms: [(name: String, value: Double)]
        do { terms = try limited { try run.iterate() } } catch let divergence as Divergence {
          try save()
          throw ResultError(
            "latent '\(item.name)', \(divergence.description(of: epochs)); lower 'learning_rate' (it is \(learningRate))"
          )
        }
        courses[index].take(run, terms)
        context.progress(
          index * epochs + run.iteration, of: items.count * epochs, unit: "update",
          values: terms.map { ProgressValue($0.name, $0.value) })
        previewTimer.showIfDue {
          context.preview("latest", rows: [item.example.image, run.generated ?? item.example.image])
          context.preview("losses.csv", LossTable(joining: courses.map(\.losses)).data)
        }
        if timer.isDue() { try save() }
      }
    }
    try save()
    context.count(.learning(evaluations, of: model.flopPerEvaluation(on: items[0].example.image.shape)))
    for (item, course) in zip(items, courses) {
      let result = Latent(latent: course.latent.detached, image: item.example.image, returnStep: returnStep)
      try context.write(result.data(name: item.name), item: item.name, to: optimized)
    }
    try context.write(LossTable(joining: courses.map(\.losses)).data, to: losses)
  }
}

/// Where the optimization of some latents, the first of a set, stands: that of each by itself, so that it goes on from
/// there to any number of updates.
private struct SavedLatents {
  /// Of one latent.
  struct Course {
    var latent: Tensor
    var optimizer = Adam()
    var updates = 0
    var losses = LossTable()

    /// Takes note of an update.
    mutating func take(_ run: LatentOptimization, _ terms: [(name: String, value: Double)]) {
      (latent, optimizer, updates) = (run.latent, run.optimizer, run.iteration)
      losses.add(updates, terms)
    }
  }

  let courses: [Course]

  private static let (latent, first, second, updates) = ("latent.", "first.", "second.", "updates.")

  /// What an earlier attempt saved; nil where there is none.
  init?(_ context: any StageContext) throws {
    guard let state = try SavedState(context) else { return nil }
    let (latents, firsts, seconds) = (state.list(Self.latent), state.list(Self.first), state.list(Self.second))
    let counts = latents.indices.compactMap { state.numbers["\(Self.updates)\($0)"] }
    guard counts.count == latents.count, firsts.count == latents.count, seconds.count == latents.count,
      counts.allSatisfy({ $0 > 0 }), let losses = state.losses.split(into: counts)
    else { return nil }
    courses = latents.indices.map { place in
      Course(
        latent: latents[place], optimizer: Adam(step: counts[place], moments: [(firsts[place], seconds[place])]),
        updates: counts[place], losses: losses[place])
    }
  }

  static func save(_ courses: [Course], _ context: any StageContext) throws {
    let begun = courses.filter { $0.updates > 0 }
    var state = SavedState(losses: LossTable(joining: begun.map(\.losses)))
    for (place, course) in begun.enumerated() {
      state.tensors["\(latent)\(place)"] = course.latent.detached
      for moment in course.optimizer.moments {
        state.tensors["\(first)\(place)"] = moment.first
        state.tensors["\(second)\(place)"] = moment.second
      }
      state.numbers["\(updates)\(place)"] = course.updates
    }
    try state.save(context)
  }
}
