import Foundation
import Testing

/// What README, CONTRIBUTING and Documentation say can be done as they say it.
struct DocumentationTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().resolvingSymlinksInPath()

  private static let documents: [String] = {
    let pages = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Documentation").path)) ?? []
    return ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
      + pages.filter { $0.hasSuffix(".md") }.sorted().map { "Documentation/\($0)" }
  }()

  private static func lines(_ document: String) throws -> [String] {
    try String(contentsOf: root.appending(path: document), encoding: .utf8).components(separatedBy: "\n")
  }

  /// The fenced blocks of a language.
  private static func blocks(_ language: String, of document: String) throws -> [String] {
    var (blocks, block): ([String], [String]?) = ([], nil)
    for line in try lines(document) {
      if let open = block {
        if line == "```" {
          blocks.append(open.joined(separator: "\n") + "\n")
          block = nil
        } else {
          block = open + [line]
        }
      } else if line == "```\(language)" {
        block = []
      }
    }
    return blocks
  }

  /// A clone as the documents suppose it: with recipes, fixtures, and photographs in `Pictures/mine`.
  private static func clone() throws -> Repository {
    let repository = try Repository("recipe: none\nstages: {}\n", faces: [])
    let files = FileManager.default
    try files.copyItem(atPath: root.appending(path: "Recipes").path, toPath: repository.path("Recipes"))
    try files.createSymbolicLink(
      atPath: repository.path("Fixtures"), withDestinationPath: root.appending(path: "Fixtures").path)
    try files.createDirectory(atPath: repository.path("Pictures"), withIntermediateDirectories: true)
    try files.copyItem(atPath: root.appending(path: "Fixtures/photos").path, toPath: repository.path("Pictures/mine"))
    try files.removeItem(atPath: repository.path("Pictures/mine/PROVENANCE.md"))
    return repository
  }

  @Test func theFrontPageIsShortAndNamesTheTestCommand() throws {
    let lines = try Self.lines("README.md")
    #expect(lines.count - 1 <= 120)
    #expect(lines.contains { $0.contains("swift test -c release") })
    #expect(Self.documents.count >= 12)
    // The recipe that it explains is the one that it runs, but for what it says of its lines.
    let recipe = try #require(try Self.blocks("yaml", of: "README.md").first)
    let shown = recipe.components(separatedBy: "\n").compactMap { line -> String? in
      let code = line.components(separatedBy: " #")[0].reversed().drop { $0 == " " }.reversed()
      return code.isEmpty ? nil : String(code)
    }
    let shipped = try Self.lines("Recipes/quickstart.yaml").filter { !$0.isEmpty }
    #expect(shown == shipped)
  }

  /// A recipe is in order, or lacks nothing but files that cannot ship.
  @Test(arguments: documents) func recipesAreInOrder(document: String) throws {
    let blocks = try Self.blocks("yaml", of: document)
    guard !blocks.isEmpty else { return }
    let repository = try Self.clone()
    for (index, block) in blocks.enumerated() {
      let name = "Recipes/shown-\(index).yaml"
      try repository.write(block.hasPrefix("recipe:") ? block : "recipe: shown\n" + block, to: name)
      let outcome = try repository.run("check", name)
      let errors = outcome.errors.components(separatedBy: "\n").filter { $0.contains(": error: ") }
      let lacking = errors.allSatisfy { $0.contains("no such file '../Weights/") }
      #expect(
        outcome.status == 0 || (document == "Documentation/weights.md" && outcome.status == 2 && lacking),
        "\(document), recipe \(index + 1): \(outcome.errors)")
    }
  }

  /// A command line is understood; those that only tell something, of recipes that are there, also succeed.
  @Test(arguments: documents) func commandsAreUnderstood(document: String) throws {
    var commands: [[String]] = []
    for block in try Self.blocks("sh", of: document) {
      for line in block.components(separatedBy: "\n") {
        let words = Self.words(line)
        if let place = words.firstIndex(where: { $0 == "diffusionclip" }), place == 0 || words[0] == "swift" {
          commands.append(Array(words[(place + 1)...]))
        }
      }
    }
    guard !commands.isEmpty else { return }
    let repository = try Self.clone()
    for (name, recipe) in [("mine", 0), ("mine-swept", 1)] {
      let recipes = try Self.blocks("yaml", of: "Documentation/recipes.md")
      try repository.write(try #require(recipes.dropFirst(recipe).first), to: "Recipes/\(name).yaml")
    }
    let telling: Set = ["check", "plan", "kinds", "schema", "dag", "inspect"]
    // No recipe has such a parameter, so that these end before anything is computed or sent.
    let working: Set = ["run", "submit", "push", "pull", "show", "why", "export"]
    for command in commands {
      var arguments = command.map { $0.replacingOccurrences(of: "ssh node2", with: "false") }
      let verb = try #require(arguments.first, "\(document): a command without a verb")
      if working.contains(verb) { arguments += ["--set", "parameter_of_no_recipe=1"] }
      if verb == "bench" { arguments.append("--list") }
      // It would go on.
      if verb == "serve" { arguments.append("--help") }
      let outcome = try repository.run(arguments)
      #expect(outcome.status != 64, "\(document): \(command.joined(separator: " ")): \(outcome.errors)")
      if working.contains(verb) { #expect(outcome.status == 2, "\(document): \(command): \(outcome.errors)") }
      if telling.contains(verb), !command.contains("R") {
        #expect(outcome.status == 0, "\(document): \(command.joined(separator: " ")): \(outcome.errors)")
      }
    }
  }

  /// Links lead to files that are there, and to headings that these have.
  @Test(arguments: documents) func linksLeadSomewhere(document: String) throws {
    let folder = Self.root.appending(path: document).deletingLastPathComponent()
    for part in try Self.lines(document).joined(separator: "\n").components(separatedBy: "](").dropFirst() {
      let link = part.components(separatedBy: ")")[0]
      guard !link.hasPrefix("http") else { continue }
      let pieces = link.components(separatedBy: "#")
      let target = pieces[0].isEmpty ? Self.root.appending(path: document) : folder.appending(path: pieces[0])
      #expect(FileManager.default.fileExists(atPath: target.path), "\(document) links to \(link)")
      guard pieces.count > 1, let page = try? String(contentsOf: target, encoding: .utf8) else { continue }
      let headings = page.components(separatedBy: "\n").filter { $0.hasPrefix("#") }.map(Self.anchor)
      #expect(headings.contains(pieces[1]), "\(document) links to \(link)")
    }
  }

  /// A heading's name in links, as GitHub makes it.
  private static func anchor(_ heading: String) -> String {
    let text = heading.drop { $0 == "#" || $0 == " " }.lowercased()
    return String(
      text.unicodeScalars.compactMap { scalar -> Character? in
        if scalar == " " { return "-" }
        return scalar == "-" || scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
          ? Character(scalar) : nil
      })
  }

  /// The words of a line of shell, up to a comment.
  private static func words(_ line: String) -> [String] {
    var (words, word, quoted): ([String], String?, Bool) = ([], nil, false)
    for scalar in line.unicodeScalars {
      if scalar == "\"" {
        quoted.toggle()
        word = word ?? ""
      } else if scalar == " ", !quoted {
        if let word { words.append(word) }
        word = nil
      } else if scalar == "#", word == nil, !quoted {
        break
      } else {
        word = (word ?? "") + String(scalar)
      }
    }
    if let word { words.append(word) }
    return words
  }
}
