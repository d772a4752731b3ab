import ArtifactStore
import Foundation
import JSONSyntax
import Metrics
import Networks
import StageKit
import Tensors

/// `distance`: a number about two sets of pictures, which no picture has by itself.
struct Distance: Stage {
  static let name = "distance"
  static let summary =
    "Measures how far two sets of pictures are apart as distributions: the kernel inception distance (KID), precision and recall."
  static let revision = 2
  static let usesDevice = true
  static let memory = MemoryNeed(megabytes: 256, perInputByte: 2)

  @Input(help: "The pictures to measure.") var images: Whole<Pictures>
  @Input(help: "What their distribution should be: other pictures of the same size, as many or not.")
  var reference: Whole<Pictures>
  @Input(
    help:
      "In whose features the sets are compared: the last layer's, of unit length at each pixel as LPIPS has them, averaged over each picture."
  )
  var perceptual: Whole<PerceptualNetworks>
  @Parameter(0.5...0.999, help: "Confidence of the interval from 'kid_low' to 'kid_high', by the jackknife.")
  var confidence = 0.95
  @Parameter(
    1...1000,
    help:
      "A picture counts for 'precision' if it is as near to one of 'reference' as that one's neighbor of this rank; for 'recall' the other way round."
  )
  var neighbors = 3

  let metrics = Output<Measurements>(measures: ["kid", "kid_low", "kid_high", "precision", "recall"])

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    [$images, $reference].compactMap { input in
      draft[input].first?.items.flatMap { issue($0.count, at: input) }
    }
  }

  /// What is wrong with a set of so many pictures.
  private func issue(_ count: Int, at input: Input<Whole<Pictures>>) -> ValidationIssue? {
    let least = max(3, neighbors + 1)
    guard count < least else { return nil }
    return ValidationIssue(
      about: input,
      "'\(input.name)' has \(Readable.count(count, "picture")): with 'neighbors' \(neighbors) it needs at least \(least), and many to tell something"
    )
  }

  func estimate(_ input: EstimateInput) -> StageEstimate { input.estimate(items: 1) }

  func run(_ context: any StageContext) throws {
    let network = try context.network(perceptual)
    let total = images.artifact.items.count + reference.artifact.items.count
    var size: (name: String, shape: [Int])?
    var done = 0
    func features(_ set: Whole<Pictures>, at input: Input<Whole<Pictures>>) throws -> Tensor {
      if let issue = issue(set.artifact.items.count, at: input) { throw InputError(issue.message) }
      let rows = try set.artifact.items.map { item in
        try context.checkCancellation()
        let picture = try Picture.tensor(context.read(item), name: item.name)
        let name = "picture '\(item.name)' of '\(input.name)'"
        let first = size ?? (name, picture.shape)
        size = first
        guard picture.shape == first.shape else {
          throw InputError(
            "\(name) is \(picture.shape[2])×\(picture.shape[1]), \(first.name) \(first.shape[2])×\(first.shape[1]): "
              + "load them with one `size`")
        }
        try context.require(network, takes: picture, for: Self.name)
        let row = Gradients.off { network.embedding(picture) }
        guard row.isFinite else {
          throw ResultError("the features of \(name) are not finite: load another perceptual network")
        }
        done += 1
        context.progress(done, of: total, unit: "picture", values: [])
        return row
      }
      return .concatenated(rows, axis: 0)
    }
    let (found, expected) = (try features(images, at: $images), try features(reference, at: $reference))
    let distance = KernelDistance(found, expected)
    let interval = distance.interval(confidence: confidence)
    let members = [
      ("kid", distance.value), ("kid_low", interval.lowerBound), ("kid_high", interval.upperBound),
      ("precision", FeatureManifold(expected, neighbors: neighbors).share(of: found)),
      ("recall", FeatureManifold(found, neighbors: neighbors).share(of: expected)),
    ].map { JSON.Member($0.0, .double($0.1)) }
    try context.write(Data(JSON.object(members).bytes), item: "all", to: metrics)
  }
}
