import ArtifactStore
import Foundation
import JSONSyntax
import Metrics
import Networks
import StageKit
import Tensors

/// `metric`: numbers about pictures, one set per picture.
struct Metric: Stage {
  static let name = "metric"
  static let summary = "Measures pictures, alone or against a reference."
  static let revision = 2
  static let usesDevice = true
  static let memory = MemoryNeed(megabytes: 256, perInputByte: 4)

  @Input(help: "The pictures to measure.") var images: Each<Pictures>
  @Input(help: "What to compare them with, picture by picture.") var reference: Matching<Pictures>?
  @Input(help: "For diversity: the set that the pictures belong to.") var population: Whole<Pictures>?
  @Input(for: .measuring, help: "For s_dir and clip_similarity.") var clip: Whole<CLIPs>?
  @Input(help: "For identity.") var identity: Whole<IdentityNetworks>?
  @Input(help: "For sc.") var segmenter: Whole<Segmenters>?
  @Input(help: "For perceptual and diversity.") var perceptual: Whole<PerceptualNetworks>?
  @Input(help: "For the classifier's measures.") var classifier: Whole<Classifiers>?
  @Parameter(help: Measure.allCases.map { "\($0.rawValue): \($0.help)" }.joined(separator: " "))
  var measures: [Measure]
  @Parameter(help: "Text for what the reference shows, for s_dir.") var source = "face"
  @Parameter(help: "Text for what the pictures should show, for s_dir and clip_similarity.") var target = ""
  let prompts = PromptOptions()
  let looking = CLIPOptions()
  @Parameter(help: "What the classifier should see, such as {tan: tanned}; all of it.")
  var attributes: NamedValues<String> = [:]
  @Parameter(
    help:
      "Which attributes attributes_preserved and all_attributes_preserved look at, such as [hair_color, glasses]; all but those in `attributes` unless given."
  )
  var preserved: [String]?

  @Input(help: "Measures the pictures in one part alone: elsewhere they count as their reference.")
  var mask: Matching<Masks>?
  @Parameter(help: "With `mask`: which part. inside, unless given, or outside.") var region: Region?

  let metrics = Output<Measurements>()

  enum Region: String, Choice { case inside, outside }

  var made: [OutputPort]? { [metrics.port(measures: measures.map(\.rawValue))] }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    var issues = $measures.emptiness + $preserved.emptiness + prompts.issues
    func report(_ message: String) { issues.append(ValidationIssue(about: $measures, message)) }
    if Set(measures).count < measures.count { report("'measures' has the same one twice: name each once") }
    for measure in measures {
      for input in needs(of: measure) where !draft.has(input) {
        report("'\(measure.rawValue)' needs the input '\(input.name)': add it")
      }
    }
    if let measure = measures.first(where: \.isAboutTarget), target == "" {
      report("'\(measure.rawValue)' needs the parameter 'target': what the pictures should show")
    }
    if attributes.entries.isEmpty {
      if measures.contains(where: \.isAboutAttributes) {
        report("the classifier's measures need 'attributes', such as {tan: tanned}")
      } else if measures.contains(where: \.isAboutOtherAttributes), preserved == nil {
        report(
          "the classifier's measures need 'attributes', such as {tan: tanned}, or 'preserved', such as [hair_color]")
      }
    }
    if preserved != nil, !measures.contains(where: \.isAboutOtherAttributes) {
      issues.append(
        ValidationIssue(
          about: $preserved,
          "'preserved' is for the measures attributes_preserved and all_attributes_preserved: ask for one, or leave it out"
        ))
    }
    if let both = preserved?.first(where: attributes.entries.map(\.name).contains) {
      issues.append(
        ValidationIssue(about: $preserved, "'\(both)' is in 'attributes', too: what is to change cannot be preserved"))
    }
    if draft.has($mask), !draft.has($reference) {
      issues.append(ValidationIssue(about: $mask, "'mask' needs the input 'reference', which counts elsewhere: add it"))
    }
    if region != nil, !draft.has($mask) {
      issues.append(ValidationIssue(about: $region, "'region' is for 'mask': leave it out"))
    }
    return issues
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    var issues =
      measures.contains(.sDir)
      ? input.issues(aboutDirection: $source, $target, in: prompts.sentences, takenBy: $clip)
      : measures.contains(.clipSimilarity)
        ? input.issues(aboutDirection: $target, in: prompts.sentences, takenBy: $clip) : []
    let sizes = input[$images]?.sizes ?? [:]
    let side = PixelMeasures.ssimWindow
    let small = sizes.filter { min($0.value.width, $0.value.height) < side }.map(\.key).sorted()
    if measures.contains(.ssim), let name = small.first, let size = sizes[name] {
      issues.append(ValidationIssue(about: $measures, "picture '\(name)' is \(size), but \(Measure.ssimRequirement)"))
    }
    return input.estimate().reporting(issues)
  }

  func run(_ context: any StageContext) throws {
    let measuring = try Measuring(self, context)
    let members = try measures.uniqued.map { measure in
      JSON.Member(measure.rawValue, .double(try Gradients.off { try measuring.value(measure) }))
    }
    try context.write(Data(JSON.object(members).bytes), to: metrics)
  }

  /// The inputs that a measure cannot do without.
  fileprivate func needs(of measure: Measure) -> [StageProperty] {
    switch measure {
    case .mae, .psnr, .ssim: [$reference]
    case .perceptual: [$reference, $perceptual]
    case .diversity: [$population, $perceptual]
    case .sDir: [$reference, $clip]
    case .clipSimilarity: [$clip]
    case .sc: [$reference, $segmenter]
    case .identity: [$reference, $identity]
    case .attributeAccuracy, .attributeProbability: [$classifier]
    case .attributesPreserved, .allAttributesPreserved: [$reference, $classifier]
    }
  }
}

