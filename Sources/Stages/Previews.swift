import Diffusion
import Foundation
import Imaging
import Networks
import StageKit
import Tensors

/// How often a stage that takes long shows how it stands. Results do not depend on it.
final class PreviewOptions: StagePart {
  @Parameter(
    0...86400, name: "preview_every_s", isSemantic: false,
    help:
      "Seconds between two previews, pictures and the losses so far, in the folder `previews` of the run; at the end of an epoch a tenth of that."
  )
  var interval = 30.0
}

/// Says when it is time for a preview, of which none takes more than a twentieth of the time.
struct PreviewTimer {
  private var last = ContinuousClock.now
  private var pause: Duration

  init(_ options: PreviewOptions) { pause = .seconds(options.interval) }

  /// Shows a preview if it is time.
  /// - Parameter share: the part of the interval that is enough.
  mutating func showIfDue(after share: Double = 1, _ show: () throws -> Void) rethrows {
    let start = ContinuousClock.now
    guard start - last >= pause * share else { return }
    try show()
    last = .now
    pause = max(pause, (last - start) * 20)
  }
}

extension StageContext {
  /// Shows pictures as one, rows below each other: each [N, H, W, 3] in [−1, 1].
  func preview(_ name: String, rows: [Tensor]) {
    let lines = rows.map { row in Tensor.concatenated(row.each, axis: 2) }
    guard !lines.isEmpty, let data = try? Picture.image(.concatenated(lines, axis: 1)).pngData() else { return }
    preview("\(name).png", data)
  }
}

/// The pictures that a fine-tuning generated last, below those that they were made of.
struct RecentPictures {
  private static let most = 4
  private var before: [Tensor] = []
  private var after: [Tensor] = []

  /// Takes pictures [N, H, W, 3] each.
  mutating func take(before: Tensor, after: Tensor) {
    // Rows are of pictures of one size.
    if let first = self.before.first, first.shape.dropFirst() != before.shape.dropFirst() {
      (self.before, self.after) = ([], [])
    }
    self.before = (self.before + before.each).suffix(Self.most)
    self.after = (self.after + after.each).suffix(Self.most)
  }

  var rows: [Tensor] {
    before.isEmpty ? [] : [.concatenated(before, axis: 0), .concatenated(after, axis: 0)]
  }
}

/// A noise predictor that shows, at times, the pictures to which the present states lead.
struct PreviewedPredictor: NoisePredictor {
  let model: any NoisePredictor
  /// Takes the predicted x₀ of each picture, [N, H, W, C].
  let show: (Tensor) -> Void
  private let timer: Timer

  private final class Timer {
    var timer: PreviewTimer
    init(_ timer: PreviewTimer) { self.timer = timer }
  }

  init(_ model: any NoisePredictor, _ options: PreviewOptions, show: @escaping (Tensor) -> Void) {
    self.model = model
    self.show = show
    timer = Timer(PreviewTimer(options))
  }

  func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    let prediction = model.predict(x, timesteps: timesteps)
    timer.timer.showIfDue {
      guard let t = timesteps.first, timesteps.allSatisfy({ $0 == t }) else { return }
      show(DDIM(schedule: noiseSchedule).predictedX0(x, predictedNoise: prediction.noise, at: t))
    }
    return prediction
  }
}
