import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import Foundation
import JSONSyntax
import Planning
import StageKit

struct PinCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin", abstract: "Write down what the files are that a recipe reads, so that none changes in silence.",
    discussion: """
      For mine.yaml they are in mine.lock, a line for each with its SHA-256, as sha256sum reads and writes it. 'check', \
      'plan' and 'run' then refuse a file that is another. What is pinned stays as it is: pin again for files that came \
      later, or with --set or --profile for those of other parameters.
      """)

  @OptionGroup var recipe: RecipeOptions

  @Flag(
    help: "Pin files that have changed as they are now, and forget those that are gone; without it, they are an error.")
  var update = false

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      let plan = try recipe.plan()
      guard var lock = plan.lock else { return }
      let sources = try plan.localSources.map { source in
        guard let digest = try Files.digest(of: source.path) else {
          throw InputError("\(source.path): no such file; it was there a moment ago")
        }
        return (path: source.path, pinned: source.pinned, digest: digest)
      }
      let digests = Dictionary(sources.map { (Array($0.path.utf8), $0.digest) }) { first, _ in first }
      if !update, let changed = plan.changedSources(digest: { digests[Array($0.utf8)] }) { throw changed }
      guard !sources.isEmpty else {
        throw InputError("\(recipe.recipe): it reads no file of this machine, so that there is nothing to pin")
      }
      var (added, changed) = (0, 0)
      let removed = update ? lock.removeLost() : 0
      for source in sources {
        switch source.pinned {
        case nil: added += 1
        case source.digest?: break
        case _?: changed += 1
        }
        lock[source.path] = source.digest
      }
      if added + changed + removed > 0 { try Files.write(Data(lock.text.utf8), to: lock.file) }
      guard !output.json else {
        return printLine([
          "lock": .string(lock.file), "files": .int(sources.count), "added": .int(added), "changed": .int(changed),
          "removed": .int(removed),
        ])
      }
      let news = [(added, "added"), (changed, "changed"), (removed, "removed")].filter { $0.0 > 0 }.map {
        "\($0) \($1)"
      }
      printText(
        "\(lock.file): pins \(Readable.count(sources.count, "file")) of this recipe, "
          + (news.isEmpty ? "all as before" : news.joined(separator: ", ")) + "\n")
    }
  }
}
