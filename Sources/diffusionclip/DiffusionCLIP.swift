import ArgumentParser

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
      RunCommand.self, PlanCommand.self, WhyCommand.self, CheckCommand.self, ShowCommand.self, ExportCommand.self,
      DiffCommand.self, GalleryCommand.self,
      DagCommand.self, KindsCommand.self, SchemaCommand.self, SubmitCommand.self, ExecCommand.self, DoctorCommand.self,
      PushCommand.self, PullCommand.self, BenchCommand.self, InspectCommand.self, VerifyCommand.self, GCCommand.self,
    ])
}
