import Foundation
import Networks
import StageKit
import Tensors

extension IdentityNetworks {
  /// Classification of people by cosine, with a margin that the right one must win by (CosFace, Wang et al. 2018).
  static func task(_ stage: Train, _ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
    let people = try set.classes("person")
    let network = try IdentityNetwork(IdentityNetwork.Configuration(resolution: set.side), seed: UInt64(stage.seed))
    var random = RandomSource(seed: UInt64(stage.seed), name: "centers")
    let centers = (random.normal([people.values.count, network.configuration.embedDim]) * 0.1).parameterCopy()
    let (scale, margin) = (16.0, 0.25)
    let batch = stage.batchSize
    return TrainingTask(
      learned: network.parameters.tensors + [centers],
      loss: { random, _ in
        let indices = set.draw(batch, &random)
        let labels = indices.map { people.labels[$0] }
        let cosines = network(set.pictures(indices)).matmul(
          centers.normalizedRows(eps: 1e-12), transposed: (false, true))
        var margins = [Float](repeating: 0, count: batch * people.values.count)
        for (row, label) in labels.enumerated() { margins[row * people.values.count + label] = Float(margin) }
        return ((cosines - Tensor(margins, shape: cosines.shape)) * scale).crossEntropy(labels)
      },
      checkpoint: { try network.checkpoint() })
  }
}

extension Segmenters {
  static func check(_ stage: Train, _ draft: StageDraft) -> [ValidationIssue] {
    var issues: [ValidationIssue] = []
    if !draft.has(stage.$labels) {
      issues.append(ValidationIssue("training a segmenter needs the input 'labels': add it"))
    }
    if stage.classes == nil {
      issues.append(ValidationIssue("training a segmenter needs 'classes': name one per gray level"))
    }
    return issues
  }

  /// Classification of each pixel.
  static func task(_ stage: Train, _ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
    let classes = stage.classes ?? []
    let maps = try set.names.map { name in
      guard let item = stage.labels?.artifact[name] else { throw InputError("'labels' has no item '\(name)'") }
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
    let network = try SegmentationNetwork(SegmentationNetwork.Configuration(classes: classes), seed: UInt64(stage.seed))
    try require(network, takes: set)
    let batch = stage.batchSize
    return TrainingTask(
      learned: network.parameters.tensors,
      loss: { random, _ in
        let indices = set.draw(batch, &random)
        let labels = indices.flatMap { maps[$0].map(Int.init) }
        return network(set.pictures(indices)).reshaped([labels.count, classes.count]).crossEntropy(labels)
      },
      checkpoint: { try network.checkpoint() })
  }
}

extension PerceptualNetworks {
  static func check(_ stage: Train, _ draft: StageDraft) -> [ValidationIssue] { attributeCheck(stage, draft) }

  /// Classification by attributes, in whose course features come about that pictures can be compared by.
  static func task(_ stage: Train, _ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
    try attributeTask(stage, set) { heads, seed in
      let network = try PerceptualNetwork(PerceptualNetwork.Configuration(heads: heads), seed: seed)
      return (network, network.logits)
    }
  }
}

extension Classifiers {
  static func check(_ stage: Train, _ draft: StageDraft) -> [ValidationIssue] { attributeCheck(stage, draft) }

  /// Classification by attributes.
  static func task(_ stage: Train, _ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
    try attributeTask(stage, set) { heads, seed in
      let network = try Classifier(Classifier.Configuration(heads: heads), seed: seed)
      return (network, network.callAsFunction)
    }
  }
}

extension Detectors {
  static func check(_ stage: Train, _ draft: StageDraft) -> [ValidationIssue] {
    [ValidationIssue(about: stage.$network, untrained)]
  }

  /// - Throws: in any case.
  static func task(_ stage: Train, _ set: Dataset, _ context: any StageContext) throws -> TrainingTask {
    throw InputError(untrained)
  }

  private static let untrained =
    "a detector cannot be trained here: load one, such as Fixtures/models/face-detector.safetensors"
}

/// Networks that learn by telling apart what columns of the table name.
extension NetworkContent {
  fileprivate static func attributeCheck(_ stage: Train, _ draft: StageDraft) -> [ValidationIssue] {
    var issues = tableCheck(stage, draft)
    if stage.attributes == nil {
      issues.append(
        ValidationIssue(
          "training \(type.rawValue) needs 'attributes': name the table's columns that it shall tell apart"))
    }
    return issues
  }

  /// Classification by each of the stage's attributes.
  /// - Parameter made: the new network, and its logits for pictures, by head.
  fileprivate static func attributeTask(
    _ stage: Train, _ set: Dataset,
    made: (_ heads: [ClassificationHead], _ seed: UInt64) throws -> (any PictureNetwork, (Tensor) -> [Tensor])
  ) throws -> TrainingTask {
    let heads = try heads(set, stage)
    let (network, logits) = try made(heads.map(\.head), UInt64(stage.seed))
    try require(network, takes: set)
    return TrainingTask(
      learned: network.parameters.tensors,
      loss: { random, _ in
        let indices = set.draw(stage.batchSize, &random)
        return classificationLoss(logits(set.pictures(indices)), heads.map(\.labels), indices)
      },
      checkpoint: { try network.checkpoint() })
  }
}

/// Heads for the table's columns that a stage names, and each picture's classes.
private func heads(_ set: Dataset, _ stage: Train) throws -> [(head: ClassificationHead, labels: [Int])] {
  try (stage.attributes ?? []).map { name in
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