/// What `metric` can measure.
enum Measure: String, Choice {
  case mae, psnr, ssim, perceptual, diversity
  case sDir = "s_dir"
  case clipSimilarity = "clip_similarity"
  case sc, identity
  case attributeAccuracy = "attribute_accuracy"
  case attributeProbability = "attribute_probability"
  case attributesPreserved = "attributes_preserved"
  case allAttributesPreserved = "all_attributes_preserved"

  var help: String {
    switch self {
    case .mae: "mean absolute error on [0, 1]."
    case .psnr: "peak signal-to-noise ratio in dB; infinite for equal pictures."
    case .ssim: "structural similarity, 7×7 uniform window, data range 1."
    case .perceptual: "distance of the perceptual network's features."
    case .diversity: "mean distance of the perceptual network's features from the other pictures of `population`."
    case .sDir: "directional CLIP similarity."
    case .clipSimilarity: "cosine of CLIP's embeddings of the picture and of `target` (CLIPScore is 2.5 times it)."
    case .sc: "share of pixels whose segmentation stays the same."
    case .identity: "cosine of the faces' embeddings."
    case .attributeAccuracy: "1 where the classifier sees all of `attributes`, else 0."
    case .attributeProbability: "the probability that the classifier gives to `attributes`."
    case .attributesPreserved: "share of `preserved` that the classifier sees as in the reference."
    case .allAttributesPreserved: "1 where it sees all of `preserved` as in the reference, else 0."
    }
  }

  var isAboutTarget: Bool { self == .sDir || self == .clipSimilarity }

  /// Whether it is about what `attributes` says.
  var isAboutAttributes: Bool { self == .attributeAccuracy || self == .attributeProbability }

  /// Whether it is about what `attributes` does not say.
  var isAboutOtherAttributes: Bool { self == .attributesPreserved || self == .allAttributesPreserved }

  static let ssimRequirement =
    "'ssim' needs at least \(PixelMeasures.ssimWindow)×\(PixelMeasures.ssimWindow) pixels, its window: load larger pictures, or leave 'ssim' out"
}

/// One picture that is measured.
private struct Measuring {
  let stage: Metric
  /// [1, H, W, 3] in [−1, 1].
  let image: Tensor
  let context: any StageContext
  /// How much of the picture is measured, from 0 to 1.
  private let share: Double

  init(_ stage: Metric, _ context: any StageContext) throws {
    (self.stage, self.context) = (stage, context)
    let picture = try context.picture(stage.images)
    guard let input = stage.mask else {
      (image, share) = (picture, 1)
      return
    }
    guard let reference = try stage.reference.map(context.picture), reference.shape == picture.shape else {
      throw InputError("'mask' needs a reference of the size of '\(stage.images.item.name)'")
    }
    let mask = try context.mask(input.item, for: picture)
    let isInside = stage.region != .outside
    guard isInside || mask.values.contains(where: { $0 < 1 }) else {
      throw InputError("mask '\(input.item.name)' leaves nothing outside: measure inside, or choose another region")
    }
    let weights = isInside ? mask.tensor : 1 - mask.tensor
    image = picture.blended(over: reference, by: weights)
    share = weights.mean().item
  }

  private var name: String { stage.images.item.name }
  private var size: String { "\(image.shape[2])×\(image.shape[1])" }

