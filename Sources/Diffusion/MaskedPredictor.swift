import Networks
import Tensors

/// Predicted noise by which pictures are edited in one part alone, as blended diffusion does it with states (Avrahami et
/// al. 2022).
///
/// The states of the originals go along behind those of the edited pictures: x is [2N, H, W, C]. Where the mask is 1 the
/// noise of an edited picture is the editing model's; where it is 0 it is that of its original, by the model that inverted
/// it. Every sampler treats each value by itself, so there the two halves stay the same, bit for bit, whatever the sampler:
/// the state is that of the original's own trajectory. Between 0 and 1 it is mixed.
public struct MaskedPredictor: NoisePredictor {
  private let editing: any NoisePredictor
  private let original: any NoisePredictor
  /// [N, H, W, 1] in [0, 1]
  private let mask: Tensor
  /// The time below which the editing model has all of the picture.
  private let until: Int

  public init(editing: any NoisePredictor, original: any NoisePredictor, mask: Tensor, until: Int = 0) {
    precondition(mask.rank == 4 && mask.shape[3] == 1, "a mask of shape \(mask.shape)")
    self.editing = editing
    self.original = original
    self.mask = mask
    self.until = until
  }

  public func predict(_ x: Tensor, timesteps: [Int]) -> NoisePrediction {
    let count = mask.shape[0]
    precondition(x.shape[0] == 2 * count, "\(x.shape[0]) states for \(count) pictures and their originals")
    let inside = editing.predict(x.narrowed(0, 0..<count), timesteps: Array(timesteps.prefix(count)))
    let outside = original.predict(x.narrowed(0, count..<2 * count), timesteps: Array(timesteps.suffix(count)))
    let isBlended = timesteps.allSatisfy { $0 >= until }
    func both(_ a: Tensor, _ b: Tensor) -> Tensor {
      .concatenated([isBlended ? a.blended(over: b, by: mask) : a, b], axis: 0)
    }
    return NoisePrediction(
      noise: both(inside.noise, outside.noise),
      variance: inside.variance.flatMap { a in outside.variance.map { both(a, $0) } })
  }

  /// The pictures [N, H, W, C] that came of states x₀ [2N, H, W, C]: where the mask is 0, `images`, exactly; where it is
  /// not, what the way back missed of them is made up for by as much as the mask leaves of them.
  public func finished(_ states: Tensor, from images: Tensor) -> Tensor {
    let count = mask.shape[0]
    let (edited, returned) = (states.narrowed(0, 0..<count), states.narrowed(0, count..<2 * count))
    guard until == 0 else { return edited }
    let isInside = Tensor(mask.values.map { Float($0 > 0 ? 1 : 0) }, shape: mask.shape)
    return (edited + (images - returned) * (1 - mask)) * isInside + images * (1 - isInside)
  }
}

extension Tensor {
  /// This where `mask` is 1, `other` where it is 0, exactly, and a mixture between; [N, H, W, C] by [N, H, W, 1].
  public func blended(over other: Tensor, by mask: Tensor) -> Tensor { self * mask + other * (1 - mask) }
}
