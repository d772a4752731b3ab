import ArgumentParser
import Engine
import Escaping
import FileSystem
import Glibc
import RecipeSyntax

/// The version of the program, as `--version` and the provenance of everything made show it.
let version = "0.1.0"

/// Edits real photographs by text, as a recipe says.
@main
struct DiffusionCLIP: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diffusionclip",
    abstract: "Runs recipes of text-guided image editing with diffusion models.",
    discussion: """
      A recipe is a graph of typed stages. What a stage makes is kept in a store, named by its content, and only what \
      depends on a change is made again.

      Exit status: 0 done, 1 a stage failed, 2 the recipe or an input is wrong, 3 an expectation is not met, \
      64 wrong usage, 130 interrupted.
      """,
    version: version,
    subcommands: [
      RunCommand.self, PlanCommand.self, WhyCommand.self, CheckCommand.self, PinCommand.self, ShowCommand.self,
      ExportCommand.self,
      CompareCommand.self, RunsCommand.self, ServeCommand.self, GalleryCommand.self,
      DagCommand.self, RecipesCommand.self, WeightsCommand.self, KindsCommand.self, SchemaCommand.self,
      SubmitCommand.self, ExecCommand.self,
      DoctorCommand.self,
      PushCommand.self, PullCommand.self, BenchCommand.self, DevicesCommand.self, InspectCommand.self,
      VerifyCommand.self, GCCommand.self,
    ])

  /// Sees that the word in a command's place, also behind `help`, is one.
  /// - Throws: `ValidationError`; by itself ArgumentParser would complain of too many arguments, or take no notice.
  private static func requireCommand(_ arguments: some Collection<String>) throws {
    let names = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    let word = arguments.first == "help" ? arguments.dropFirst().first : arguments.first
    guard let word, !word.begins(with: "-"), !names.contains(word) else { return }
    // For the release after the one that renamed them.
    if let successor = ["diff": "compare"][word] {
      throw ValidationError("'\(word)' is now '\(successor)': see 'help \(successor)'")
    }
    let meant = Suggestion.question(about: word, in: names).map { "; \($0)" } ?? ""
    throw ValidationError("no such command '\(word.abridged)'\(meant)")
  }

  /// As ArgumentParser's own, but that nothing of the command line that a message repeats acts on a terminal.
  static func main() async {
    guard Limits.canOpen(16) else {
      warn("Error: hardly any file can be opened" + Limits.advice(EMFILE))
      exit(withError: ExitCode(ExitStatus.wrongInput.rawValue))
    }
    do {
      try requireCommand(CommandLine.arguments.dropFirst())
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      let message = fullMessage(for: error)
      let code = exitCode(for: error)
      if !message.isEmpty { code.isSuccess ? printText(message + "\n") : warn(message) }
      exit(withError: code)
    }
  }
}
