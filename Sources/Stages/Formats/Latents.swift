import ArtifactStore
import Checkpoints
import Diffusion
import Escaping
import Foundation
import StageKit
import Tensors

/// A latent x_{t₀} with the image it belongs to: [1, H, W, 3] each; or several together, [N, H, W, 3].
struct Latent {
  /// How the image comes back.
  enum Scheme {
    /// By any sampler.
    case free
    /// By two coupled states; `second` belongs to the time before t₀.
    case coupled(second: Tensor, Course)
    /// By adding to each step of a stochastic generation what was kept of it.
    case stochastic(additions: [Tensor], Course)
    /// By DPM-Solver++.
    case multistep(Course)

    /// What is kept beside the latent.
    fileprivate var kept: [Tensor] {
      switch self {
      case .free, .multistep: []
      case .coupled(let second, _): [second]
      case .stochastic(let additions, _): additions
      }
    }

    /// The same with other tensors.
    fileprivate func keeping(_ kept: [Tensor]) -> Scheme {
      switch self {
      case .free, .multistep: self
      case .coupled(_, let course): .coupled(second: kept[0], course)
      case .stochastic(_, let course): .stochastic(additions: kept, course)
      }
    }

    /// What a latent's file calls it, and the steps in which the image comes back.
    fileprivate var course: (name: String, course: Course)? {
      switch self {
      case .free: nil
      case .coupled(_, let course): (Latent.coupled, course)
      case .stochastic(_, let course): (Latent.stochastic, course)
      case .multistep(let course): (Latent.multistep, course)
      }
    }
  }

  /// The steps in which alone the image comes back.
  struct Course: Hashable {
    let steps: Int
    let spacing: Step.Spacing
  }

  let latent: Tensor
  let image: Tensor
  /// t₀
  let returnStep: Int
  let scheme: Scheme

  init(latent: Tensor, image: Tensor, returnStep: Int, scheme: Scheme = .free) {
    self.latent = latent
    self.image = image
    self.returnStep = returnStep
    self.scheme = scheme
  }

  fileprivate static let (coupled, stochastic, multistep) = ("belm", "edit_friendly", "dpm_solver")

  /// In what latents have to be alike so that their images can be generated together.
  struct Way: Hashable {
    let shape: [Int]
    let returnStep: Int
    /// The name of the scheme; empty where any sampler will do.
    let scheme: String
    /// Nil where any steps will do.
    let course: Course?
  }

  var way: Way {
    let course = scheme.course
    return Way(shape: latent.shape, returnStep: returnStep, scheme: course?.name ?? "", course: course?.course)
  }

  /// Latents of one way, at least one, together.
  init(together parts: [Latent]) {
    func joined(_ part: (Latent) -> Tensor) -> Tensor { .concatenated(parts.map(part), axis: 0) }
    let kept = parts[0].scheme.kept.indices.map { place in joined { $0.scheme.kept[place] } }
    self.init(
      latent: joined(\.latent), image: joined(\.image), returnStep: parts[0].returnStep,
      scheme: parts[0].scheme.keeping(kept))
  }

  /// Safetensors with `latent` and `image` [H, W, 3], and the return step in the metadata. Where only one scheme brings
  /// the image back, also its name, its steps and their spacing in the metadata, and `second` [H, W, 3] or `additions`
  /// [steps, H, W, 3].
  /// - Throws: `ResultError` where a value is not finite; `name` is the item.
  func data(name: String) throws -> Data {
    for tensor in [latent, image] + scheme.kept {
      if let place = nonFinitePlace(in: tensor) {
        throw ResultError(
          "latent '\(name)' came out \(place): \(nonFiniteAdvice)")
      }
    }
    var file = CheckpointTensors(
      tensors: ["latent": Self.picture(latent), "image": Self.picture(image)],
      metadata: ["return_step": "\(returnStep)"])
    switch scheme {
    case .free, .multistep: break
    case .coupled(let second, _): file.tensors["second"] = Self.picture(second)
    case .stochastic(let additions, _): file.tensors["additions"] = .concatenated(additions, axis: 0)
    }
    if let (name, course) = scheme.course {
      file.metadata["method"] = name
      file.metadata["steps"] = "\(course.steps)"
      // The official one goes without saying, as in files that know no other.
      if course.spacing != .official { file.metadata["spacing"] = course.spacing.rawValue }
    }
    return try Safetensors.data(of: file)
  }

  init(_ data: Data, name: String) throws {
    try self.init(Safetensors.read(data, from: name), name: name)
  }

  init(_ file: CheckpointTensors, name: String) throws {
    let shapes = Dictionary(file.tensors.map { ($0.key, $0.value.shape) }) { first, _ in first }
    let outline = try Outline(shapes: shapes, metadata: file.metadata, name: name)
    func part(_ part: String) throws -> Tensor {
      guard let tensor = file.tensors[part] else { throw InputError("\(name): it has no tensor '\(part)'") }
      if let place = nonFinitePlace(in: tensor) {
        throw InputError("\(name): its tensor '\(part)' is \(place): make the latent again")
      }
      return tensor
    }
    let scheme: Scheme =
      switch (outline.way.scheme, outline.way.course) {
      case (Self.coupled, let course?): .coupled(second: Self.batch(try part("second")), course)
      case (Self.stochastic, let course?): .stochastic(additions: try part("additions").each, course)
      case (Self.multistep, let course?): .multistep(course)
      default: .free
      }
    self.init(
      latent: Self.batch(try part("latent")), image: Self.batch(try part("image")),
      returnStep: outline.way.returnStep, scheme: scheme)
  }

