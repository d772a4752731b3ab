import ArtifactStore
import Checkpoints
import Escaping
import Foundation
import JSONSyntax
import StageKit

/// The folder that a program works in, as it finds it:
///
/// ```
/// stage.json               what it is to do
/// blur.py …                copies of its files
/// inputs/NAME/ITEM.png     each item of a set; inputs/NAME.csv and the like for what is no set
/// outputs/NAME/            where it puts the items of a set; outputs/NAME.csv and the like for what is no set
/// tmp/
/// ```
struct ScriptFolder {
  let script: Script
  let context: any StageContext
  let path: String
  private let folder: Folder
  /// The items that each set among the outputs has; nil for any.
  let items: [String]?
  /// The input that has them.
  let itemSource: String?
  /// Of the pictures there, by item.
  private(set) var sizes: [String: PictureSize] = [:]

  /// The program's descriptor for progress.
  private static let progress = 3

  /// Whether a file of the program cannot be called so.
  static func isTaken(_ name: String) -> Bool { ["stage.json", "inputs", "outputs", "tmp"].contains(name) }

  static func fileName(_ item: String) -> String { FileName.safe(item) { Digest(of: $0).hex } }

  /// Makes it.
  /// - Throws: `StoreError`; `InputError` where an input cannot be laid out.
  init(_ script: Script, _ context: any StageContext) throws {
    self.script = script
    self.context = context
    path = try context.programFolder()
    folder = try Folder(at: path)
    let source = try Self.itemSource(of: script)
    itemSource = source?.label
    items = source?.artifact.items.map(\.name)
    for name in ["inputs", "outputs", "tmp"] { try Files.makeFolder(folder[name]) }
    for file in script.files?.files ?? [] {
      guard !Self.isTaken(file.name), !file.name.has("/"), ![".", "..", ""].contains(file.name) else {
        throw InputError("'\(file.name)' cannot be the name of a program's file: rename it")
      }
      try create(file.name, context.read(file), mode: 0o777)
    }
    let inputs = try script.inputs.members.map { try JSON.Member($0.label, layOut($0)) }
    let outputs = try script.outputs.entries.map { try JSON.Member($0.name, makeRoom(for: $0.value, $0.name)) }
    try create("stage.json", description(inputs: inputs, outputs: outputs).prettyData)
  }

  subscript(name: String) -> Place { folder[name] }

  private func create(_ name: String, _ data: Data, mode: mode_t = 0o666) throws {
    try Files.create(folder[name], data, mode: mode, isDurable: false)
  }

  private func description(inputs: [JSON.Member], outputs: [JSON.Member]) -> JSON {
    [
      "version": 1, "item": .optional(context.item), "inputs": .object(inputs), "outputs": .object(outputs),
      "parameters": .object(script.parameters.entries.map { JSON.Member($0.name, $0.value.value.json) }),
      "seed": .int(script.seed), "threads": .int(context.threads), "progress": .int(Self.progress),
    ]
  }

  // MARK: Items

  /// The input whose items each set among the outputs has; nil where they may be any.
  private static func itemSource(of script: Script) throws -> Labeled<AnyArtifact>? {
    if let name = script.each?.first ?? script.items {
      return script.inputs.members.first { $0.label == name }
    }
    let sets = script.inputs.members.filter(\.artifact.type.isItemSet)
    guard script.outputs.entries.contains(where: \.value.type.isItemSet), let first = sets.first else { return nil }
    let names = Set(first.artifact.items.map(\.name))
    if let other = sets.first(where: { Set($0.artifact.items.map(\.name)) != names }) {
      throw InputError(
        "the inputs '\(first.label)' and '\(other.label)' have different items: say whose items the outputs have, "
          + "such as items: \(first.label); or items: any")
    }
    return first
  }

  // MARK: Inputs

  /// Writes what is at an input; says of it where it is.
  private mutating func layOut(_ input: Labeled<AnyArtifact>) throws -> JSON {
    let (type, base) = (input.artifact.type, "inputs/\(input.label)")
    guard type.isItemSet else {
      let objects = try input.artifact.items.map { try context.read($0) }
      // A table's other forms are for people.
      let files = try Catalog.exported(objects, type, base).filter { type != .table || $0.name.ends(with: ".csv") }
      for file in files {
        if let parent = folder[file.name].parent { try Files.makeFolder(parent) }
        try create(file.name, file.data)
      }
      return ["type": .string(type.rawValue), "files": .array(files.map { .string($0.name) })]
    }
    try Files.makeFolder(folder[base])
    let items = try input.artifact.items.map { item -> JSON in
      try context.checkCancellation()
      let (data, ending, size) = try laidOut(context.read(item), type, item.name)
      if input.label == itemSource { sizes[item.name] = size }
      let file = "\(base)/\(Self.fileName(item.name))\(ending)"
      try create(file, data)
      return ["name": .string(item.name), "file": .string(file)]
    }
    return ["type": .string(type.rawValue), "items": .array(items)]
  }

  /// An item as its file.
  private func laidOut(
    _ data: Data, _ type: ArtifactType, _ name: String
  ) throws -> (data: Data, ending: String, size: PictureSize?) {
    switch type {
    case .images, .masks:
      let image = try Picture.image(data, name: name)
      return (try image.pngData(), ".png", PictureSize(width: image.width, height: image.height))
    case .latents:
      // Noise belongs to no picture.
      let shape = try Safetensors.read(data, from: name).tensors["image"]?.shape
      let size = shape.flatMap { $0.count == 3 ? PictureSize(width: $0[1], height: $0[0]) : nil }
      return (data, ".safetensors", size)
    default: return (data, ".json", nil)
    }
  }

  // MARK: Outputs

  /// Makes the folder of a set; says of the output where its files belong.
  private func makeRoom(for output: ScriptOutput, _ name: String) throws -> JSON {
    let (type, base) = (output.type, "outputs/\(name)")
    guard type.isItemSet else { return ["type": .string(type.rawValue), "file": .string(base + output.ending)] }
    try Files.makeFolder(folder[base])
    let items = items.map { items in
      JSON.array(
        items.map { ["name": .string($0), "file": .string("\(base)/\(Self.fileName($0))\(output.ending)")] })
    }
    return ["type": .string(type.rawValue), "folder": .string(base), "items": items ?? .null]
  }
}
