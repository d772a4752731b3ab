import ArtifactStore
import Foundation
import JSONSyntax
import Metrics
import Networks
import StageKit
import Tensors

/// `metric`: numbers about pictures, one set per picture.
let metric = StageKind(
  name: "metric",
  summary: "Measures pictures, alone or against a reference.",
  revision: 2,
  inputs: [
    Port("images", .images, help: "The pictures to measure."),
    Port(
      "reference", .images, arity: .optional, isAligned: true, help: "What to compare them with, picture by picture."),
    Port("population", .images, arity: .optional, help: "For diversity: the set that each picture is one of."),
    Port("clip", .clip, arity: .optional, help: "For s_dir."),
    Port("identity", .identity, arity: .optional, help: "For identity."),
    Port("segmenter", .segmenter, arity: .optional, help: "For sc."),
    Port("perceptual", .perceptual, arity: .optional, help: "For perceptual and diversity."),
    Port("classifier", .classifier, arity: .optional, help: "For the classifier's measures."),
  ],
  parameters: [
    Parameter(
      "measures", .list(.choice(Measure.allCases.map(\.rawValue))), .required,
      help: Measure.allCases.map { "\($0.rawValue): \($0.help)" }.joined(separator: " ")),
    Parameter("source", .string, .defaulting(.string("face")), help: "What the reference shows, for s_dir."),
    Parameter("target", .string, .defaulting(.string("")), help: "What the pictures shall show, for s_dir."),
    clipPreprocessingParameter,
    Parameter(
      "attributes", .map(.string), .defaulting(.map([:] as [String: Value])),
      help: "What the classifier shall see, such as {tan: tanned}; all of it."),
  ],
  outputs: { parameters in
    [OutputPort("metrics", .metrics, measures: parameters["measures"]?.list?.compactMap(\.string))]
  },
  mapping: .items(of: "images"),
  memory: MemoryNeed(megabytes: 256, perInputByte: 4),
  estimate: { input in
    let measures = (input.parameters["measures"]?.list ?? []).compactMap(\.string)
    var complaints =
      measures.contains(Measure.sDir.rawValue) ? input.complaints(aboutTexts: input.directionPrompts) : []
    let sizes = input["images"]?.sizes ?? [:]
    let side = PixelMeasures.ssimWindow
    let small = sizes.filter { min($0.value.width, $0.value.height) < side }.map(\.key).sorted()
    if measures.contains(Measure.ssim.rawValue), let name = small.first, let size = sizes[name] {
      complaints.append(ValidationIssue(about: "measures", "picture '\(name)' is \(size), but \(ssimRequirement)"))
    }
    return input.estimate().complaining(complaints)
  },
  check: { draft in
    let measures = (draft.parameters["measures"]?.list ?? []).compactMap { $0.string.flatMap(Measure.init(rawValue:)) }
    var complaints = draft.complaints(aboutEmpty: ["measures"])
    if Set(measures).count < measures.count {
      complaints.append(ValidationIssue(about: "measures", "'measures' has the same one twice: name each once"))
    }
    for measure in measures {
      for port in measure.needs where draft.inputs[port] == nil {
        complaints.append(ValidationIssue(about: "measures", "'\(measure.rawValue)' needs the input '\(port)': add it"))
      }
    }
    if measures.contains(.sDir), draft.parameters["target"]?.string == "" {
      complaints.append(
        ValidationIssue(about: "measures", "'s_dir' needs the parameter 'target': what the pictures shall show"))
    }
    if measures.contains(where: { $0.isAboutAttributes }), draft.parameters["attributes"]?.entries?.isEmpty ?? true {
      complaints.append(
        ValidationIssue(about: "measures", "the classifier's measures need 'attributes', such as {tan: tanned}"))
    }
    return complaints
  },
  run: { context in
    let image = try context.picture("images")
    let measures = (context.parameters["measures"]?.list ?? []).compactMap {
      $0.string.flatMap(Measure.init(rawValue:))
    }.uniqued
    let members = try measures.map { measure in
      JSON.Member(measure.rawValue, .double(try Gradients.off { try measure.value(image, context) }))
    }
    try context.write(Data(JSON.object(members).bytes), item: context.item ?? "", to: "metrics")
  })

private let ssimRequirement =
  "'ssim' needs at least \(PixelMeasures.ssimWindow)×\(PixelMeasures.ssimWindow) pixels, its window: load larger pictures, or leave 'ssim' out"

