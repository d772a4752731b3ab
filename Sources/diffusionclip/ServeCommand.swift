import ArgumentParser
import ArtifactStore
import Foundation
import Runs
import Serving
import StageKit

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Show the runs that are kept, and those that go on, as a page in a browser.",
    discussion: "Only for this machine: the address has a secret in it. Nothing can be changed through the page.")

  @OptionGroup var history: HistoryOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var serving: ServingOptions

  func run() async throws {
    try await reportingErrors {
      let history = try history.history()
      // Where runs are kept by default, the first may be on its way.
      guard self.history.runs == nil || FileManager.default.fileExists(atPath: history.path) else {
        throw InputError("there is no folder \(history.path): name the one that runs are kept in")
      }
      let server = RunServer(
        history, store: { try? store.openHere(access: .reading) }, formats: Program.formats)
      let signals = SignalWatch { server.stop() }
      defer { signals.cancel() }
      try server.run(port: serving.port) { address in
        warn("the runs in \(history.path), until Ctrl-C:")
        printText("\(address)\n")
      }
    }
  }
}

/// How runs are served.
struct ServingOptions: ParsableArguments {
  @Option(help: "The port to listen at; any that is free by default.")
  var port: UInt16 = 0
}
