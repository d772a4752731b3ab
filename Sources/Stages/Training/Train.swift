import ArtifactStore
import Checkpoints
import Foundation
import Networks
import StageKit
import Tensors

/// `train`: any of the networks, on Portraits or on a user's own pictures.
let train = StageKind(
  name: "train",
  summary: "Trains a network on pictures and what is known about them.",
  revision: 3,
  inputs: [
    Port("images", .images, help: "Square pictures, all of one size."),
    Port("table", .table, arity: .optional, help: "A row for each picture, its name in the column `item`."),
    Port(
      "model", .diffusion, .clip, arity: .optional,
      help: "A diffusion model or a CLIP to go on from, instead of random first values."),
    Port("labels", .images, arity: .optional, help: "Segmentation classes of each picture's pixels, as gray levels."),
  ],
  parameters: [
    Parameter(
      "network", .choice(["diffusion", "clip", "identity", "segmenter", "perceptual", "classifier"]), .required,
      help:
        "What to train. clip needs captions, identity people, perceptual and classifier attributes in the table; segmenter labels."
    ),
    Parameter("steps", .int(1...100_000_000), .required, help: "Updates."),
    Parameter("batch_size", .int(1...4096), .defaulting(.int(16)), help: "Pictures per update."),
    Parameter(
      "learning_rate", .double(1e-9...1), .defaulting(.double(5e-4)), help: "The highest; it decays to a hundredth."),
    Parameter(
      "warmup_steps", .int(0...1_000_000), .defaulting(.int(200)),
      help: "Updates over which the rate rises from 0."),
    Parameter(
      "ema_decay", .double(0...0.99999), .defaulting(.double(0.998)), help: "Decay of the moving average that is kept."),
    Parameter("seed", .int(0...Int.max), .defaulting(.int(1)), help: "Of the first values, the order and the noise."),
    Parameter(
      "augmentation", .double(0...1), .defaulting(.double(0)),
      help: "How much CLIP's pictures are moved, tinted and made noisy at random; 1 is strong."),
    Parameter(
      "group_size", .int(1...1024), .defaulting(.int(1)),
      help: "Neighbors that enter CLIP's batch as one: 2 for portraits with their counterfactuals."),
    Parameter(
      "adversarial_epsilon", .double(0...100), .defaulting(.double(0)),
      help:
        "How far, as a length over all values in [-1, 1], an adversary moves each of CLIP's pictures from half-way on; 4 is much."
    ),
    Parameter(
      "caption_loss_weight", .double(0...100), .defaulting(.double(0)),
      help: "Of a loss by which CLIP tells its captions' words from the pictures, so that it learns what is small."),
    Parameter(
      "channels", .int(4...1024), .optional, help: "Of the diffusion U-Net at full resolution; 32 unless given."),
    Parameter("multipliers", .list(.int(1...64)), .optional, help: "Channels of its levels; 1, 2, 3, 4 unless given."),
    Parameter("blocks", .int(1...8), .optional, help: "Its residual blocks per level; 1 unless given."),
    Parameter(
      "attention", .list(.int(1...4096)), .optional, help: "Resolutions at which it has attention; 8 unless given."),
    Parameter("groups", .int(1...64), .optional, help: "Groups of its normalizations; 8 unless given."),
    Parameter(
      "merges", .int(0...48894), .optional,
      help: "Merges that CLIP's tokenizer learns from the captions; 512 unless given."),
    Parameter(
      "attributes", .list(.string), .optional, help: "Columns of the table that perceptual or classifier tell apart."),
    Parameter("classes", .list(.string), .optional, help: "Names of the segmenter's classes, by gray level."),
    saveEveryParameter,
  ],
  outputs: { parameters in
    let type = parameters["network"]?.string.flatMap(ArtifactType.init(named:)) ?? .diffusion
    return [OutputPort("model", type), OutputPort("losses", .table)]
  },
  // The largest networks of the built-in domain take 770 MB; the pictures are held as bytes, which were packed before.
  memory: MemoryNeed(megabytes: 1024, perInputByte: 8),
  estimate: { input in
    let parameters = input.parameters
    guard parameters.string("network") == ArtifactType.diffusion.rawValue else { return input.estimate() }
    let network = input["images"]?.side.flatMap { side in
      try? DDPMUNet(newDiffusionNetwork(parameters, side: side), .described)
    }
    let flop = input["model"]?.flopPerEvaluation ?? network?.flopPerEvaluation
    return input.estimate(
      work: flop.map { .learning(parameters.int("steps") * parameters.int("batch_size"), of: $0) },
      bytes: input["model"]?.bytes ?? network.map { 4 * $0.parameters.count }, flopPerEvaluation: flop,
      resolution: input["images"]?.side)
  },
  check: { draft in
    let network = draft.parameters["network"]?.string ?? ""
    var complaints = draft.complaints(aboutEmpty: ["attributes", "classes", "multipliers"])
    if network == "segmenter" {
      if draft.inputs["labels"] == nil {
        complaints.append(ValidationIssue("training a segmenter needs the input 'labels': add it"))
      }
      if draft.parameters["classes"] == nil {
        complaints.append(ValidationIssue("training a segmenter needs 'classes': name one per gray level"))
      }
    } else if network != "diffusion", draft.inputs["table"] == nil {
      complaints.append(ValidationIssue("training \(network) needs the input 'table': add it"))
    }
    if let type = draft.inputs["model"]?.first, type.rawValue != network {
      let fits = ["diffusion", "clip"].contains(network) ? "give a \(network) network or leave it out" : "leave it out"
      complaints.append(
        ValidationIssue(about: "model", "training \(network) cannot go on from a \(type.rawValue) network: \(fits)"))
    }
    if ["classifier", "perceptual"].contains(network), draft.parameters["attributes"] == nil {
      complaints.append(
        ValidationIssue("training \(network) needs 'attributes': name the table's columns that it shall tell apart"))
    }
    if network == "diffusion" {
      let (channels, groups) = (draft.parameters["channels"]?.int ?? 32, draft.parameters["groups"]?.int ?? 8)
      if channels % groups != 0 {
        complaints.append(
          ValidationIssue(about: "groups", "\(channels) channels do not fall into \(groups) groups: choose a divisor"))
      } else if draft.inputs["model"] == nil, complaints.isEmpty {
        complaints += networkComplaints(draft.parameters)
      }
    }
    return complaints
  },
  run: { context in
    let parameters = context.parameters
    let task = try trainingTask(context)
    var run = TrainingRun(
      task.learned,
      settings: TrainingRun.Settings(
        steps: parameters.int("steps"), rate: parameters.double("learning_rate"),
        warmup: parameters.int("warmup_steps"),
        averageDecay: parameters.double("ema_decay"), seed: UInt64(parameters.int("seed"))))
    let restored = try restore(&run, context)
    var losses = restored?.losses ?? LossTable(counter: "step")
    var timer = SaveTimer(parameters)
    let steps = run.settings.steps - run.step
    // Of the losses since the last row.
    var (sum, counted) = (restored?.sum ?? 0, restored?.counted ?? 0)
    while !run.isFinished {
      try SavedState.checkCancellation(context) {
        if run.step > 0 { try save(run, losses, sum, counted, context) }
      }
      let rate = run.rate
      let progress = Double(run.step) / Double(run.settings.steps)
      do throws(Divergence) { sum += try run.advance { task.loss(&$0, progress) } } catch {
        if error.isIntact, run.step > 0 { try save(run, losses, sum, counted, context) }
        throw ResultError(
          "\(error.description(of: run.settings.steps)); lower 'learning_rate' (it is \(run.settings.rate)) or raise 'warmup' (it is \(run.settings.warmup))"
        )
      }
      counted += 1
      // One row for every ten steps.
      guard run.step % 10 == 0 || run.isFinished else { continue }
      let loss = sum / Double(counted)
      losses.add(run.step, [("loss", loss), ("learning_rate", rate)])
      (sum, counted) = (0, 0)
      context.progress(run.step, of: run.settings.steps, unit: "step", values: [ProgressValue("loss", loss)])
      if timer.isDue, !run.isFinished { try save(run, losses, sum, counted, context) }
    }
    context.count(
      Work(evaluations: steps * task.work.evaluations, flop: Double(steps) * task.work.flop))
    for (parameter, value) in zip(task.learned, run.average.values) { parameter.assign(value) }
    try context.write(Safetensors.data(of: task.checkpoint()), item: "", to: "model")
    try context.write(losses.data, item: "", to: "losses")
  })

