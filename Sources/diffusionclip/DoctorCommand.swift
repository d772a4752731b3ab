import ArgumentParser
import ArtifactStore
import Cluster
import Engine
import Foundation
import Reporting
import StageKit

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Examine the program on this machine, and whether a folder can hold a store and be shared.",
    discussion: """
      Of the program it tells which libraries and kernels it uses, whether these multiply right, and which recipes came \
      with it. Exit status: 0 all that is needed is there and the folder is safe, 3 it is not so. What locks do not keep \
      apart is done twice, which is safe. The folder is left as it was found.
      """)

  @Argument(
    help: ArgumentHelp("The store's folder by default.", valueName: "folder"), completion: .directory, transform: path)
  var folder: String?

  @Option(
    name: .customLong("with"),
    help: ArgumentHelp(
      "Test it together with another machine; this command starts the program there, such as \"ssh node2\".",
      valueName: "command"))
  var command: String?

  @Option(name: .customLong("answer"), help: .hidden)
  var token: String?

  @OptionGroup var computing: ThreadOptions
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
        warn("interrupted; the folder is as it was")
        _exit(ExitStatus.interrupted.rawValue)
      }
      defer { signals.cancel() }
      let examination: Examination
      do { examination = try Doctor.examine(path, with: words.map { ($0, program) }, token: token) } catch {
        throw InputError("\(error)")
      }
      let checks = ProgramExamination.checks(threads: computing.threads)
      if output.json {
        printLine(
          .object(
            examination.members + [
              .init(
                "program",
                ["path": .string(program), "version": .string(version), "checks": .array(checks.map(\.json))])
            ]))
      } else {
        printText("\(program), version \(version)\n\(Summary.text(of: checks))\n\(Summary.text(of: examination))")
      }
      let isFit = !checks.contains { $0.finding == .unsafe || $0.finding == .missing && $0.name == "kernels" }
      if examination.verdict == .unsafe || !isFit { throw ExitCode(ExitStatus.expectationNotMet.rawValue) }
    }
  }
}
