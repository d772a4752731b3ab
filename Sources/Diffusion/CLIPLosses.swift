import Networks
import Tensors

/// A way through CLIP's space from what a source text says to what a target text says (ΔT of paper eq. 9).
public struct TextDirection {
  /// ΔT, of unit length: [1, embedDim].
  public let vector: Tensor

  /// The mean over prompt templates of E(target) − E(source), each embedding and the mean scaled to unit length.
  /// - Throws: where a prompt has more tokens than CLIP takes.
  public init(
    from source: String, to target: String, by clip: CLIPModel, templates: [String] = PromptTemplates.imageNet
  )
    throws(NetworkError)
  {
    let ends = try clip.embedding(ofTexts: templates.map { PromptTemplates.fill($0, with: target) })
    let starts = try clip.embedding(ofTexts: templates.map { PromptTemplates.fill($0, with: source) })
    vector = (ends - starts).mean([0]).normalizedRows(eps: 1e-14).detached
  }

  /// Σ wₖ ΔTₖ of several directions, of unit length: a negative weight points away. Nil where they cancel each other.
  public init?(sum parts: [(weight: Double, direction: TextDirection)]) {
    self.init(
      parts.dropFirst().reduce(parts[0].direction.vector * parts[0].weight) { $0 + $1.direction.vector * $1.weight })
  }

  /// From some pictures to others, by the means of their embeddings (image direction of StyleGAN-NADA, Gal et al. 2021).
  /// Nil where these are the same.
  /// - Parameters:
  ///   - sources: embeddings [1, embedDim] of unit length; `targets` likewise.
  public init?(fromImages sources: [Tensor], to targets: [Tensor]) {
    func mean(_ embeddings: [Tensor]) -> Tensor { Tensor.concatenated(embeddings, axis: 0).mean([0]) }
    self.init(mean(targets) - mean(sources))
  }

  private init?(_ sum: Tensor) {
    guard sum.squaredLength > 1e-12 else { return nil }
    vector = sum.reshaped([1, -1]).normalizedRows(eps: 1e-14).detached
  }

  /// cos(ΔI, ΔT) for each pair of pictures, of shape [N, 1]. ΔI = E(generated) − E(original), divided by its length
  /// plus 1e−7 (S_dir of the paper's Table 3 is its mean).
  public func cosine(_ generated: Tensor, _ original: Tensor, by clip: CLIPModel) -> Tensor {
    let change = clip.embedding(ofImages: generated) - Gradients.off { clip.embedding(ofImages: original) }
    // √(Σ² + 1e−30) only keeps the root differentiable where nothing has changed yet.
    let unit = change / ((change.square().sum([-1]) + 1e-30).squareRoot() + 1e-7)
    return (unit * vector).sum([-1])
  }
}

extension CLIPModel {
  /// The unit vector of a text, [1, embedDim]: that of the mean over prompt templates of its embeddings (Radford et al.
  /// 2021, section 3.1.4).
  /// - Throws: where a prompt has more tokens than CLIP takes.
  public func embedding(ofText text: String, in templates: [String]) throws(NetworkError) -> Tensor {
    let prompts = try embedding(ofTexts: templates.map { PromptTemplates.fill($0, with: text) })
    return templates.count == 1 ? prompts : prompts.mean([0]).normalizedRows(eps: 1e-14)
  }
}

/// The losses of fine-tuning that look through CLIP.
public enum CLIPLoss {
  /// How a loss L = 1 − cos in [0, 2] enters the objective.
  public enum Form: String, Sendable, CaseIterable {
    /// L itself, as in the paper.
    case cosine
    /// −log((2 − L)/2), as in the official code.
    case log

    func callAsFunction(_ loss: Tensor) -> Tensor {
      switch self {
      case .cosine: loss
      case .log: -((2 - loss) / 2).log()
      }
    }
  }

  /// The directional loss 1 − cos(ΔI, ΔT), averaged over items (paper eq. 9).
  public static func directional(
    _ generated: Tensor, _ original: Tensor, _ direction: TextDirection, by clip: CLIPModel, form: Form
  ) -> Tensor {
    form((1 - direction.cosine(generated, original, by: clip)).mean())
  }

  /// The global loss 1 − cos(E(generated), E(text)), averaged over items (paper eq. 8). `text` is a unit vector
  /// [1, embedDim]. The logits of the official code are 100 times this cosine.
  public static func global(_ generated: Tensor, _ text: Tensor, by clip: CLIPModel, form: Form) -> Tensor {
    form((1 - (clip.embedding(ofImages: generated) * text).sum([-1])).mean())
  }
}
