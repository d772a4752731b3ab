import ArtifactStore
import Checkpoints
import Foundation
import Imaging
import StageKit

/// `load`: the only way for anything from outside into a recipe.
let load = StageKind(
  name: "load",
  summary: "Brings pictures, a model, latents or a table from files into the recipe.",
  revision: 1,
  parameters: sources.map { type in
    Parameter(
      type.rawValue, .path(type == .images || type == .latents ? .files : .fileOrFolder), .optional,
      help: sourceHelp(type))
  } + [
    Parameter(
      "size", .int(8...4096), .optional,
      help:
        "Side of the square that pictures are brought to: the short side is scaled, the centre of the long one kept."),
    Parameter(
      "sha256", .string, .optional,
      help: "What the file's SHA-256 must be; 64 hexadecimal digits. For one file."),
  ],
  outputs: { parameters in
    sources.filter { parameters[$0.rawValue] != nil }.map { OutputPort($0.rawValue, $0) }
  },
  mapping: .files(of: "images"),
  check: { draft in
    let given = sources.filter { draft.parameters[$0.rawValue] != nil }
    var complaints: [Complaint] = []
    if given.count != 1 {
      let names = sources.map(\.rawValue).joined(separator: ", ")
      complaints.append(
        Complaint(about: given.dropFirst().first?.rawValue, "load takes exactly one source of \(names)"))
    }
    if draft.parameters["size"] != nil, given.first != .images {
      complaints.append(Complaint(about: "size", "only pictures have a size: remove it, or load images"))
    }
    if let pin = draft.parameters["sha256"]?.string, Digest(hex: pin) == nil {
      complaints.append(Complaint(about: "sha256", "expected 64 hexadecimal digits"))
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
        _ = try readingInput { try Latent(data, name: file.path) }
        try context.write(data, item: file.name, to: "latents")
      }
    case .table:
      let (data, path) = try onlyFile(files, context)
      guard CSV(String(decoding: data, as: UTF8.self)) != nil else {
        throw InputError("\(path): expected a table as CSV: a header, then rows of as many cells, quotes closed")
      }
      try context.write(data, item: "", to: "table")
    default:
      let data = try modelData(files, type, context)
      try context.write(data, item: "", to: type.rawValue)
    }
  })

private let sources: [ArtifactType] = [
  .images, .diffusion, .clip, .identity, .segmenter, .perceptual, .judge, .latents, .table,
]

private func sourceHelp(_ type: ArtifactType) -> String {
  switch type {
  case .images: "Pictures: a PNG or JPEG file, a glob, or a list of those."
  case .latents: "Latents, as exported: safetensors files, a glob, or a list of those."
  case .table: "A table: a CSV file with a header."
  case .clip: "A CLIP: a folder with model.safetensors and merges.txt, or one safetensors file that holds both."
  default: "The \(type.rawValue) network's file: safetensors that describe their architecture."
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

private func onlyFile(_ files: [SourceFile], _ context: any StageContext) throws -> (Data, String) {
  guard files.count == 1 else {
    throw InputError("expected one file, found \(files.count): \(files.prefix(4).map(\.path).joined(separator: ", "))")
  }
  return (try context.read(files[0]), files[0].path)
}

/// The bytes of a model, read strictly. A folder's tokenizer is put into the model's own metadata.
private func modelData(_ files: [SourceFile], _ type: ArtifactType, _ context: any StageContext) throws -> Data {
  if type == .clip, let weights = files.first(where: { $0.name == "model.safetensors" }) {
    guard let merges = files.first(where: { $0.name == "merges.txt" }) else {
      throw InputError("\(weights.path): no merges.txt beside it: a CLIP folder holds model.safetensors and merges.txt")
    }
    let weightData = try context.read(weights)
    let mergeData = try context.read(merges)
    return try readingInput {
      var checkpoint = try Safetensors.read(weightData, from: weights.path)
      checkpoint.metadata["merges"] = String(decoding: mergeData, as: UTF8.self)
      let data = try Safetensors.data(of: checkpoint)
      try Model.check(data, as: .clip, from: weights.path)
      return data
    }
  }
  let (data, path) = try onlyFile(files, context)
  try readingInput { try Model.check(data, as: type, from: path) }
  return data
}

/// Makes sense of a file from outside: whatever is wrong with it is the user's to mend.
private func readingInput<Read>(_ read: () throws -> Read) throws -> Read {
  do { return try read() } catch let error as InputError { throw error } catch { throw InputError("\(error)") }
}
