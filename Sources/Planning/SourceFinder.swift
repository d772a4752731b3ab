import ArtifactStore
import FileSystem
import Foundation
import RecipeSyntax
import StageKit

/// Finds the files that path parameters name. Nothing is read, nothing is downloaded.
///
/// Paths are relative to the recipe's folder; `~` and variables of the shell mean nothing. A path that exists as
/// written is taken literally, even if it has the signs of a glob in it. `{url: …, sha256: …}` is a file to download.
struct SourceFinder {
  /// Absolute, without symbolic links, so that leading `..` can be resolved in the text.
  private let folder: String

  /// A finder for a recipe in `folder`.
  init(in folder: String) { self.folder = folder }

  /// The files that a path parameter stands for; nil after reporting what is wrong.
  /// - Parameters:
  ///   - node: a text or a download, or a sequence of those.
  ///   - subject: the parameter, as an error says it.
  func find(
    _ node: Node, form: Parameter.PathKind, subject: String, into problems: inout Problems
  ) -> PlannedSource? {
    guard let nodes = node.sequence else {
      guard let found = found(node, form: form, subject: subject, into: &problems) else { return nil }
      return unique(found.files.map { ($0, node) }, form: found.form, subject: subject, into: &problems)
    }
    guard !nodes.isEmpty else {
      problems.report("\(subject) names no file", at: node.location, notes: node.notes)
      return nil
    }
    let finds = nodes.map { found($0, form: form, subject: subject, into: &problems) }
    guard !finds.contains(where: { $0 == nil }) else { return nil }
    let files = zip(nodes, finds).flatMap { node, found in (found?.files ?? []).map { ($0, node) } }
    // Several downloads, where one file or a folder is asked for, are what the folder would hold.
    return unique(files, form: form == .files ? .several : .folder, subject: subject, into: &problems)
  }

  /// Names the files, and sees that no two are called the same.
  private func unique(
    _ files: [(file: NamedPlace, node: Node)], form: PlannedSource.Form, subject: String, into problems: inout Problems
  ) -> PlannedSource? {
    var named = files.map { file, node in
      (
        file: SourcePath(name: form == .folder ? file.name : Self.stem(file.name), place: file.place),
        text: file.place.text, node: node
      )
    }
    // There may be a hundred thousand: the first eight bytes, as a number, mostly tell the order.
    let order = named.indices.map { (start: leadingBytes(named[$0].file.name), index: $0) }.sorted {
      if $0.start != $1.start { return $0.start < $1.start }
      let (a, b) = (named[$0.index].file, named[$1.index].file)
      let order = byteOrder(a.name, b.name)
      return order == 0 ? precedes(named[$0.index].text, named[$1.index].text) : order < 0
    }
    named = order.map { named[$0.index] }
    for (first, second) in zip(named, named.dropFirst()) where first.file.name == second.file.name {
      let isSame = first.file.place == second.file.place
      problems.report(
        isSame
          ? "\(subject) names a file twice" : "two files would be the item '\(first.file.name)' in \(subject)",
        at: second.node.location,
        hint: isSame
          ? "it is \(first.text)" : "they are \(first.text) and \(second.text): rename one, or load them apart",
        notes: second.node.notes)
      return nil
    }
    return PlannedSource(form: form, files: named.map(\.file))
  }

  // MARK: One path

  /// A file under its whole name.
  typealias NamedPlace = (name: String, place: SourcePath.Place)
  private typealias Found = (form: PlannedSource.Form, files: [NamedPlace])

  private func found(
    _ node: Node, form: Parameter.PathKind, subject: String, into problems: inout Problems
  ) -> Found? {
    if let entries = node.mapping {
      return download(entries, of: node, subject: subject, into: &problems).map { (.file, [$0]) }
    }
    guard let written = node.scalar?.value.string else {
      problems.report("a path in \(subject) must be a text, not \(node.summary)", at: node.location, notes: node.notes)
      return nil
    }
    guard !written.isEmpty else {
      problems.report("the path in \(subject) is empty", at: node.location, notes: node.notes)
      return nil
    }
    do throws(PathError) {
      let found = try find(written, form: form)
      return (
        found.form,
        found.paths.map { path in
          let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
          return (String(path[(slash.map(path.utf8.index(after:)) ?? path.startIndex)...]), .path(path))
        }
      )
    } catch {
      problems.report(
        error.message(subject), at: node.location, suggestion: error.suggestion, hint: error.hint,
        notes: node.notes, missing: error.isMissing ? .init(path: absolute(written)) : nil)
      return nil
    }
  }

