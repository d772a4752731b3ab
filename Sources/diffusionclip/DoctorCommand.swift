import ArgumentParser
import ArtifactStore
import Cluster
import Engine
import Foundation
import Reporting
import StageKit

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Try in a folder all that a store needs, and say whether machines may share it.",
    discussion: """
      Exit status: 0 it is safe, 3 it is not. What locks do not keep apart is done twice, which is safe. The folder is \
      left as it was found.
      """)

  @Argument(
    help: ArgumentHelp("The store's folder by default.", valueName: "folder"), completion: .directory, transform: path)
  var folder: String?

  @Option(
    name: .customLong("with"),
    help: ArgumentHelp(
      "Try it together with another machine, on which this starts the program: such as \"ssh node2\".",
      valueName: "command"))
  var command: String?

  @Option(name: .customLong("answer"), help: .hidden)
  var token: String?

  @OptionGroup var store: StoreOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let command, command.split(separator: " ").isEmpty {
      throw ValidationError("--with must be a command that starts a program on another machine.")
    }
    if let token, Answerer(token: token, folder: "/") == nil {
      throw ValidationError("--answer is for `doctor` alone.")
    }
  }

  func run() async throws {
    let here = FileManager.default.currentDirectoryPath
    let named = folder ?? Store.location(explicit: store.store, recipe: here + "/recipe")
    let path = named.hasPrefix("/") ? named : here + "/" + named
    if let token {
      Answerer(token: token, folder: path)?.run(question: { readLine() }, output: printText)
      return
    }
    try await reportingErrors {
      let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      let words = command?.split(separator: " ").map(String.init)
      let token = UUID().uuidString
      let signals = SignalWatch {
        Doctor.cleanUp(after: token, in: path)
        complain("interrupted; the folder is as it was")
        _exit(ExitStatus.interrupted.rawValue)
      }
      defer { signals.cancel() }
      let examination: Examination
      do { examination = try Doctor.examine(path, with: words.map { ($0, program) }, token: token) } catch {
        throw InputError("\(error)")
      }
      if output.json { printLine(examination.json) } else { printText(Summary.text(of: examination)) }
      if examination.verdict == .unsafe { throw ExitCode(ExitStatus.expectationNotMet.rawValue) }
    }
  }
}
