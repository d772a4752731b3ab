import ArtifactStore
import Checkpoints
import Escaping
import Foundation
import Imaging
import Networks
import StageKit

/// `load`: the only way for anything from outside into a recipe.
let load = StageKind(
  name: "load",
  summary: "Brings pictures, a model, latents or a table from files into the recipe.",
  revision: 1,
  parameters: sources.map { type in
    Parameter(
      type.rawValue, .path([.images, .latents, .table].contains(type) ? .files : .fileOrFolder), .optional,
      endings: sourceEndings(type), help: sourceHelp(type))
  } + [
    Parameter(
      "size", .int(8...4096), .optional,
      help:
        "Side of the square that pictures are brought to: the short side is scaled, the center of the long one kept."),
    Parameter(
      "preset", .choice(DiffusionPreset.allCases.map(\.rawValue)), .optional,
      help: "Which of the paper's diffusion models it is: what its tensors do not tell, such as its resolution."),
    Parameter(
      "resolution", .int(8...8192), .optional,
      help: "Side of a diffusion model's pictures, or at which a segmenter works, where its file does not tell."),
    Parameter(
      "groups", .int(1...1024), .optional,
      help: "Groups of a diffusion model's normalizations, where its file does not tell; 32 unless given."),
    Parameter(
      "head_channels", .int(1...4096), .optional,
      help: "Channels of each head of attention of a guided-diffusion model; 64 unless given."),
    Parameter(
      "attention_order", .choice(GuidedUNet.Configuration.AttentionOrder.allCases.map(\.rawValue)), .optional,
      help:
        "How a guided-diffusion model keeps queries, keys and values: legacy, head by head, as those published; or new."
    ),
    Parameter(
      "class", .int(0...1_000_000), .optional,
      help:
        "The class that a guided-diffusion model is asked for; without, it ignores its classes, as the official code."
    ),
    Parameter(
      "activation", .choice(["quick_gelu", "gelu"]), .optional,
      help: "Of a CLIP's transformers, where no file beside its weights tells; quick_gelu, as OpenAI's, unless given."),
    Parameter(
      "sha256", .string, .optional,
      help: "What the file's SHA-256 must be; 64 hexadecimal digits. For one file."),
  ],
  outputs: { parameters in
    sources.filter { parameters[$0.rawValue] != nil }.map { OutputPort($0.rawValue, $0) }
  },
  mapping: .files(of: "images"),
  estimate: { input in
    guard let type = sources.first(where: { input.parameters[$0.rawValue] != nil }) else {
      return input.estimate()
    }
    let seen = SourcesAhead(input, as: type)
    let side = input.parameters["size"]?.int
    let sizes = side.map { side in seen.sizes?.mapValues { _ in PictureSize(width: side, height: side) } } ?? seen.sizes
    return input.estimate(
      bytes: side.map(pictureBytes) ?? seen.bytes / input.actions, side: side,
      flopPerEvaluation: seen.diffusion?.flopPerEvaluation, sizes: sizes, resolution: seen.diffusion?.resolution,
      texts: seen.texts, columns: seen.columns
    ).complaining(seen.complaints)
  },
  check: { draft in
    let given = sources.filter { draft.parameters[$0.rawValue] != nil }
    var complaints: [ValidationIssue] = []
    if given.count != 1 {
      let names = sources.map(\.rawValue).joined(separator: ", ")
      complaints.append(
        ValidationIssue(about: given.dropFirst().first?.rawValue, "load takes exactly one source of \(names)"))
    }
    if draft.parameters["size"] != nil, given.first != .images {
      complaints.append(ValidationIssue(about: "size", "only pictures have a size: remove it, or load images"))
    }
    for (name, types) in modelHints where draft.parameters[name] != nil && !types.contains(where: given.contains) {
      let names = types.map(\.rawValue).joined(separator: " or ")
      complaints.append(
        ValidationIssue(about: name, "'\(name)' is about a published model: remove it, or load \(names)"))
    }
    if let pin = draft.parameters["sha256"]?.string, Digest(hex: pin) == nil {
      complaints.append(ValidationIssue(about: "sha256", "expected 64 hexadecimal digits"))
    }
    if draft.parameters["sha256"] != nil, let type = given.first?.rawValue, let count = draft.fileCounts[type],
      count > 1
    {
      complaints.append(
        ValidationIssue(
          about: "sha256", "'sha256' pins one file, but '\(type)' names \(count): name one file, or leave it out"))
    }
    return complaints
  },
  run: { context in
    guard let type = sources.first(where: { context.parameters[$0.rawValue] != nil }) else { return }
    let files = context.files(type.rawValue)
    if let pin = context.parameters["sha256"]?.string { try verify(files, against: pin) }
    switch type {
    case .images:
      for file in files { try loadPicture(file, context) }
    case .latents:
      for file in files {
        let data = try context.read(file)
        try readingInput { try checkLatent(data, file.path) }
        try context.write(data, item: file.name, to: "latents")
      }
    case .table:
      try context.write(tableData(files, context), item: "", to: "table")
    default:
      let data = try modelData(files, type, context)
      try context.write(data, item: "", to: type.rawValue)
    }
  })

private let sources: [ArtifactType] = [
  .images, .diffusion, .clip, .identity, .segmenter, .perceptual, .classifier, .latents, .table,
]

/// Parameters that say what the file of a model does not, and of which models.
private let modelHints: [(String, [ArtifactType])] = [
  ("preset", [.diffusion]), ("resolution", [.diffusion, .segmenter]), ("groups", [.diffusion]),
  ("head_channels", [.diffusion]), ("attention_order", [.diffusion]), ("class", [.diffusion]),
  ("activation", [.clip]),
]

