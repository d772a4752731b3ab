import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import Foundation
import JSONSyntax
import Reporting
import StageKit
import Stages

struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Export what a stage of a recipe made as files for other programs.")

  @OptionGroup var recipe: RecipeOptions

  @Argument(help: ArgumentHelp("The stage, or one output of it.", valueName: "stage[.port]"))
  var name: String

  @Option(name: .customLong("to"), help: ArgumentHelp("The folder to write to.", valueName: "folder"), transform: path)
  var folder: String

  @Flag(help: "Of a set of which some items could not be made, write the others.")
  var partial = false

  @Flag(help: "Write networks in half precision: half the size, 11 significant bits.")
  var half = false

  @Option(
    help: ArgumentHelp(
      "How networks are written: safetensors; torch, a state dict for torch.load; or diffusers, a folder. Or jpeg: how pictures and figures are.",
      valueName: "format"))
  var format = ExportFormat.safetensors

  @Flag(
    help: """
      Write of a model that lora tuned what it learned, alone, for `load: {adapter: …, base: …}`. The file names the \
      model that it belongs to by its digest.
      """)
  var adapter = false

  @Option(
    help: ArgumentHelp("The license that a network's or picture's file is to say it is under.", valueName: "text"))
  var license: String?

  @Option(
    help: ArgumentHelp(
      "A metric stage whose means a network's or picture's file is to say as its measures.", valueName: "stage"))
  var measured: String?

  @Option(help: ArgumentHelp("Of --format jpeg: 1 to 100; \(Catalog.defaultQuality) unless given.", valueName: "count"))
  var quality: Int?

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if adapter, format != .safetensors { throw ValidationError("--adapter writes safetensors: leave --format out.") }
    if license?.isEmpty == true { throw ValidationError("--license must not be empty.") }
    guard let quality else { return }
    try require(quality, in: 1...100, "--quality")
    if format != .jpeg { throw ValidationError("--quality is for --format jpeg.") }
  }

  func run() async throws {
    try await reportingErrors {
      let isNew = !FileManager.default.fileExists(atPath: folder)
      try OutputPlace.requireFolder(folder, option: "--to")
      let files: [String]
      do {
        let plan = try recipe.plan()
        let inspection = try Inspection(of: plan, in: store.openToRead(for: plan))
        let formats = Program.formats(adapter ? .adapter : format, half: half, quality: quality)
        var sayings = try measured.map { try inspection.means(called: $0) } ?? [:]
        sayings["license"] = license
        let outputs = try inspection.outputs(called: name, partial: partial)
        files = try outputs.flatMap { try inspection.export($0, to: folder, formats: formats, saying: sayings) }
        for output in outputs where !output.missing.isEmpty {
          warn("\(output.name) is not whole: \(output.missing.quoted) could not be made")
        }
        try warnOfOthers(than: files)
      } catch {
        // Where there is nothing to write, no empty folder is left.
        if isNew { rmdir(folder) }
        throw error
      }
      if output.json {
        printLine(["files": .array(files.map(JSON.string))])
      } else {
        for file in files { printText(file + "\n") }
      }
    }
  }
}

extension ExportCommand {
  /// Tells of files of earlier exports beside a set's, which could be taken for its own.
  private func warnOfOthers(than files: [String]) throws {
    for (set, own) in Dictionary(grouping: files, by: \.parentFolder).sorted(by: { $0.key < $1.key })
    where !set.isSame(as: folder) {
      let names = Set(own.map(\.fileName))
      let others = try Files.entries(in: set).map(\.name).filter { !names.contains($0) }.sorted()
      if !others.isEmpty { warn("\(set) also has \(others.quoted), from before") }
    }
  }
}

extension ExportFormat: ExpressibleByArgument {}
