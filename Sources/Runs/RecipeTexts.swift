import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import OrderedCollections
import RecipeSyntax

/// The recipe of a run as it was written, with the recipes that it uses and the files of the programs that it starts:
/// what edits are found by.
public struct RecipeTexts: Sendable, Hashable {
  /// The file of a run's folder in which they are.
  package static let file = "recipe.json"

  /// The recipe itself first; files by their paths in the repository.
  public let texts: [SourceFile]

  public struct SourceFile: Sendable, Hashable {
    public let file: String
    public let text: String

    package init(file: String, text: String) {
      self.file = file
      self.text = text
    }
  }

  /// Files of the programs that the recipe starts.
  public let programs: [ProgramFile]

  package init(_ texts: [SourceFile], programs: [ProgramFile] = []) {
    self.texts = texts
    self.programs = programs
  }

  /// Nil where `data` is no list of them.
  package init?(_ data: Data) {
    guard let files = (try? JSON(parsing: data))?.array else { return nil }
    var (texts, programs): ([SourceFile], [ProgramFile]) = ([], [])
    for file in files {
      guard let name = file["file"]?.string else { continue }
      if let digest = file["digest"]?.string {
        programs.append(ProgramFile(file: name, digest: digest, text: file["text"]?.string))
      } else if let text = file["text"]?.string {
        texts.append(SourceFile(file: name, text: text))
      }
    }
    self.init(texts, programs: programs)
  }

  package var data: Data {
    JSON.array(
      texts.map { ["file": .string($0.file), "text": .string($0.text)] }
        + programs.map { ["file": .string($0.file), "digest": .string($0.digest), "text": .optional($0.text)] }
    ).prettyData
  }

  // MARK: Edits

  /// A value that is written in one recipe and not so in the other.
  public struct Edit: Sendable, Hashable {
    /// Where it stands, or stood if it is gone.
    public let file: String
    public let line: Int
    /// The keys that lead to it: `stages.latents.invert.steps`.
    public let path: String
    /// As it is written; nil where there is none.
    public let before: String?
    public let after: String?

    package var json: JSON {
      [
        "file": .string(file), "line": .int(line), "path": .string(path), "before": .optional(before),
        "after": .optional(after),
      ]
    }

    /// Nil for what is no edit.
    package init?(json: JSON) {
      guard let file = json["file"]?.string, let path = json["path"]?.string else { return nil }
      self.init(
        file: file, line: json["line"]?.int ?? 0, path: path, before: json["before"]?.string,
        after: json["after"]?.string)
    }

    init(file: String, line: Int, path: String, before: String?, after: String?) {
      self.file = file
      self.line = line
      self.path = path
      self.before = before
      self.after = after
    }
  }

  /// What was edited since `earlier`, in the order of the recipes.
  public func edits(since earlier: RecipeTexts) -> [Edit] {
    if earlier == self { return [] }
    let old = earlier.literals
    let new = literals
    let changed = new.compactMap { key, literal -> Edit? in
      guard let before = old[key] else { return literal.edit(key, before: nil, after: literal.text) }
      return before.text == literal.text ? nil : literal.edit(key, before: before.text, after: literal.text)
    }
    return changed
      + old.compactMap { key, literal in
        new[key] == nil ? literal.edit(key, before: literal.text, after: nil) : nil
      } + ProgramFile.edits(from: earlier.programs, to: programs)
  }

  private struct Key: Hashable {
    /// "" for the recipe itself, which may have moved.
    let file: String
    let path: String
  }

  private struct Literal {
    let file: String
    let line: Int
    let text: String

    func edit(_ key: Key, before: String?, after: String?) -> Edit {
      Edit(file: file, line: line, path: key.path, before: before, after: after)
    }
  }

  private var literals: OrderedDictionary<Key, Literal> {
    var found: OrderedDictionary<Key, Literal> = [:]
    for (number, file) in texts.enumerated() {
      var problems = Problems()
      guard let root = try? NodeReader.read(SourceText(file: file.file, text: file.text), into: &problems) else {
        continue
      }
      Self.gather(root, at: "") { path, node, text in
        let key = Key(file: number == 0 ? "" : file.file, path: path)
        if found[key] == nil { found[key] = Literal(file: file.file, line: node.location.line, text: text) }
      }
    }
    return found
  }

  /// Every value with the keys that lead to it; a list of values is one.
  private static func gather(_ node: Node, at path: String, _ take: (String, Node, String) -> Void) {
    switch node.content {
    case .scalar(let scalar): take(path, node, written(scalar))
    case .sequence(let nodes):
      let scalars = nodes.compactMap(\.scalar)
      if scalars.count == nodes.count {
        take(path, node, "[" + scalars.map(written).joined(separator: ", ") + "]")
      } else {
        for (index, node) in nodes.enumerated() { gather(node, at: "\(path)[\(index)]", take) }
      }
    case .mapping(let entries):
      for entry in entries {
        gather(entry.value, at: path.isEmpty ? entry.key.text : "\(path).\(entry.key.text)", take)
      }
    }
  }

  /// A text that is written as something else is told from that.
  private static func written(_ scalar: Scalar) -> String {
    if case .string = scalar.meaning {
      let plain = Scalar(scalar.text, isPlain: true)
      return plain.meaning == .string ? scalar.text : "\"\(scalar.text)\""
    }
    return scalar.text
  }
}
