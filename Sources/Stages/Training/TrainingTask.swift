import Checkpoints
import Diffusion
import Foundation
import Imaging
import Networks
import StageKit
import Tensors

/// What a training learns: parameters, a loss for a random batch, and the checkpoint that comes of it.
struct TrainingTask {
  /// Every parameter that changes, the network's first.
  let learned: [Tensor]
  /// The loss, of shape [], of a batch drawn from the step's own random numbers, at a point in 0..<1 of the training.
  let loss: (_ random: inout RandomSource, _ progress: Double) -> Tensor
  let checkpoint: () throws -> CheckpointTensors
  /// What its diffusion network does in a step, if it has one.
  var work = Work.none
}

/// The task that a `train` stage asks for.
func trainingTask(_ context: any StageContext) throws -> TrainingTask {
  let set = try Dataset(context)
  let parameters = context.parameters
  switch parameters.string("network") {
  case "clip": return try clipTask(set, context)
  case "identity": return try identityTask(set, parameters)
  case "segmenter": return try segmenterTask(set, context)
  case "perceptual": return try perceptualTask(set, parameters)
  case "classifier": return try classifierTask(set, parameters)
  default: return try diffusionTask(set, context)
  }
}

private func seed(_ parameters: Parameters) -> UInt64 { UInt64(parameters.int("seed")) }

/// The diffusion network that a `train` stage begins with, for pictures of so many pixels on a side.
func newDiffusionNetwork(_ parameters: Parameters, side: Int) -> DDPMUNet.Configuration {
  func sizes(_ name: String) -> [Int]? { parameters[name]?.list?.compactMap(\.int) }
  return DDPMUNet.Configuration(
    resolution: side, channels: parameters["channels"]?.int ?? 32,
    multipliers: sizes("multipliers") ?? [1, 2, 3, 4],
    blocks: parameters["blocks"]?.int ?? 1, attentionResolutions: sizes("attention") ?? [8],
    groups: parameters["groups"]?.int ?? 8)
}

/// The most numbers that a network which is to be trained may have: 16 GB, with its gradient and what Adam keeps.
private let largestNetwork = 1 << 30

/// - Throws: `InputError` for a network too large to be trained.
func requireHandled(_ network: DDPMUNet) throws {
  let count = network.parameters.count
  guard count <= largestNetwork else {
    throw InputError(
      "the network would have \(count) weights, more than the \(largestNetwork) that are handled: choose fewer 'channels' or smaller 'multipliers'"
    )
  }
}

private func diffusionTask(_ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
  let parameters = context.parameters
  let configuration = newDiffusionNetwork(parameters, side: set.side)
  let network: any DiffusionModel
  if let given = try context.diffusionModel("model") {
    network = try given.copy()
  } else {
    // Without values it takes no memory, whatever its size.
    try requireHandled(DDPMUNet(configuration, .described))
    network = try DDPMUNet(configuration, seed: seed(parameters))
  }
  try requireSize([1, set.side, set.side, 3], of: network, context)
  network.parameters.setRequiresGradient(true)
  let process = DDPM(schedule: noiseSchedule)
  let batch = parameters.int("batch_size")
  return TrainingTask(
    learned: network.parameters.tensors,
    loss: { random, _ in
      let pictures = set.pictures(set.draw(batch, &random))
      return process.loss(pictures, with: network, random: &random)
    },
    checkpoint: { try network.checkpoint() }, work: .learning(batch, of: network.flopPerEvaluation))
}