  private struct PathError: Error {
    /// Says what is wrong in the parameter that it is given.
    let message: @Sendable (String) -> String
    var suggestion: String?
    var hint: String?
    /// Whether all that is wrong is that the file is not there.
    var isMissing = false

    /// - Parameter message: what to say before the parameter.
    init(message: String, suggestion: String? = nil, hint: String? = nil, isMissing: Bool = false) {
      self.init(suggestion: suggestion, hint: hint) { "\(message) in \($0)" }
      self.isMissing = isMissing
    }

    init(suggestion: String? = nil, hint: String? = nil, message: @escaping @Sendable (String) -> String) {
      (self.message, self.suggestion, self.hint) = (message, suggestion, hint)
    }
  }

  private typealias Paths = (form: PlannedSource.Form, paths: [String])

  private func find(_ written: String, form: Parameter.PathKind) throws(PathError) -> Paths {
    let path = absolute(written)
    switch Self.fileType(path) {
    case .file: return (.file, [path])
    case .folder where form == .fileOrFolder:
      let files = try entries(in: path).filter { !$0.name.hasPrefix(".") }
        .map { FolderEntry(path: "\(path)/\($0.name)", isFile: $0.isFile) }.filter(\.isPlain).map(\.path)
      guard !files.isEmpty else {
        throw PathError(hint: "looked in \(path)") { "the folder '\(written)' in \($0) has no files" }
      }
      return (.folder, files)
    case .folder:
      throw PathError(
        message: "'\(written)' is a folder, not a file,",
        hint: form == .files ? "name files in it: '\(written)/*.png'" : "name a file in it")
    case .other(let kind):
      throw PathError(message: "'\(written)' is \(kind), not a plain file,", hint: "copy what it gives to a file")
    case nil where form == .files && Glob.isPattern(written): return (.several, try matches(written))
    case nil: throw missing(written)
    }
  }

  /// The files that a glob matches, folder by folder.
  private func matches(_ written: String) throws(PathError) -> [String] {
    guard !written.contains("**") else {
      throw PathError(message: "'**' is not supported", hint: "a * stands for names in one folder: '*/*.png'")
    }
    let components = absolute(written).split(separator: "/")
    let fixed = components.prefix { !Glob.isPattern($0) }
    let start = "/" + fixed.joined(separator: "/")
    guard Self.fileType(start) == .folder else { throw missing(written) }
    var found = [FolderEntry(path: start, isFile: false)]
    for component in components.dropFirst(fixed.count) {
      let glob = Glob(component)
      var deeper: [FolderEntry] = []
      for folder in found where !folder.isFile && Self.fileType(folder.path) == .folder {
        deeper += try entries(in: folder.path).filter { glob.matches($0.name) }
          .map { FolderEntry(path: "\(folder.path)/\($0.name)", isFile: $0.isFile) }
      }
      found = deeper
    }
    let paths = found.filter(\.isPlain).map(\.path)
    guard !paths.isEmpty else {
      let names = try names(in: start).filter { !$0.hasPrefix(".") }.sorted(by: precedes)
      let shown = names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
      throw PathError(
        message: "no file matches '\(written)'",
        hint: names.isEmpty ? "the folder \(start) is empty" : "the folder \(start) has \(shown)", isMissing: true)
    }
    return paths
  }