  /// What a latent's file tells before its values are read.
  struct Outline {
    /// With the shape [H, W, 3].
    let way: Way

    /// - Parameter name: the file or item, for messages.
    /// - Throws: `InputError` where no latent is described so.
    init(shapes: [String: [Int]], metadata: [String: String], name: String) throws {
      func bad(_ found: String) -> InputError {
        InputError(
          "\(name): expected a latent, safetensors with 'latent' and 'image' [H, W, 3] and the metadata 'return_step': "
            + found)
      }
      for part in ["latent", "image"] {
        guard let shape = shapes[part] else { throw bad("it has no '\(part)'") }
        guard shape.count == 3, shape[2] == 3, !shape.contains(0) else { throw bad("its '\(part)' is \(shape)") }
      }
      let shape = shapes["latent"] ?? []
      guard let image = shapes["image"], shape == image else {
        throw bad("its 'latent' is \(shape), its 'image' \(shapes["image"] ?? [])")
      }
      guard let text = metadata["return_step"] else { throw bad("its metadata have no 'return_step'") }
      guard let returnStep = Int(text), (1...999).contains(returnStep) else {
        throw bad("its 'return_step' is '\(text.abridged)', not a whole number from 1 to 999")
      }
      let steps = metadata["steps"].flatMap(Int.init) ?? 0
      func require(_ part: String, _ expected: [Int], _ what: String) throws {
        guard shapes[part] == expected, (1...1000).contains(steps) else {
          throw InputError("\(name): expected \(what) beside the latent, as its metadata say")
        }
      }
      let word = metadata["spacing"] ?? Step.Spacing.official.rawValue
      guard let spacing = Step.Spacing(rawValue: word) else {
        throw InputError(
          "\(name): the spacing '\(word.abridged)' of this latent is not known: invert the picture again")
      }
      let scheme = metadata["method"] ?? ""
      switch scheme {
      case "": break
      case Latent.coupled: try require("second", shape, "a second state 'second' \(shape) and 'steps'")
      case Latent.stochastic:
        let expected = [steps] + shape
        try require("additions", expected, "what each of its steps adds, 'additions' \(expected)")
      case Latent.multistep: try require("latent", shape, "its 'steps', from 1 to 1000,")
      default:
        throw InputError(
          "\(name): the method '\(scheme.abridged)' of this latent is not known: invert the picture again")
      }
      let course = scheme.isEmpty ? nil : Course(steps: steps, spacing: spacing)
      way = Way(shape: shape, returnStep: returnStep, scheme: scheme, course: course)
    }
  }

  private static func picture(_ x: Tensor) -> Tensor { x.reshaped(Array(x.shape.dropFirst())) }
  private static func batch(_ x: Tensor) -> Tensor { x.reshaped([1] + x.shape) }
}

/// Noise from outside, for processes that would draw their own: safetensors with `noise` [steps, H, W, 3].
struct Noise {
  /// [1, H, W, 3] for each step.
  let steps: [Tensor]

  init(_ file: CheckpointTensors, name: String) throws {
    try Self.check(file.tensors["noise"]?.shape, name: name)
    guard let noise = file.tensors["noise"] else { throw InputError("\(name): it has no tensor 'noise'") }
    if let place = nonFinitePlace(in: noise) {
      throw InputError("\(name): its tensor 'noise' is \(place): make the noise again")
    }
    steps = noise.each
  }

  /// - Throws: `InputError` where a tensor of this shape is no noise.
  static func check(_ shape: [Int]?, name: String) throws {
    guard let shape, shape.count == 4, shape[3] == 3, !shape.contains(0) else {
      let found = shape.map { ": it is \($0)" } ?? ""
      throw InputError("\(name): expected noise, safetensors with 'noise' [steps, H, W, 3]\(found)")
    }
  }
}

/// The noise of a stage that draws some: given, or drawn.
final class NoiseOptions: StagePart {
  @Input(help: "Noise to take instead of drawing it: loaded latents with a tensor 'noise' [steps, H, W, 3].")
  var noise: Matching<Latents>?

  /// Standard normal noise [1, H, W, 3] for each of `steps` steps: the one that is given, else drawn from `seed` and
  /// `subject`, the content of an item or its number, so that it depends on nothing else.
  func steps(
    _ shape: [Int], count: Int, seed: Int, for subject: String, _ context: any StageContext
  ) throws -> (_ step: Int) throws -> Tensor {
    guard let given = noise?.item else {
      var random = RandomSource(seed: UInt64(seed), name: subject)
      return { _ in random.normal(shape) }
    }
    let noise = try Noise(Safetensors.read(context.read(given), from: given.name), name: given.name).steps
    guard noise.count >= count, noise[0].shape == shape else {
      throw InputError(
        "noise '\(given.name)' is \([noise.count] + noise[0].shape.dropFirst()), expected \([count] + shape.dropFirst())"
      )
    }
    return { noise[$0] }
  }
}

extension StageContext {
  /// The latent of an item.
  func latent(_ input: some BoundItem<Latents>) throws -> Latent { try Latent(read(input.item), name: input.item.name) }
}
