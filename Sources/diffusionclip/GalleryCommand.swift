import ArgumentParser
import ArtifactStore
import Engine
import JSONSyntax
import Reporting
import Runs

struct GalleryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gallery", abstract: "Write a page of Markdown with the figures and tables of runs, to be checked in.")

  @Argument(help: ArgumentHelp(RunHistory.nameHelp, valueName: "run"), completion: .directory, transform: path)
  var names: [String]

  @OptionGroup var history: HistoryOptions

  @Option(name: .customLong("to"), help: ArgumentHelp("The folder to write to.", valueName: "folder"), transform: path)
  var folder: String

  @Option(help: ArgumentHelp("The heading of the page.", valueName: "text"))
  var title = "Gallery"

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let gallery = try Gallery(of: names.map(history.history().run(called:)))
      try OutputPlace.requireFolder(folder, option: "--to")
      let files = try gallery.write(to: folder, title: title)
      if output.json {
        printLine(["files": .array(files.map(JSON.string))])
      } else {
        for file in files { printText(file + "\n") }
      }
    }
  }
}
