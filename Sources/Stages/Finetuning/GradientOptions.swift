import Diffusion
import StageKit

/// What an update of a model follows.
final class GradientOptions: StagePart {
  @Parameter(
    help:
      "How the method `model` computes gradients. full, unless given: exact, through all steps. last: through the last `gradient_steps` (DRaFT-K). random: through as many, drawn for each update (AlignProp). per_step: an update at every step, on the predicted x₀. per_step_official: the same without a gradient of the identity loss."
  )
  var gradient: Method?
  @Parameter(1...200, help: "For last and random: how many steps the gradient goes through; 1 unless given.")
  var gradientSteps: Int?
  @Parameter(
    2...64,
    help:
      "For last with one step: takes that step from so many states, made from the generated picture and new noise each, and follows the mean of what comes of them (DRaFT-LV)."
  )
  var gradientSamples: Int?
  @Parameter(1...1024, help: "Pictures per update of the method `model`; 1 unless given.") var batchSize: Int?

  enum Method: String, Choice {
    case full, last, random
    case perStep = "per_step"
    case perStepOfficial = "per_step_official"
  }

  var chosen: FineTuning.Gradient {
    switch gradient ?? .full {
    case .full: .full
    case .last: .last(gradientSteps ?? 1, samples: gradientSamples ?? 1)
    case .random: .random(gradientSteps ?? 1)
    case .perStep: .perStep
    case .perStepOfficial: .perStepOfficial
    }
  }

  /// What a recipe gives.
  var given: [any OptionalParameter] {
    let all: [any OptionalParameter] = [$gradient, $gradientSteps, $gradientSamples, $batchSize]
    return all.filter(\.isGiven)
  }

  /// What is wrong where a picture is generated in so many steps.
  func issues(steps: Int) -> [ValidationIssue] {
    let method = gradient ?? .full
    if let count = gradientSteps {
      guard [.last, .random].contains(method) else {
        return [
          ValidationIssue(
            about: $gradientSteps, "the gradient \(method.rawValue) goes through no choice of steps: leave it out")
        ]
      }
      guard count <= steps else {
        return [
          ValidationIssue(about: $gradientSteps, "\(count) are more than the \(steps) `steps`: give at most these")
        ]
      }
    }
    if gradientSamples != nil, method != .last || (gradientSteps ?? 1) > 1 {
      return [
        ValidationIssue(
          about: $gradientSamples, "several samples are for `gradient: last` through one step: leave it out")
      ]
    }
    return []
  }
}