/// What is wrong with the diffusion network that a stage describes, whatever the size of its pictures.
private func networkComplaints(_ parameters: Parameters) -> [ValidationIssue] {
  // Pictures as small as the levels allow.
  let levels = parameters["multipliers"]?.list?.count ?? 4
  do {
    try requireHandled(DDPMUNet(newDiffusionNetwork(parameters, side: 1 << min(levels - 1, 15)), .described))
    return []
  } catch let NetworkError.badConfiguration(_, reason) {
    return [ValidationIssue(about: parameters["multipliers"] == nil ? "channels" : "multipliers", reason)]
  } catch { return [ValidationIssue(about: "channels", "\(error)")] }
}

private let (stepsDone, lossSum, lossCount) = ("step", "loss_sum", "loss_count")

/// - Parameters:
///   - sum: of the losses since the last row of the table, exactly.
///   - counted: how many these are.
private func save(
  _ run: TrainingRun, _ losses: LossTable, _ sum: Double, _ counted: Int, _ context: any StageContext
) throws {
  var state = SavedState(losses: losses)
  for (name, tensor) in run.state() { state.tensors[name] = tensor }
  state.numbers = [
    stepsDone: run.step, lossSum: Int(truncatingIfNeeded: sum.bitPattern), lossCount: counted,
  ]
  try state.save(context)
}

private func restore(
  _ run: inout TrainingRun, _ context: any StageContext
) throws -> (losses: LossTable, sum: Double, counted: Int)? {
  guard let state = try SavedState(context), let step = state.numbers[stepsDone], run.restore(state.tensors, step: step)
  else { return nil }
  context.log("goes on after \(step) steps")
  let sum = Double(bitPattern: UInt64(truncatingIfNeeded: state.numbers[lossSum] ?? 0))
  return (state.losses, sum, state.numbers[lossCount] ?? 0)
}
