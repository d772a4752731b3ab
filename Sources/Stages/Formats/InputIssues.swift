import Diffusion
import Escaping
import Foundation
import Imaging
import Networks
import StageKit

// What is wrong with pictures or texts for a network, as far as files tell before anything runs.

extension EstimateInput {
  /// Issues about pictures or latents at an input that the diffusion models `models` do not take.
  func issues<Bound>(aboutSizesAt port: Input<Bound>, takenBy models: [OutputEstimate]) -> [ValidationIssue] {
    guard let sizes = self[port]?.sizes else {
      guard let size = self[port]?.size,
        let taken = models.lazy.compactMap(\.taken).first(where: { !$0.contains(size) })
      else { return [] }
      return [ValidationIssue(about: port, "the pictures are \(size), \(taken.requirement)")]
    }
    for taken in models.compactMap(\.taken) {
      let misfits = sizes.filter { !taken.contains($0.value) }
        .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      guard let first = misfits.first else { continue }
      let more = misfits.count > 1 ? " (and \(misfits.count - 1) more)" : ""
      return [ValidationIssue(about: port, "picture '\(first.key)' is \(first.value)\(more), \(taken.requirement)")]
    }
    return []
  }

  /// FLOP of one evaluation of a model on a picture at an input: that at the size of its training, by the pixels.
  func flop<Model, Bound>(of model: Input<Model>, on pictures: Input<Bound>) -> Double? {
    self[model].flatMap { flop(of: $0, on: pictures) }
  }

  /// - Parameter size: of the pictures, where they are none at the input.
  func flop<Bound>(of model: OutputEstimate, on pictures: Input<Bound>, size: PictureSize? = nil) -> Double? {
    guard let flop = model.flopPerEvaluation, let taken = model.taken else { return model.flopPerEvaluation }
    let known = self[pictures]
    let sizes = size.map { [$0] } ?? known?.sizes.map { Array($0.values) } ?? known?.size.map { [$0] } ?? []
    guard !sizes.isEmpty else { return flop }
    let pixels = sizes.reduce(0.0) { $0 + Double($1.width) * Double($1.height) } / Double(sizes.count)
    return flop * pixels / (Double(taken.resolution) * Double(taken.resolution))
  }

  /// Issues about texts that the CLIP at `clip` does not take.
  /// - Parameter prompts: what becomes of each parameter's text.
  func issues<Bound>(
    about prompts: [(parameter: StageProperty, texts: [String])], takenBy clip: Input<Bound>
  ) -> [ValidationIssue] {
    let requirements = all(at: clip).compactMap(\.texts)
    return prompts.compactMap { prompt in
      requirements.lazy.compactMap { prompt.texts.lazy.compactMap($0.problem).first }.first.map {
        ValidationIssue(about: prompt.parameter, "'\(prompt.parameter.name)': \($0)")
      }
    }
  }

  /// Issues about texts that a directional CLIP loss or measure asks the CLIP at `clip` about.
  /// - Parameter templates: what they are put into.
  func issues<Bound>(
    aboutDirection texts: Parameter<String>..., in templates: [String], takenBy clip: Input<Bound>
  ) -> [ValidationIssue] {
    issues(
      about: texts.map { text in (text, templates.map { PromptTemplates.fill($0, with: text.wrappedValue) }) },
      takenBy: clip)
  }
}

/// The sentences that a stage puts texts into before it asks CLIP about them.
final class PromptOptions: StagePart {
  @Parameter(
    help:
      "Sentences that texts are put into in the place of {}, such as [\"a photo of a {}\"]; what CLIP makes of them is averaged. The 79 of the official code unless given."
  )
  var templates: [String]?

  /// Those given, or the official ones.
  var sentences: [String] { templates ?? PromptTemplates.imageNet }

  var issues: [ValidationIssue] {
    $templates.emptiness
      + (templates ?? []).filter { !PromptTemplates.hasGap($0) }.map {
        ValidationIssue(about: $templates, "the template '\($0)' has no place for a text: put {} there")
      }
  }
}

/// What a CLIP demands of texts. Its tokenizer is made of its files when a text is asked about, once.
func textRequirement(_ clip: CLIP, _ files: ModelFiles) -> TextRequirement {
  let tokenizer = DeferredTokenizer(clip, files)
  return TextRequirement { tokenizer.problem(with: $0) }
}

/// The tokenizer of a CLIP in files; its lock guards what is made of it.
private final class DeferredTokenizer: @unchecked Sendable {
  private let clip: CLIP
  private let files: ModelFiles
  private let lock = NSLock()
  private var made: Tokenizer??

  init(_ clip: CLIP, _ files: ModelFiles) {
    self.clip = clip
    self.files = files
  }

  func problem(with text: String) -> String? {
    lock.withLock {
      if made == nil { made = .some(make()) }
      guard let tokenizer = made ?? nil else { return nil }
      do throws(NetworkError) {
        _ = try tokenizer.tokens(text, contextLength: clip.configuration.contextLength)
        return nil
      } catch { return "\(error)" }
    }
  }

  /// Nil where the merges do not fit: that is told when they are loaded.
  private func make() -> Tokenizer? {
    (try? files.merges(for: clip)).flatMap { try? Tokenizer(merges: $0, from: "merges") }
  }
}