/// What `metric` can measure.
private enum Measure: String, CaseIterable {
  case mae, psnr, ssim, perceptual, diversity
  case sDir = "s_dir"
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
    case .sc: "share of pixels whose segmentation stays the same."
    case .identity: "cosine of the faces' embeddings."
    case .attributeAccuracy: "1 where the classifier sees all of `attributes`, else 0."
    case .attributeProbability: "the probability that the classifier gives to `attributes`."
    case .attributesPreserved: "share of the classifier's other attributes that are as in the reference."
    case .allAttributesPreserved: "1 where all other attributes are as in the reference, else 0."
    }
  }

  var needs: [String] {
    switch self {
    case .mae, .psnr, .ssim: ["reference"]
    case .perceptual: ["reference", "perceptual"]
    case .diversity: ["population", "perceptual"]
    case .sDir: ["reference", "clip"]
    case .sc: ["reference", "segmenter"]
    case .identity: ["reference", "identity"]
    case .attributeAccuracy, .attributeProbability: ["classifier"]
    case .attributesPreserved, .allAttributesPreserved: ["reference", "classifier"]
    }
  }

  var isAboutAttributes: Bool { needs.contains("classifier") }

  func value(_ image: Tensor, _ context: any StageContext) throws -> Double {
    switch self {
    case .mae: return PixelMeasures.mae(image, try reference(for: image, context))
    case .psnr: return PixelMeasures.psnr(image, try reference(for: image, context))
    case .ssim:
      let side = PixelMeasures.ssimWindow
      guard image.shape[1] >= side, image.shape[2] >= side else {
        throw InputError(
          "picture '\(context.item ?? "")' is \(image.shape[2])×\(image.shape[1]), but \(ssimRequirement)"
        )
      }
      return PixelMeasures.ssim(image, try reference(for: image, context))
    case .perceptual:
      let network = try required(context.network(.perceptual, "perceptual"))
      try context.require(network, takes: image, for: rawValue)
      return network.distance(image, try reference(for: image, context)).item
    case .diversity:
      let network = try required(context.network(.perceptual, "perceptual"))
      let others = (context.input("population")?.items ?? []).filter { $0.name != context.item }
      guard !others.isEmpty else { throw InputError("'diversity' needs at least two pictures in 'population'") }
      try context.require(network, takes: image, for: rawValue)
      let distances = try others.map { other in
        let picture = try Picture.tensor(context.read(other), name: other.name)
        try require(picture, "'\(other.name)' of 'population'", isAsLargeAs: image, context)
        return network.distance(image, picture).item
      }
      return distances.reduce(0, +) / Double(distances.count)
    case .sDir:
      let clip = try required(context.clip())
      try context.require(clip.network, takes: image, for: rawValue)
      return try context.textDirection(clip).cosine(image, reference(for: image, context), by: clip).item
    case .sc:
      let network = try required(context.network(.segmenter, "segmenter"))
      try context.require(network, takes: image, for: rawValue)
      return NetworkMeasures.segmentationConsistency(image, try reference(for: image, context), by: network)
    case .identity:
      let network = try required(context.network(.identity, "identity"))
      try context.require(network, takes: image, for: rawValue)
      return NetworkMeasures.identity(image, try reference(for: image, context), by: network)
    case .attributeAccuracy: return try verdict(image, context).sees ? 1 : 0
    case .attributeProbability: return try verdict(image, context).probability
    case .attributesPreserved, .allAttributesPreserved:
      let (now, before) = (try verdict(image, context), try verdict(reference(for: image, context), context))
      let kept = zip(now.others, before.others).count { $0 == $1 }
      if self == .allAttributesPreserved { return kept == now.others.count ? 1 : 0 }
      return Double(kept) / Double(max(1, now.others.count))
    }
  }

  /// The picture at `reference` that belongs to this one, of the same size.
  private func reference(for image: Tensor, _ context: any StageContext) throws -> Tensor {
    let reference = try context.picture("reference")
    try require(reference, "its reference", isAsLargeAs: image, context)
    return reference
  }

  private func require(
    _ other: Tensor, _ name: String, isAsLargeAs image: Tensor, _ context: any StageContext
  ) throws {
    guard other.shape == image.shape else {
      throw InputError(
        "picture '\(context.item ?? "")' is \(image.shape[2])×\(image.shape[1]), \(name) \(other.shape[2])×\(other.shape[1])"
      )
    }
  }

  /// The declaration's check has made sure that the input is there.
  private func required<Network>(_ network: Network?) throws -> Network {
    guard let network else { throw InputError("'\(rawValue)' needs the inputs \(needs.joined(separator: ", "))") }
    return network
  }

  /// What the classifier says about `attributes`, and its answers to all other questions.
  private func verdict(
    _ image: Tensor, _ context: any StageContext
  ) throws -> (
    sees: Bool, probability: Double, others: [Int]
  ) {
    let classifier = try required(context.network(.classifier, "classifier"))
    try context.require(classifier, takes: image, for: rawValue)
    var wanted = Dictionary(
      uniqueKeysWithValues: (context.parameters["attributes"]?.entries ?? []).map { ($0.key, $0.value.string ?? "") })
    var sees = true
    var probability = 1.0
    var others: [Int] = []
    for (head, logits) in zip(classifier.configuration.heads, classifier(image)) {
      guard logits.isFinite else {
        throw ResultError(
          "what the classifier says of the \(head.name) of '\(context.item ?? "")' is no number: load another classifier"
        )
      }
      let answer = NetworkMeasures.labels(logits)[0]
      guard let value = wanted.removeValue(forKey: head.name) else {
        others.append(answer)
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
