import ArtifactStore
import StageKit

/// Stage kinds that only plan: one with every sort of parameter and port among them.
enum TestKinds {
  static let all = [load, invert, finetune, sample, metric, figure]

  static let load = StageKind(
    name: "load", summary: "Brings something in.", revision: 1,
    parameters: [
      Parameter("images", .path(.files), .optional, endings: ["jpeg", "jpg", "png"], help: "pictures"),
      Parameter("diffusion", .path(.file), .optional, help: "a checkpoint"),
      Parameter("clip", .path(.fileOrFolder), .optional, help: "a checkpoint, or a folder of one"),
      Parameter("size", .int(8...1024), .defaulting(.int(64)), help: "pixels a side"),
      Parameter("sha256", .string, .optional, isSemantic: false, help: "the digest that the file must have"),
    ],
    outputs: { parameters in
      let types: [(String, ArtifactType)] = [("images", .images), ("diffusion", .diffusion), ("clip", .clip)]
      return types.filter { parameters[$0.0] != nil }.map { OutputPort($0.0, $0.1) }
    },
    mapping: .files(of: "images"),
    check: { draft in
      let given = ["images", "diffusion", "clip"].filter { draft.parameters[$0] != nil }
      return given.count == 1
        ? [] : [ValidationIssue(about: given.last, "name exactly one of images, diffusion and clip")]
    },
    run: { _ in })

  static let invert = StageKind(
    name: "invert", summary: "Pictures to latents.", revision: 1,
    inputs: [
      Port("images", .images, help: "what to invert"),
      Port("model", .diffusion, help: "the noise predictor"),
    ],
    parameters: [
      Parameter("return_step", .int(1...1000), .defaulting(.int(500)), help: "where to stop"),
      Parameter("steps", .int(1...1000), .required, help: "how many steps"),
      Parameter("threads", .int(1...64), .optional, isSemantic: false, help: "how many threads"),
    ],
    outputs: { _ in [OutputPort("latents", .latents)] }, mapping: .items(of: "images"), run: { _ in })

  static let finetune = StageKind(
    name: "finetune", summary: "A model guided by text.", revision: 1,
    inputs: [
      Port("model", .diffusion, help: "what to start from"),
      Port("latents", .latents, help: "what to train on"),
      Port("clip", .clip, arity: .optional, help: "the guide"),
    ],
    parameters: [
      Parameter("target", .string, .required, help: "what to make of them"),
      Parameter("rate", .double(0...1), .defaulting(.double(1e-5)), help: "learning rate"),
      Parameter("efficient", .bool, .defaulting(.bool(false)), help: "step by step"),
      Parameter("schedule", .choice(["constant", "linear"]), .defaulting(.string("linear")), help: "of the rate"),
      Parameter("layers", .list(.int(0...12)), .optional, help: "which layers learn"),
      Parameter("losses", .map(.double(0...10)), .optional, help: "weights of losses"),
      Parameter("masks", .map(.path(.file)), .optional, help: "pictures of where to look"),
    ],
    outputs: { _ in [OutputPort("model", .diffusion), OutputPort("losses", .table)] }, run: { _ in })

  static let sample = StageKind(
    name: "sample", summary: "Latents to pictures.", revision: 1,
    inputs: [
      Port("latents", .latents, help: "where to start"),
      Port("model", .diffusion, arity: .optional, help: "the noise predictor"),
      Port("models", .diffusion, arity: .mixture, help: "several noise predictors"),
    ],
    parameters: [
      Parameter("normalize", .bool, .defaulting(.bool(false)), help: "divide the weights by their sum")
    ],
    outputs: { _ in [OutputPort("images", .images)] }, mapping: .items(of: "latents"),
    check: { draft in
      (draft.inputs["model"] == nil) == (draft.inputs["models"] == nil)
        ? [ValidationIssue(about: "models", "give either model or models")] : []
    }, run: { _ in })

  static let metric = StageKind(
    name: "metric", summary: "Numbers of pictures.", revision: 1,
    inputs: [
      Port("images", .images, help: "what to measure"),
      Port("reference", .images, arity: .optional, isAligned: true, help: "what to compare with"),
    ],
    parameters: [
      Parameter("measures", .list(.choice(["mae", "ssim", "s_dir"])), .required, help: "which numbers")
    ],
    outputs: { _ in [OutputPort("metrics", .metrics)] }, mapping: .items(of: "images"), run: { _ in })

  static let figure = StageKind(
    name: "figure", summary: "A grid of pictures.", revision: 1,
    inputs: [Port("rows", .images, .latents, arity: .list, help: "what to show")],
    parameters: [Parameter("title", .string, .optional, help: "above the grid")],
    outputs: { _ in [OutputPort("figure", .figure)] }, run: { _ in })
}
