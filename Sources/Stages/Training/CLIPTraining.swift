import Foundation
import Networks
import StageKit
import Tensors

/// What `train` is told of CLIP's training alone.
final class CLIPTraining: StagePart {
  @Parameter(0...1, help: "How much CLIP's pictures are moved, tinted and made noisy at random; 1 is strong.")
  var augmentation = 0.0
  @Parameter(1...1024, help: "Neighbors that enter CLIP's batch as one: 2 for portraits with their counterfactuals.")
  var groupSize = 1
  @Parameter(
    0...100,
    help:
      "How far, as a length over all values in [-1, 1], an adversary moves each of CLIP's pictures from half-way on; 4 is much."
  )
  var adversarialEpsilon = 0.0
  @Parameter(
    0...100,
    help: "Weight of a loss by which CLIP tells its captions' words from the pictures, to learn small details.")
  var captionLossWeight = 0.0
}

extension CLIPs {
  /// CLIP's symmetric contrastive loss over the pairs of a batch (Radford et al. 2021, figure 3), on pictures changed by
  /// an adversary: see ``adversarial(_:within:random:loss:)``. With `caption_loss_weight`, the words of the captions are told
  /// from the pictures as well: see ``WordHead``.
  static func task(_ stage: Train, _ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
    let captions = try set.columnNames.filter { $0 == "caption" || $0.hasPrefix("caption_") }.map(set.column)
    guard !captions.isEmpty else { throw InputError("the table has no column 'caption': CLIP learns from captions") }
    let given = try stage.model.map { try context.network(Whole<CLIPs>(name: $0.name, artifact: $0.artifact)) }
    let tokenizer =
      try given?.tokenizer
      ?? Tokenizer(merges: BPETrainer.merges(from: captions.flatMap { $0 }, count: stage.merges ?? 512))
    let tokens = captions.map { column in column.map(tokenizer.encode) }
    let longest = 2 + (tokens.joined().map(\.count).max() ?? 0)
    let network =
      try given?.network.copy()
      ?? CLIP(
        CLIP.Configuration(
          // Room for prompts somewhat longer than any caption.
          embedDim: 128, imageResolution: set.side, visionLayers: 4, visionWidth: 128, visionPatchSize: 8,
          visionHeads: 4, contextLength: longest + 8, vocabularySize: tokenizer.vocabularySize, textLayers: 2,
          textWidth: 128, textHeads: 4), seed: UInt64(stage.seed))
    guard longest <= network.configuration.contextLength else {
      throw InputError(
        "a caption has \(longest) tokens, the model's context \(network.configuration.contextLength): shorten the captions"
      )
    }
    network.parameters.setRequiresGradient(true)
    let model = try CLIPModel(network, tokenizer)
    let batch = stage.batchSize
    let augmentation = Augmentation(strength: stage.clip.augmentation)
    let together = stage.clip.groupSize
    let robustness = stage.clip.adversarialEpsilon
    let wordsWeight = stage.clip.captionLossWeight
    let head = wordsWeight > 0 ? WordHead(tokens, network.configuration, seed: UInt64(stage.seed)) : nil
    let learned = network.parameters.tensors + (head?.learned ?? [])
    return TrainingTask(
      learned: learned,
      loss: { random, progress in
        let indices = set.draw(batch, together: together, &random)
        let words = indices.map { tokens[Int(random.uniform() * Double(tokens.count))][$0] }
        let longest = words.map(\.count).max() ?? 0
        let sentences = network.encodeText(
          words.map {
            [tokenizer.startToken] + $0 + [tokenizer.endToken] + Array(repeating: 0, count: longest - $0.count)
          }
        ).normalizedRows()
        // At most 100, as CLIP clips it.
        let scale = network.logitScale.clamped(to: 0...log(100)).exp()
        func loss(_ pictures: Tensor, _ sentences: Tensor, _ scale: Tensor) -> Tensor {
          let embeddings = model.embedding(ofImages: pictures)
          let logits = embeddings.matmul(sentences, transposed: (false, true)) * scale
          let pairs = Array(0..<batch)
          let contrastive = (logits.crossEntropy(pairs) + logits.permuted([1, 0]).crossEntropy(pairs)) / 2
          guard let head else { return contrastive }
          return contrastive + head.loss(embeddings, indices) * wordsWeight
        }
        var pictures = augmentation(set.pictures(indices), &random)
        if robustness > 0 {
          for parameter in learned { parameter.setRequiresGradient(false) }
          // Full strength from half-way on: what is small must be seen before it can be defended.
          pictures = adversarial(pictures, within: robustness * min(1, 2 * progress), random: &random) {
            loss($0, sentences.detached, scale.detached)
          }
          for parameter in learned { parameter.setRequiresGradient(true) }
        }
        return loss(pictures, sentences, scale)
      },
      checkpoint: { try model.checkpoint() })
  }
}