private func sourceEndings(_ type: ArtifactType) -> [String] {
  switch type {
  case .images: ["jpeg", "jpg", "png"]
  case .latents: ["safetensors"]
  case .table: ["csv"]
  default: []
  }
}

private func sourceHelp(_ type: ArtifactType) -> String {
  switch type {
  case .images: "Pictures: a PNG or JPEG file, a glob, or a list of those."
  case .latents:
    "Latents, as exported, or noise for `perturb` and `sample`: safetensors files, a glob, or a list of those."
  case .table:
    "A table: a CSV file with a header, a glob, or a list of those; several, with the same columns, make one table in the order of their names."
  case .clip: "A CLIP: a folder with its weights and merges.txt (or OpenAI's vocabulary), or one file that holds both."
  case .diffusion: "The diffusion network's file or folder, as published or made by `train` and `finetune`."
  case .perceptual: "The perceptual network's file, or a folder with LPIPS's weights and torchvision's network."
  default: "The \(type.rawValue) network's file or folder, as published or made by `train`."
  }
}

private func verify(_ files: [SourceFile], against pin: String) throws {
  guard files.count == 1 else { throw InputError("sha256 pins one file, but \(files.count) are loaded") }
  guard files[0].digest == Digest(hex: pin) else {
    throw InputError(
      "\(files[0].path): its SHA-256 is \(files[0].digest), expected \(pin): fetch the file that the recipe was written for, or change the pin"
    )
  }
}

private func loadPicture(_ file: SourceFile, _ context: any StageContext) throws {
  let data = try context.read(file)
  var image = try readingInput { try Image(decoding: data, name: file.path) }
  if let size = context.parameters["size"]?.int { image = image.squared(size: size) }
  try context.write(Picture.data(image), item: file.name, to: "images")
}

private func checkLatent(_ data: Data, _ path: String) throws {
  let file = try Safetensors.read(data, from: path)
  if file.tensors["noise"] != nil { _ = try Noise(file, name: path) }
  if file.tensors["noise"] == nil || file.tensors["latent"] != nil { _ = try Latent(file, name: path) }
}

/// The bytes of one table as they are; several tables below each other, in the order of the files' names.
private func tableData(_ files: [SourceFile], _ context: any StageContext) throws -> Data {
  let tables = try files.map { (path: $0.path, data: try context.read($0)) }
  let joined = try CSV(joining: tables)
  return tables.count == 1 ? tables[0].data : Data(joined.text.utf8)
}

extension CSV {
  /// The tables in files, below each other.
  /// - Throws: `InputError` where one is no table, or has other columns than the first.
  init(joining files: [(path: String, data: Data)]) throws {
    let tables = try files.map { file in
      guard let table = CSV(file.data) else {
        let found = file.data.isEmpty ? "; it is empty" : ""
        throw InputError(
          "\(file.path): expected a table as CSV: a header, then rows of as many cells, quotes closed\(found)")
      }
      return table
    }
    let header = tables.first?.header ?? []
    if let (file, other) = zip(files, tables).first(where: { $1.header != header }) {
      throw InputError(
        "\(file.path): its columns are \(other.header.joined(separator: ", ")), but those of \(files[0].path) are \(header.joined(separator: ", ")): load tables with other columns apart"
      )
    }
    self.init(header: header, rows: tables.flatMap(\.rows))
  }
}

/// The bytes of a model: of a file that describes itself as they are, else what a published file holds, in the form of
/// one that does. A CLIP gets its tokenizer's merges.
private func modelData(_ files: [SourceFile], _ type: ArtifactType, _ context: any StageContext) throws -> Data {
  let (data, notes) = try readingInput { () throws -> (Data?, [String]) in
    let found = try ModelFiles(files.map { ($0.name, $0.path) })
    let model = try found.model(of: type, PublishedHints(context.parameters))
    let merges = try (model.network as? CLIP).map { try found.merges(for: $0) }
    let isOwn = found.state.architecture != nil
    let own = found.state.metadata.filter { !ModelOrigin.isPart($0.key) }
    if isOwn, files.count == 1, merges == own[Tokenizer.mergesEntry], own.count == found.state.metadata.count {
      try model.checkValues()
      return (nil, [])
    }
    var metadata = isOwn ? own : ["description": "read from a \(model.format)"]
    metadata[Tokenizer.mergesEntry] = merges
    if merges != nil { metadata.merge(model.cleaning.metadata) { $1 } }
    return (try model.checkpointData(metadata: metadata), [found.state.note].compactMap { $0 } + model.notes)
  }
  for note in notes { context.log(note) }
  guard let data else { return try context.read(files[0]) }
  for file in files { try context.verify(file) }
  return data
}

extension PublishedHints {
  /// What a recipe says of a model that its tensors do not tell.
  init(_ parameters: Parameters) {
    self.init()
    preset = parameters["preset"]?.string.flatMap(DiffusionPreset.init(rawValue:))
    resolution = parameters["resolution"]?.int
    groups = parameters["groups"]?.int
    headChannels = parameters["head_channels"]?.int
    attentionOrder = parameters["attention_order"]?.string.flatMap(
      GuidedUNet.Configuration.AttentionOrder.init(rawValue:))
    label = parameters["class"]?.int
    exactGELU = parameters["activation"]?.string.map { $0 == "gelu" }
  }
}

/// Makes sense of a file from outside: whatever is wrong with it is the user's to mend.
func readingInput<Read>(_ read: () throws -> Read) throws -> Read {
  do { return try read() } catch let error as InputError { throw error } catch { throw InputError("\(error)") }
}
