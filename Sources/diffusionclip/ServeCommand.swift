import ArgumentParser
import ArtifactStore
import Foundation
import Runs
import Serving

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Show the runs that are kept, and those that go on, as a page in a browser.",
    discussion: "Only for this machine: the address has a secret in it. Nothing can be changed through the page.")

  @OptionGroup var history: HistoryOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var serving: ServingOptions

  func run() async throws {
    try await reportingErrors {
      let server = RunServer(
        try history.history(), store: { try? store.openHere(access: .reading) }, formats: Program.formats)
      let signals = SignalWatch { server.stop() }
      defer { signals.cancel() }
      try server.run(port: serving.port) { address in printText("\(address)\n") }
    }
  }
}

/// How runs are served.
struct ServingOptions: ParsableArguments {
  @Option(help: "The port to listen at; any that is free by default.")
  var port: UInt16 = 0
}