/// CLIP's symmetric contrastive loss over the pairs of a batch (Radford et al. 2021, figure 3), on pictures changed by
/// an adversary: see ``adversarial(_:within:random:loss:)``. With `caption_loss_weight`, the words of the captions are told
/// from the pictures as well: see ``WordHead``.
private func clipTask(_ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
  let parameters = context.parameters
  let captions = try set.columnNames.filter { $0 == "caption" || $0.hasPrefix("caption_") }.map(set.column)
  guard !captions.isEmpty else { throw InputError("the table has no column 'caption': CLIP learns from captions") }
  let given = try context.clip("model")
  let tokenizer =
    try given?.tokenizer
    ?? Tokenizer(merges: BPETrainer.merges(from: captions.flatMap { $0 }, count: parameters["merges"]?.int ?? 512))
  let tokens = captions.map { column in column.map(tokenizer.encode) }
  let longest = 2 + (tokens.joined().map(\.count).max() ?? 0)
  let network =
    try given?.network.copy()
    ?? CLIP(
      CLIP.Configuration(
        // Room for prompts somewhat longer than any caption.
        embedDim: 128, imageResolution: set.side, visionLayers: 4, visionWidth: 128, visionPatchSize: 8,
        visionHeads: 4, contextLength: longest + 8, vocabularySize: tokenizer.vocabularySize, textLayers: 2,
        textWidth: 128, textHeads: 4), seed: seed(parameters))
  guard longest <= network.configuration.contextLength else {
    throw InputError(
      "a caption has \(longest) tokens, the model's context \(network.configuration.contextLength): shorten the captions"
    )
  }
  network.parameters.setRequiresGradient(true)
  let model = try CLIPModel(network, tokenizer)
  let batch = parameters.int("batch_size")
  let augmentation = Augmentation(strength: parameters.double("augmentation"))
  let together = parameters.int("group_size")
  let robustness = parameters.double("adversarial_epsilon")
  let wordsWeight = parameters.double("caption_loss_weight")
  let head = wordsWeight > 0 ? WordHead(tokens, network.configuration, seed: seed(parameters)) : nil
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
    (self.shares, vocabularySize) = (shares, configuration.vocabularySize)
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

/// Classification of people by cosine, with a margin that the right one must win by (CosFace, Wang et al. 2018).
private func identityTask(_ set: Dataset, _ parameters: Parameters) throws -> TrainingTask {
  let people = try set.classes("person")
  let network = try IdentityNetwork(IdentityNetwork.Configuration(resolution: set.side), seed: seed(parameters))
  var random = RandomSource(seed: seed(parameters), name: "centers")
  let centers = (random.normal([people.values.count, network.configuration.embedDim]) * 0.1).parameterCopy()
  let (scale, margin) = (16.0, 0.25)
  let batch = parameters.int("batch_size")
  return TrainingTask(
    learned: network.parameters.tensors + [centers],
    loss: { random, _ in
      let indices = set.draw(batch, &random)
      let labels = indices.map { people.labels[$0] }
      let cosines = network(set.pictures(indices)).matmul(centers.normalizedRows(eps: 1e-12), transposed: (false, true))
      var margins = [Float](repeating: 0, count: batch * people.values.count)
      for (row, label) in labels.enumerated() { margins[row * people.values.count + label] = Float(margin) }
      return ((cosines - Tensor(margins, shape: cosines.shape)) * scale).crossEntropy(labels)
    },
    checkpoint: { try network.checkpoint() })
}

/// - Throws: `InputError` where a network that is to be trained cannot take the pictures.
private func require(_ network: any PictureNetwork, takes set: Dataset) throws {
  guard let requirement = network.requirement(unmetByHeight: set.side, width: set.side) else { return }
  throw InputError(
    "the pictures are \(set.side)×\(set.side), but this network needs pictures \(requirement): load them with `size`")
}

private func segmenterTask(_ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
  let parameters = context.parameters
  let classes = parameters["classes"]?.list?.compactMap(\.string) ?? []
  let maps = try set.names.map { name in
    guard let item = context.input("labels")?[name] else { throw InputError("'labels' has no item '\(name)'") }
    let map = try Picture.image(context.read(item), name: name)
    guard map.width == set.side, map.height == set.side else {
      throw InputError("the labels of '\(name)' are \(map.width)×\(map.height), the picture \(set.side)×\(set.side)")
    }
    let labels = stride(from: 0, to: map.pixels.count, by: 3).map { map.pixels[$0] }
    if let bad = labels.first(where: { $0 >= classes.count }) {
      throw InputError("the labels of '\(name)' hold gray level \(bad), but there are \(classes.count) classes")
    }
    return labels
  }
  let network = try SegmentationNetwork(SegmentationNetwork.Configuration(classes: classes), seed: seed(parameters))
  try require(network, takes: set)
  let batch = parameters.int("batch_size")
  return TrainingTask(
    learned: network.parameters.tensors,
    loss: { random, _ in
      let indices = set.draw(batch, &random)
      let labels = indices.flatMap { maps[$0].map(Int.init) }
      return network(set.pictures(indices)).reshaped([labels.count, classes.count]).crossEntropy(labels)
    },
    checkpoint: { try network.checkpoint() })
}

/// Heads for the table's columns that a stage names, and each picture's classes.
private func heads(_ set: Dataset, _ parameters: Parameters) throws -> [(head: ClassificationHead, labels: [Int])] {
  try (parameters["attributes"]?.list ?? []).compactMap(\.string).map { name in
    let classes = try set.classes(name)
    return (ClassificationHead(name: name, values: classes.values), classes.labels)
  }
}

/// The sum of the heads' cross-entropies; a picture without a class for a head is left out there.
private func classificationLoss(_ logits: [Tensor], _ labels: [[Int]], _ indices: [Int]) -> Tensor {
  var total = Tensor(repeating: 0, shape: [])
  for (logits, labels) in zip(logits, labels) {
    let wanted = indices.map { labels[$0] }
    if wanted.contains(where: { $0 >= 0 }) { total = total + logits.crossEntropy(wanted) }
  }
  return total
}

private func perceptualTask(_ set: Dataset, _ parameters: Parameters) throws -> TrainingTask {
  let heads = try heads(set, parameters)
  let batch = parameters.int("batch_size")
  let network = try PerceptualNetwork(PerceptualNetwork.Configuration(heads: heads.map(\.head)), seed: seed(parameters))
  try require(network, takes: set)
  return TrainingTask(
    learned: network.parameters.tensors,
    loss: { random, _ in
      let indices = set.draw(batch, &random)
      return classificationLoss(network.logits(set.pictures(indices)), heads.map(\.labels), indices)
    },
    checkpoint: { try network.checkpoint() })
}

private func classifierTask(_ set: Dataset, _ parameters: Parameters) throws -> TrainingTask {
  let heads = try heads(set, parameters)
  let batch = parameters.int("batch_size")
  let network = try Classifier(Classifier.Configuration(heads: heads.map(\.head)), seed: seed(parameters))
  try require(network, takes: set)
  return TrainingTask(
    learned: network.parameters.tensors,
    loss: { random, _ in
      let indices = set.draw(batch, &random)
      return classificationLoss(network(set.pictures(indices)), heads.map(\.labels), indices)
    },
    checkpoint: { try network.checkpoint() })
}
