import ArtifactStore
import StageKit

/// Stage kinds that only plan: one with every sort of parameter and port among them.
enum TestKinds {
  static let load = StageKind(Load.self)
  static let all = [
    load, StageKind(Invert<One>.self), StageKind(Finetune.self), StageKind(Sample.self), StageKind(Metric.self),
    StageKind(Figure.self),
  ]

  enum Images: ArtifactContent { static let types: [ArtifactType] = [.images] }
  enum Latents: ArtifactContent { static let types: [ArtifactType] = [.latents] }
  enum ImagesOrLatents: ArtifactContent { static let types: [ArtifactType] = [.images, .latents] }
  enum Diffusion: ArtifactContent { static let types: [ArtifactType] = [.diffusion] }
  enum CLIPs: ArtifactContent { static let types: [ArtifactType] = [.clip] }
  enum Numbers: ArtifactContent { static let types: [ArtifactType] = [.metrics] }
  enum Tables: ArtifactContent { static let types: [ArtifactType] = [.table] }
  enum Figures: ArtifactContent { static let types: [ArtifactType] = [.figure] }

  struct Load: Stage {
    static let name = "load"
    static let summary = "Brings something in."
    static let revision = 1

    @Parameter(.files, endings: ["jpeg", "jpg", "png"], isMapped: true, help: "pictures") var images: SourceFiles?
    @Parameter(.file, help: "a checkpoint") var diffusion: SourceFiles?
    @Parameter(.fileOrFolder, help: "a checkpoint, or a folder of one") var clip: SourceFiles?
    @Parameter(8...1024, help: "pixels a side") var size = 64
    @Parameter(isSemantic: false, help: "the digest that the file must have") var sha256: String?

    private var given: [OutputPort] {
      let types: [(String, ArtifactType, isGiven: Bool)] = [
        ("images", .images, images != nil), ("diffusion", .diffusion, diffusion != nil), ("clip", .clip, clip != nil),
      ]
      return types.filter(\.isGiven).map { OutputPort($0.0, $0.1) }
    }

    var made: [OutputPort]? { given }

    func check(_ draft: StageDraft) -> [ValidationIssue] {
      given.count == 1
        ? [] : [ValidationIssue(about: given.last?.name, "name exactly one of images, diffusion and clip")]
    }

    func run(_ context: any StageContext) {}
  }

  /// A number that tells kinds apart which are the same otherwise.
  protocol Revision { static var number: Int { get } }
  enum One: Revision { static let number = 1 }
  enum Two: Revision { static let number = 2 }

  struct Invert<Number: Revision>: Stage {
    static var name: String { "invert" }
    static var summary: String { "Pictures to latents." }
    static var revision: Int { Number.number }

    @Input(help: "what to invert") var images: Each<Images>
    @Input(help: "the noise predictor") var model: Whole<Diffusion>
    @Parameter(1...1000, help: "where to stop") var returnStep = 500
    @Parameter(1...1000, help: "how many steps") var steps: Int
    @Parameter(1...64, isSemantic: false, help: "how many threads") var threads: Int?
    let latents = Output<Latents>()

    func run(_ context: any StageContext) {}
  }

  struct Finetune: Stage {
    static let name = "finetune"
    static let summary = "A model guided by text."
    static let revision = 1

    @Input(help: "what to start from") var model: Whole<Diffusion>
    @Input(help: "what to train on") var latents: Whole<Latents>
    @Input(help: "the guide") var clip: Whole<CLIPs>?
    @Parameter(help: "what to make of them") var target: String
    @Parameter(0...1, help: "learning rate") var rate = 1e-5
    @Parameter(help: "step by step") var efficient = false
    @Parameter(help: "of the rate") var schedule = Schedule.linear
    @Parameter(0...12, help: "which layers learn") var layers: [Int]?
    @Parameter(0...10, name: "losses", help: "weights of losses") var weights: NamedValues<Double>?
    @Parameter(.file, help: "pictures of where to look") var masks: NamedValues<SourceFiles>?
    let tuned = Output<Diffusion>(name: "model")
    let losses = Output<Tables>()

    enum Schedule: String, Choice { case constant, linear }

    func run(_ context: any StageContext) {}
  }

  struct Sample: Stage {
    static let name = "sample"
    static let summary = "Latents to pictures."
    static let revision = 1

    @Input(help: "where to start") var latents: Each<Latents>
    @Input(help: "the noise predictor") var model: Whole<Diffusion>?
    @Input(help: "several noise predictors") var models: Mixture<Whole<Diffusion>>?
    @Parameter(help: "divide the weights by their sum") var normalize = false
    let images = Output<Images>()

    func check(_ draft: StageDraft) -> [ValidationIssue] {
      draft.has($model) == draft.has($models)
        ? [ValidationIssue(about: $models, "give either model or models")] : []
    }

    func run(_ context: any StageContext) {}
  }

  struct Metric: Stage {
    static let name = "metric"
    static let summary = "Numbers of pictures."
    static let revision = 1

    @Input(help: "what to measure") var images: Each<Images>
    @Input(help: "what to compare with") var reference: Matching<Images>?
    @Parameter(help: "which numbers") var measures: [Measure]
    let metrics = Output<Numbers>()

    enum Measure: String, Choice {
      case mae, ssim
      case sDir = "s_dir"
    }

    func run(_ context: any StageContext) {}
  }

  struct Figure: Stage {
    static let name = "figure"
    static let summary = "A grid of pictures."
    static let revision = 1

    @Input(help: "what to show") var rows: [Labeled<ImagesOrLatents>]
    @Parameter(help: "above the grid") var title: String?
    let figure = Output<Figures>()

    func run(_ context: any StageContext) {}
  }
}