  /// The error for a path that does not exist: which part of it is not there, and what is there instead.
  private func missing(_ written: String) -> PathError {
    let components = absolute(written).split(separator: "/").map(String.init)
    var existing = ""
    let index = components.firstIndex { component in
      guard Self.fileType("\(existing)/\(component)") != nil else { return true }
      existing += "/\(component)"
      return false
    }
    if existing.isEmpty { existing = "/" }
    guard let index, Self.fileType(existing) == .folder else {
      return PathError(message: "no such file '\(written)'", hint: "\(existing) is not a folder")
    }
    let siblings = ((try? names(in: existing)) ?? []).sorted(by: precedes)
    let stem = Self.stem(components[index])
    let nearest = siblings.first { Self.stem($0) == stem } ?? Suggestion.nearest(to: components[index], in: siblings)
    // Counted from the end, the parts of the absolute path are those of the written one.
    var parts = written.split(separator: "/", omittingEmptySubsequences: false).filter { $0 != "." }.map(String.init)
    let fromEnd = components.count - index
    var suggestion: String?
    if let nearest, fromEnd <= parts.count, parts[parts.count - fromEnd] == components[index] {
      parts[parts.count - fromEnd] = nearest
      suggestion = parts.joined(separator: "/")
    }
    let isLast = index == components.count - 1
    let place = existing == "/" ? "/\(components[index])" : "\(existing)/\(components[index])"
    let hint =
      if written.hasPrefix("~") {
        "'~' is not expanded: write the path from the recipe's folder, or an absolute one"
      } else {
        isLast ? "looked for \(place)" : "there is no folder \(place)"
      }
    return PathError(message: "no such file '\(written)'", suggestion: suggestion, hint: hint, isMissing: true)
  }

  // MARK: The file system

  private enum FileType: Equatable {
    case file, folder
    /// Neither: a pipe, a device.
    case other(String)
  }

  /// Something in a folder.
  private struct FolderEntry {
    let path: String
    /// Whether the folder says that it is a plain file; a link to one is none here.
    let isFile: Bool

    var isPlain: Bool { isFile || SourceFinder.fileType(path) == .file }
  }

  /// Follows symbolic links; nil where nothing is.
  private static func fileType(_ path: String) -> FileType? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    if status.st_mode & S_IFMT == S_IFDIR { return .folder }
    return FileKind.other(than: status.st_mode).map(FileType.other) ?? .file
  }

  /// A file's name without its extension; a leading dot starts none.
  private static func stem(_ name: some StringProtocol) -> String {
    let name = Substring(name)
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot > name.startIndex else { return String(name) }
    return String(name[..<dot])
  }

  private func names(in folder: String) throws(PathError) -> [String] { try entries(in: folder).map(\.name) }

  private func entries(in folder: String) throws(PathError) -> [(name: String, isFile: Bool)] {
    do throws(StoreError) { return try Files.entries(in: folder) } catch {
      throw PathError(message: "cannot list the folder \(folder)", hint: "\(error)")
    }
  }

  /// The absolute form of a path as written: `.` and leading `..` are resolved, the rest stays as it is.
  private func absolute(_ written: String) -> String {
    var parts = written.split(separator: "/").filter { $0 != "." }[...]
    var base = written.hasPrefix("/") ? [] : folder.split(separator: "/")
    while parts.first == ".." {
      _ = base.popLast()
      parts.removeFirst()
    }
    return "/" + (base + parts).joined(separator: "/")
  }
}

extension SourcePath.Place {
  /// As an error says it.
  fileprivate var text: String {
    switch self {
    case .path(let path): path
    case .url(let url, _): url
    }
  }
}

/// Whether `a` stands before `b` by the bytes of their UTF-8: the order of everything that has no order of its own.
func precedes(_ a: String, _ b: String) -> Bool { byteOrder(a, b) < 0 }

/// The first eight bytes of the UTF-8 as a number, zeros behind a shorter text.
private func leadingBytes(_ text: String) -> UInt64 {
  var bytes = text.utf8.makeIterator()
  return (0..<8).reduce(0) { number, _ in number << 8 | UInt64(bytes.next() ?? 0) }
}

/// Negative where `a` stands before `b` by the bytes of their UTF-8, 0 where these are the same.
private func byteOrder(_ a: String, _ b: String) -> Int {
  let order = a.utf8.withContiguousStorageIfAvailable { a in
    b.utf8.withContiguousStorageIfAvailable { b in
      guard let first = a.baseAddress, let second = b.baseAddress else { return a.count - b.count }
      let order = memcmp(first, second, min(a.count, b.count))
      return order == 0 ? a.count - b.count : Int(order)
    }
  }
  if let order = order ?? nil { return order }
  return a.utf8.elementsEqual(b.utf8) ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
}