/// Tells from CLIP's embedding of a picture which tokens its captions have: classification as an aid to contrast
/// (Huang et al. 2024, "Classification Done Right for Vision-Language Pre-Training"), after which the head is dropped.
///
/// What is small in a picture, as makeup is, moves the contrastive loss only once both its encoders see it. Here the
/// image encoder learns it alone.
private struct WordHead {
  /// [vocabulary, embedDim].
  private let weight: Tensor
  /// [vocabulary]: at first the logarithm of each token's odds.
  private let bias: Tensor
  /// Of each picture, the share of its captions that has a token.
  private let shares: [[Int: Float]]
  private let vocabularySize: Int

  /// - Parameter tokens: for each column of captions, those of each picture.
  init(_ tokens: [[[Int]]], _ configuration: CLIP.Configuration, seed: UInt64) {
    let share = 1 / Float(tokens.count)
    let shares = tokens[0].indices.map { picture in
      tokens.reduce(into: [Int: Float]()) { shares, column in
        for token in Set(column[picture]) { shares[token, default: 0] += share }
      }
    }
    var frequencies = [Float](repeating: 1, count: configuration.vocabularySize)
    for picture in shares { for (token, share) in picture { frequencies[token] += share } }
    let pictures = Float(shares.count) + 2
    var random = RandomSource(seed: seed, name: "words")
    weight = (random.normal([configuration.vocabularySize, configuration.embedDim]) * 0.05).parameterCopy()
    bias = Tensor(frequencies.map { log($0 / (pictures - $0)) }, shape: [frequencies.count]).parameterCopy()
    self.shares = shares
    vocabularySize = configuration.vocabularySize
  }

  var learned: [Tensor] { [weight, bias] }

  /// The binary cross-entropy of every token, summed over the vocabulary, for embeddings [N, embedDim] of unit length.
  func loss(_ embeddings: Tensor, _ pictures: [Int]) -> Tensor {
    var targets = [Float](repeating: 0, count: pictures.count * vocabularySize)
    for (row, picture) in pictures.enumerated() {
      for (token, share) in shares[picture] { targets[row * vocabularySize + token] = share }
    }
    let target = Tensor(targets, shape: [pictures.count, vocabularySize])
    let logits = (embeddings * 10).linear(weight, bias)
    func logarithm(_ probability: Tensor) -> Tensor { probability.clamped(to: 1e-6...1).log() }
    let present = target * logarithm(logits.sigmoid())
    let absent = (1 - target) * logarithm((-logits).sigmoid())
    return -(present + absent).sum() / Double(pictures.count)
  }
}

/// Pictures [N, H, W, 3], each moved up the gradient of the loss, by a random length of at most `radius`.
///
/// A network that learns from these must classifier by what takes large changes to fake, and what is guided by it changes
/// what one sees (one step of adversarial training, Madry et al. 2018; Santurkar et al. 2019 on guiding with it).
private func adversarial(
  _ pictures: Tensor, within radius: Double, random: inout RandomSource, loss: (Tensor) -> Tensor
) -> Tensor {
  let changed = pictures.parameterCopy()
  loss(changed).backward()
  guard let gradient = changed.gradient else { return pictures }
  let items = pictures.shape[0]
  let directions = gradient.reshaped([items, -1]).normalizedRows(eps: 1e-12)
  let lengths = random.uniform([items, 1], in: 0...radius)
  return pictures + (directions * lengths).reshaped(pictures.shape)
}
