import ArtifactStore
import Checkpoints
import Escaping
import Foundation
import Imaging
import Networks
import StageKit

/// `load`: the only way for anything from outside into a recipe.
struct Load: Stage {
  static let name = "load"
  static let summary = "Brings pictures, a model, latents or a table from files into the recipe."
  static let revision = 3

  @Input(help: "The diffusion model that `adapter` is a change to.") var base: Whole<DiffusionModels>?
  let source = LoadedSource()
  @Parameter(
    8...4096,
    help:
      "What pictures are brought to: the side of a square, or [width, height]. They are scaled until they cover it, and the center is kept."
  )
  var size: PictureSize?
  @Parameter(
    help:
      "What pictures files say besides their pixels, EXIF with the place where they were taken, and color profiles. drop, unless given. keep: it stays with the picture, through `paste`, into exported files."
  )
  var metadata: Metadata?
  let model = ModelHints()
  @Parameter(help: "SHA-256 that the one file must have, as 64 hexadecimal digits.") var sha256: String?

  enum Metadata: String, Choice { case drop, keep }

  var made: [OutputPort]? { source.given.map { OutputPort($0.type.rawValue, $0.type) } }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let given = source.given
    var issues: [ValidationIssue] = []
    if given.count != 1 {
      let names = LoadedSource.sources.map(\.name).joined(separator: ", ")
      issues.append(
        ValidationIssue(about: given.dropFirst().first?.name, "load takes exactly one source of \(names)"))
    }
    let isAdapter = given.first == .adapter
    if isAdapter, draft[$base].isEmpty {
      issues.append(
        ValidationIssue(
          about: LoadedSource.Source.adapter.name,
          "an adapter is a change to a model: give 'base', the stage that loads the model it was tuned from"))
    }
    if !isAdapter, !draft[$base].isEmpty {
      issues.append(ValidationIssue(about: $base, "'base' is for 'adapter': remove it, or load an adapter"))
    }
    if size != nil, given.first?.type != .images {
      issues.append(ValidationIssue(about: $size, "only pictures have a size: remove it, or load images"))
    }
    if metadata != nil, given.first?.type != .images {
      issues.append(ValidationIssue(about: $metadata, "only pictures have metadata: remove it, or load images"))
    }
    issues += model.check(isAdapter ? [] : given.map(\.type))
    guard let sha256 else { return issues }
    if Digest(hex: sha256) == nil { issues.append(ValidationIssue(about: $sha256, "expected 64 hexadecimal digits")) }
    if let name = given.first?.name, let count = draft.fileCounts[name], count > 1 {
      issues.append(
        ValidationIssue(
          about: $sha256, "'sha256' pins one file, but '\(name)' names \(count): name one file, or leave it out"))
    }
    return issues
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    guard let given = source.given.first else { return input.estimate() }
    let seen = SourcesAhead(input, as: given, model.hints)
    let sizes = size.map { size in seen.sizes?.mapValues { _ in size } } ?? seen.sizes
    return input.estimate(
      bytes: size.map(pictureBytes) ?? seen.bytes / input.actions, size: size,
      flopPerEvaluation: seen.diffusion?.flopPerEvaluation ?? input[$base]?.flopPerEvaluation, sizes: sizes,
      taken: seen.diffusion?.taken ?? input[$base]?.taken,
      weights: seen.diffusion?.parameters.count ?? input[$base]?.weights,
      texts: seen.texts, columns: seen.columns
    ).reporting(seen.issues)
  }

  func run(_ context: any StageContext) throws {
    guard let given = source.given.first else { return }
    let (type, files) = (given.type, source.files)
    if let sha256 { try verify(files, against: sha256) }
    switch type {
    case _ where given == .adapter: try loadAdapter(files[0], context)
    case .images:
      for file in files { try loadPicture(file, context) }
    case .masks:
      for file in files {
        let mask = try readingInput { try Mask(context.read(file), name: file.path) }
        try context.write(mask.data, item: file.name, to: type.rawValue)
      }
    case .latents:
      for file in files {
        let data = try context.read(file)
        try readingInput { try checkLatent(data, file.path) }
        try context.write(data, item: file.name, to: type.rawValue)
      }
    case .table: try context.write(tableData(files, context), item: "", to: type.rawValue)
    default: try context.write(modelData(files, type, model.hints, context), item: "", to: type.rawValue)
    }
  }

  private func loadPicture(_ file: SourceFile, _ context: any StageContext) throws {
    let data = try context.read(file)
    var image = try readingInput { try Image(decoding: data, name: file.path) }
    if let size { image = image.covering(width: size.width, height: size.height) }
    let kept =
      try metadata == .keep ? readingInput { try PictureMetadata(ofFile: [UInt8](data), name: file.path) } : .none
    try context.write(Picture.data(image, kept), item: file.name, to: ArtifactType.images.rawValue)
  }

  /// Writes the change that a file holds, once it is sure that it is one to `base`, and attaches that.
  private func loadAdapter(_ file: SourceFile, _ context: any StageContext) throws {
    guard let base else { throw InputError("an adapter is a change to a model: give 'base'") }
    let port = ArtifactType.diffusion.rawValue
    let model = try context.network(base).copy()
    let data = try readingInput {
      var change = try Safetensors.read(context.read(file), from: file.path)
      try LowRankChange.check(change.metadata, file.path, base: base.artifact.items[0].object)
      _ = try LowRankChange(change, appliedTo: model)
      change.metadata = change.metadata.filter { !ModelOrigin.isPart($0.key) }
      return try Safetensors.data(of: change)
    }
    try context.write(data, item: "", to: port)
    for item in base.artifact.items { try context.attach(item, to: port) }
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

func checkLatent(_ data: Data, _ path: String) throws {
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
func modelData(
  _ files: [SourceFile], _ type: ArtifactType, _ hints: PublishedHints, _ context: any StageContext
) throws -> Data {
  let (data, notes) = try readingInput { () throws -> (Data?, [String]) in
    let found = try ModelFiles(files.map { ($0.name, $0.path) })
    let model = try found.model(of: type, hints)
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
    // What a file of this program says of its making is left out; its numbers stay as they are.
    let isHalf = isOwn && found.state.tensors.values.allSatisfy { $0.type == .f16 }
    let stored = try model.checkpointData(metadata: metadata, precision: isHalf ? .float16 : .float32)
    return (stored, [found.state.note].compactMap { $0 } + model.notes)
  }
  for note in notes { context.log(note) }
  guard let data else { return try context.read(files[0]) }
  for file in files { try context.verify(file) }
  return data
}

/// Makes sense of a file from outside: whatever is wrong with it is the user's to mend.
func readingInput<Read>(_ read: () throws -> Read) throws -> Read {
  do { return try read() } catch let error as InputError { throw error } catch { throw InputError("\(error)") }
}
