import RecipeSyntax
import StageKit

extension SourceFinder {
  /// What `written` stands for if it is a pattern; nil where it is none.
  func alternatives(_ written: String) throws(PathError) -> [String]? {
    guard let alternatives = Glob.alternatives(written) else {
      throw PathError(
        message: "'\(written)' stands for more than \(Glob.alternativeLimit) patterns", hint: "use a * or fewer braces")
    }
    return alternatives.count > 1 || Glob.isWild(written) ? alternatives : nil
  }

  /// The files that patterns match, folder by folder. What is written out has to be there.
  func matches(_ written: String, _ alternatives: [String]) throws(PathError) -> [String] {
    guard !written.utf8.contains("**".utf8) else {
      throw PathError(message: "'**' is not supported", hint: "a * stands for names in one folder: '*/*.png'")
    }
    var paths: [String] = []
    for alternative in alternatives {
      if Glob.isWild(alternative) {
        paths += try matches(alternative)
      } else {
        paths += try find(alternative, form: .file, []).paths
      }
    }
    guard paths.isEmpty else { return alternatives.count > 1 ? paths.uniqued : paths }
    let (base, parts) = resolved(alternatives[0])
    let start = "/" + (base + parts.prefix { !Glob.isWild($0) }).joined(separator: "/")
    let names = try visible(in: start).map(\.name).sorted(by: precedes)
    let shown = names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
    throw PathError(
      message: "no file matches '\(written)'",
      hint: names.isEmpty ? "the folder \(start) is empty" : "the folder \(start) has \(shown)", isMissing: true)
  }

  /// The files that one pattern matches; there may be none. Folders that match are no files; one that is called as a
  /// file of the pattern's ending was hardly meant to be left out.
  private func matches(_ pattern: String) throws(PathError) -> [String] {
    let (base, parts) = resolved(pattern)
    let fixed = parts.prefix { !Glob.isWild($0) }
    let start = "/" + (base + fixed).joined(separator: "/")
    guard Self.fileType(start) == .folder else { throw missing(pattern) }
    var folders = [start]
    var files: [String] = []
    let wild = parts.dropFirst(fixed.count)
    for (place, component) in zip(wild.indices, wild) {
      let glob = Glob(component)
      var deeper: [String] = []
      for folder in folders {
        for entry in try entries(in: folder) where glob.matches(entry.name) {
          let path = "\(folder)/\(entry.name)"
          if place == wild.endIndex - 1 {
            if try plain(folder, entry, pattern) {
              files.append(path)
            } else if component.fileExtension.utf8.contains(where: { !"*?".utf8.contains($0) }),
              Self.fileType(path) == .folder
            {
              throw PathError(hint: "rename it, or move it elsewhere: \(path)") {
                "'\(pattern)' in \($0) takes a folder, not a file: \(path)"
              }
            }
          } else if !entry.isFile {
            let type = Self.fileType(path)
            if type == .folder { deeper.append(path) }
            if type == .dangling { throw unfit(path, type, pattern) }
          }
        }
      }
      folders = deeper
    }
    return files
  }

  /// Help for a folder where files are wanted: a pattern that takes all of them that can be meant, and what it leaves.
  func pattern(in path: String, _ written: String, _ endings: [String]) throws(PathError) -> String {
    let names = try visible(in: path).filter { $0.isFile || Self.fileType("\(path)/\($0.name)") == .file }.map(\.name)
    func ending(_ name: String) -> String? {
      let stem = name.fileStem
      return stem.utf8.count < name.utf8.count
        ? String(decoding: name.utf8.dropFirst(stem.utf8.count + 1), as: UTF8.self) : nil
    }
    let taken = names.filter { name in
      ending(name).map { !$0.isEmpty && (endings.isEmpty || endings.contains($0.lowercased())) } ?? false
    }
    guard !taken.isEmpty else {
      return endings.isEmpty ? "name files in it" : "it has no file that ends in " + endings.joined(separator: ", ")
    }
    let found = Set(taken.compactMap(ending)).sorted(by: precedes).map(Glob.escaped)
    let pattern = Glob.escaped(written) + "/*." + (found.count == 1 ? found[0] : "{\(found.joined(separator: ","))}")
    let left = Set(names).subtracting(taken).sorted(by: precedes)
    let taking =
      left.isEmpty
      ? names.count == 1 ? "its only file" : "all its \(names.count) files"
      : "\(taken.count) of its \(names.count) files, and leaves out " + Suggestion.list(left, upTo: 3)
    return "name files in it: '\(pattern)' takes \(taking)"
  }
}