  func value(_ measure: Measure) throws -> Double {
    switch measure {
    case .mae: return PixelMeasures.mae(image, try reference(measure)) / share
    case .psnr: return PixelMeasures.psnr(image, try reference(measure)) + 10 * log10(share)
    case .ssim:
      let side = PixelMeasures.ssimWindow
      guard image.shape[1] >= side, image.shape[2] >= side else {
        throw InputError("picture '\(name)' is \(size), but \(Measure.ssimRequirement)")
      }
      return PixelMeasures.ssim(image, try reference(measure))
    case .perceptual:
      let network = try network(stage.perceptual, measure)
      return network.distance(image, try reference(measure)).item
    case .diversity:
      let network = try network(stage.perceptual, measure)
      let others = try given(stage.population, measure).artifact.items.filter { $0.name != name }
      guard !others.isEmpty else { throw InputError("'diversity' needs at least two pictures in 'population'") }
      let distances = try others.map { other in
        let picture = try Picture.tensor(context.read(other), name: other.name)
        try require(picture, "'\(other.name)' of 'population'")
        return network.distance(image, picture).item
      }
      return distances.reduce(0, +) / Double(distances.count)
    case .sDir:
      let (clip, input) = try clip(measure)
      return try context.textDirection(
        from: stage.source, to: stage.target, in: stage.prompts.sentences, by: clip, at: input
      ).cosine(image, reference(measure), by: clip).item
    case .clipSimilarity:
      let (clip, input) = try clip(measure)
      let text = try context.textEmbedding(stage.target, in: stage.prompts.sentences, by: clip, at: input)
      return (clip.embedding(ofImages: image) * text).sum().item
    case .sc:
      let network = try network(stage.segmenter, measure)
      return NetworkMeasures.segmentationConsistency(image, try reference(measure), by: network)
    case .identity:
      let network = try network(stage.identity, measure)
      return NetworkMeasures.identity(image, try reference(measure), by: network)
    case .attributeAccuracy: return try verdict(image, measure).sees ? 1 : 0
    case .attributeProbability: return try verdict(image, measure).probability
    case .attributesPreserved, .allAttributesPreserved:
      let (now, before) = (try verdict(image, measure).others, try verdict(reference(measure), measure).others)
      let names = try stage.preserved.map { try known($0, among: now) } ?? Array(now.keys)
      let kept = names.count { now[$0] == before[$0] }
      if measure == .allAttributesPreserved { return kept == names.count ? 1 : 0 }
      return Double(kept) / Double(max(1, names.count))
    }
  }

  /// What is at an input that `measure` needs; the declaration's check has made sure that it is there.
  private func given<Given>(_ input: Given?, _ measure: Measure) throws -> Given {
    guard let input else {
      let names = stage.needs(of: measure).map(\.name).joined(separator: ", ")
      throw InputError("'\(measure.rawValue)' needs the inputs \(names)")
    }
    return input
  }

  /// The network at an input, which takes pictures as large as this one.
  private func network<Content: NetworkContent>(_ input: Whole<Content>?, _ measure: Measure) throws -> Content.Loaded {
    let network = try context.network(try given(input, measure))
    if let network = network as? any PictureNetwork {
      try context.require(network, takes: image, for: measure.rawValue)
    }
    return network
  }

  private func clip(_ measure: Measure) throws -> (CLIPModel, at: Whole<CLIPs>) {
    let input = try given(stage.clip, measure)
    return (try context.clip(input, stage.looking.clipPreprocessing), input)
  }

  /// The picture at `reference` that belongs to this one, of the same size.
  private func reference(_ measure: Measure) throws -> Tensor {
    let reference = try context.picture(given(stage.reference, measure))
    try require(reference, "its reference")
    return reference
  }

  /// - Throws: where another picture is of another size.
  private func require(_ other: Tensor, _ role: String) throws {
    guard other.shape == image.shape else {
      throw InputError("picture '\(name)' is \(size), \(role) \(other.shape[2])×\(other.shape[1])")
    }
  }

  /// - Throws: where the classifier was not asked about one of these attributes.
  private func known(_ names: [String], among others: [String: Int]) throws -> [String] {
    for name in names where others[name] == nil {
      throw InputError(
        "the classifier knows no attribute '\(name)': expected one of \(others.keys.sorted().joined(separator: ", "))")
    }
    return names
  }

  /// What the classifier says about `attributes`, and its answers to all other questions, by their names.
  private func verdict(
    _ image: Tensor, _ measure: Measure
  ) throws -> (sees: Bool, probability: Double, others: [String: Int]) {
    let classifier = try network(stage.classifier, measure)
    var wanted = Dictionary(uniqueKeysWithValues: stage.attributes.entries.map { ($0.name, $0.value) })
    var sees = true
    var probability = 1.0
    var others: [String: Int] = [:]
    for (head, logits) in zip(classifier.configuration.heads, classifier(image)) {
      guard logits.isFinite else {
        throw ResultError(
          "what the classifier says of the \(head.name) of '\(name)' is no number: load another classifier"
        )
      }
      let answer = NetworkMeasures.labels(logits)[0]
      guard let value = wanted.removeValue(forKey: head.name) else {
        others[head.name] = answer
        continue
      }
      guard let index = head.values.firstIndex(of: value) else {
        throw InputError(
          "the classifier knows no \(head.name) '\(value)': expected one of \(head.values.joined(separator: ", "))")
      }
      sees = sees && answer == index
      probability *= logits.softmax().doubleValues[index]
    }
    guard wanted.isEmpty else {
      throw InputError(
        "the classifier knows no attribute '\(wanted.keys.sorted()[0])': expected one of \(classifier.configuration.heads.map(\.name).joined(separator: ", "))"
      )
    }
    return (sees, probability, others)
  }
}
