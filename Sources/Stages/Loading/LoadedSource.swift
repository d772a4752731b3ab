import ArtifactStore
import Networks
import StageKit

/// The one path that `load` is given, of a parameter for each type that files can hold: pictures, every sort of network
/// of the ``NetworkTable``, latents, tables; and for low-rank changes to a diffusion model.
final class LoadedSource: StageProperty {
  /// A parameter, and the type of what comes of the files that it names.
  struct Source: Equatable {
    let name: String
    let type: ArtifactType

    static let adapter = Source(name: "adapter", type: .diffusion)
  }

  static let sources =
    ([.images] + NetworkTable.types + [.latents, .table, .masks]).map { Source(name: $0.rawValue, type: $0) } + [
      .adapter
    ]

  /// Those whose parameter is given: one, in a recipe that is right.
  private(set) var given: [Source] = []
  /// The files of the first of them, in `run`.
  private(set) var files: [SourceFile] = []

  override func declare(in declaration: inout StageDeclaration) {
    declaration.parameters += Self.sources.map { source in
      ParameterDeclaration(
        source.name, .path(Self.form(source)), .optional, endings: Self.endings(source), help: Self.help(source))
    }
    declaration.mapping = .files(of: ArtifactType.images.rawValue)
  }

  override func bind(_ parameters: Parameters, _ context: (any StageContext)?) {
    given = Self.sources.filter { parameters[$0.name] != nil }
    files = given.first.flatMap { context?.files($0.name) } ?? []
  }

  private static func form(_ source: Source) -> ParameterDeclaration.PathKind {
    if source == .adapter { return .file }
    return [.images, .latents, .table, .masks].contains(source.type) ? .files : .fileOrFolder
  }

  private static func endings(_ source: Source) -> [String] {
    if source == .adapter { return ["safetensors"] }
    return switch source.type {
    case .images, .masks: ["jpeg", "jpg", "png"]
    case .latents: ["safetensors"]
    case .table: ["csv"]
    default: []
    }
  }

  private static func help(_ source: Source) -> String {
    if source == .adapter {
      return
        "A low-rank change to the diffusion model `base`, as `export --adapter` writes it: what comes of it is the changed model."
    }
    return switch source.type {
    case .images: "Pictures: a PNG or JPEG file, a glob, or a list of those."
    case .masks: "Masks, white where to edit: a gray PNG or JPEG file, a glob, or a list of those."
    case .latents:
      "Latents, as exported, or noise for `perturb` and `sample`: safetensors files, a glob, or a list of those."
    case .table:
      "A table: a CSV file with a header, a glob, or a list of those; several, with the same columns, make one table in the order of their names."
    default: NetworkTable.sorts.first { $0.type == source.type }?.help ?? ""
    }
  }
}

/// What a recipe says of a published model that its file does not.
final class ModelHints: StagePart {
  @Parameter(
    help: "Which of the paper's diffusion models it is: what its tensors do not tell, such as its resolution.")
  var preset: DiffusionPreset?
  @Parameter(
    8...8192,
    help: "Side of a diffusion model's pictures, or at which a segmenter works, where its file does not tell.")
  var resolution: Int?
  @Parameter(
    1...1024, help: "Groups of a diffusion model's normalizations, where its file does not tell; 32 unless given.")
  var groups: Int?
  @Parameter(1...4096, help: "Channels of each head of attention of a guided-diffusion model; 64 unless given.")
  var headChannels: Int?
  @Parameter(
    help:
      "How a guided-diffusion model keeps queries, keys and values: legacy, head by head, as those published; or new."
  )
  var attentionOrder: GuidedUNet.Configuration.AttentionOrder?
  @Parameter(
    0...1_000_000, name: "class",
    help: "The class that a guided-diffusion model is asked for; without, it ignores its classes, as the official code."
  )
  var label: Int?
  @Parameter(
    help:
      "Activation of a CLIP's transformers, where no file beside its weights tells; quick_gelu, as in OpenAI's models, unless given."
  )
  var activation: Activation?

  enum Activation: String, Choice {
    case quickGELU = "quick_gelu"
    case gelu
  }

  /// Issues about hints that no model of these types needs.
  func check(_ given: [ArtifactType]) -> [ValidationIssue] {
    let hints: [(hint: StageProperty, isGiven: Bool, types: [ArtifactType])] = [
      ($preset, preset != nil, [.diffusion]), ($resolution, resolution != nil, [.diffusion, .segmenter]),
      ($groups, groups != nil, [.diffusion]), ($headChannels, headChannels != nil, [.diffusion]),
      ($attentionOrder, attentionOrder != nil, [.diffusion]), ($label, label != nil, [.diffusion]),
      ($activation, activation != nil, [.clip]),
    ]
    return hints.filter { $0.isGiven && !$0.types.contains(where: given.contains) }.map { hint, _, types in
      let names = types.map(\.rawValue).joined(separator: " or ")
      return ValidationIssue(
        about: hint, "'\(hint.name)' is about a published model: remove it, or load \(names)")
    }
  }

  /// What a file does not tell of a model, as the reader of published models takes it.
  var hints: PublishedHints {
    var hints = PublishedHints()
    hints.preset = preset
    hints.resolution = resolution
    hints.groups = groups
    hints.headChannels = headChannels
    hints.attentionOrder = attentionOrder
    hints.label = label
    hints.exactGELU = activation.map { $0 == .gelu }
    return hints
  }
}

extension DiffusionPreset: Choice {}
extension GuidedUNet.Configuration.AttentionOrder: Choice {}
