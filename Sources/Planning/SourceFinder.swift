import ArtifactStore
import Escaping
import FileSystem
import Foundation
import RecipeSyntax
import StageKit
import WeightsCatalog

/// Finds the files that path parameters name. Nothing is read, nothing is downloaded.
///
/// Paths are relative to the recipe's folder; `~` and variables of the shell mean nothing. What a recipe writes may be a
/// pattern, its folder never is. A path that exists as written is taken literally, even if it has the signs of a pattern
/// in it, unless other files match; `[*]` is the sign itself. `{url: …, sha256: …}` is a file to download.
struct SourceFinder {
  /// Absolute, without symbolic links, so that leading `..` can be resolved in the text.
  private let folder: String

  private let lock: SourceLock?

  /// A finder for a recipe in `folder`.
  /// - Parameter lock: what files have to be.
  init(in folder: String, lock: SourceLock? = nil) {
    self.folder = folder
    self.lock = lock
  }

  /// The files that a path parameter stands for; nil after reporting what is wrong.
  /// - Parameters:
  ///   - node: a text or a download, or a sequence of those.
  ///   - endings: those of files that the parameter can mean; none where that is not known.
  ///   - entry: of the catalog, where that is what `node` names.
  ///   - subject: the parameter, as an error says it.
  func find(
    _ node: Node, form: ParameterDeclaration.PathKind, endings: [String] = [], entry: CatalogEntry? = nil,
    subject: String, into problems: inout Problems
  ) -> PlannedSource? {
    if let entry {
      let files = Self.places(of: entry).map { ($0, node) }
      return unique(files, form: files.count == 1 ? .file : .folder, subject: subject, into: &problems)
    }
    guard let nodes = node.sequence else {
      guard let found = found(node, form: form, endings, subject: subject, into: &problems) else { return nil }
      let kept = form == .namedFiles ? .folder : found.form
      return unique(found.files.map { ($0, node) }, form: kept, subject: subject, into: &problems)
    }
    guard !nodes.isEmpty else {
      problems.report("\(subject) names no file", at: node.location, notes: node.notes)
      return nil
    }
    let finds = nodes.map { found($0, form: form, endings, subject: subject, into: &problems) }
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
        file: SourcePath(name: form == .folder ? file.name : file.name.fileStem, place: file.place),
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
    for (first, second) in Self.alike(named, by: \.file.name) {
      let isComposed = !first.file.name.isSame(as: second.file.name)
      let isSame = first.file.place == second.file.place && !isComposed
      problems.report(
        isSame
          ? "\(subject) names a file twice"
          : "two files would be the item '\(first.file.name)' in \(subject)"
            + (isComposed ? ": their names differ only in how letters are composed" : ""),
        at: second.node.location,
        hint: isSame
          ? "it is \(first.text)" : "they are \(first.text) and \(second.text): rename one, or load them apart",
        notes: second.node.notes)
      return nil
    }
    let folders = form == .file ? [] : Set(named.compactMap { $0.file.path?.parentFolder })
    return PlannedSource(form: form, files: named.map(\.file), lost: lock?.lost(from: folders) ?? [])
  }

  /// The first two with one name. Names that only differ in how an accent is written are one: nobody sees the difference.
  private static func alike<Named>(_ sorted: [Named], by name: (Named) -> String) -> [(Named, Named)] {
    if let pair = zip(sorted, sorted.dropFirst()).first(where: { name($0) == name($1) }) { return [pair] }
    var met: [String: Named] = [:]
    for named in sorted where name(named).utf8.contains(where: { $0 >= 0x80 }) {
      if let first = met.updateValue(named, forKey: name(named)) { return [(first, named)] }
    }
    return []
  }

  // MARK: One path

  /// A file under its whole name.
  typealias NamedPlace = (name: String, place: SourcePath.Place)
  private typealias Found = (form: PlannedSource.Form, files: [NamedPlace])

  private func found(
    _ node: Node, form: ParameterDeclaration.PathKind, _ endings: [String], subject: String,
    into problems: inout Problems
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
      let found = try find(written, form: form, endings)
      return (
        found.form,
        found.paths.map { path in
          let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
          return (
            String(path[(slash.map(path.utf8.index(after:)) ?? path.startIndex)...]),
            .path(path, pinned: lock?[path])
          )
        }
      )
    } catch {
      problems.report(
        error.message(subject), at: node.location, suggestion: error.suggestion, hint: error.hint,
        notes: node.notes, missing: error.isMissing ? .init(path: absolute(written)) : nil)
      return nil
    }
  }

  struct PathError: Error {
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
      self.message = message
      self.suggestion = suggestion
      self.hint = hint
    }
  }

  typealias Paths = (form: PlannedSource.Form, paths: [String])

  func find(
    _ written: String, form: ParameterDeclaration.PathKind, _ endings: [String]
  ) throws(PathError) -> Paths {
    let path = absolute(written)
    let type = Self.fileType(path)
    if form.takesPatterns, let alternatives = try alternatives(written) {
      guard type != nil else { return (.several, try matches(written, alternatives)) }
      let others = ((try? matches(written, alternatives)) ?? []).filter { $0 != path }
      guard others.isEmpty else {
        throw PathError(
          message: "'\(written)' is a file and matches \(others.count) more",
          hint: "write '\(Glob.escaped(written))' for the file alone")
      }
    }
    switch type {
    case .file: return (.file, [path])
    case .folder where form == .fileOrFolder:
      var files: [String] = []
      for entry in try visible(in: path) where try plain(path, entry, written) { files.append("\(path)/\(entry.name)") }
      guard !files.isEmpty else {
        throw PathError(hint: "looked in \(path)") { "the folder '\(written)' in \($0) has no files" }
      }
      return (.folder, files)
    case .folder:
      throw PathError(
        message: "'\(written)' is a folder, not a file,",
        hint: form.takesPatterns ? try pattern(in: path, written, endings) : "name a file in it")
    case .other, .dangling: throw unfit(path, type, written)
    case nil: throw missing(written)
    }
  }

  /// Whether something in a folder is a file, not a folder.
  /// - Throws: where it is neither, so that it is not left out in silence.
  func plain(
    _ folder: String, _ entry: (name: String, isFile: Bool), _ written: String
  ) throws(PathError) -> Bool {
    // Where bytes are no text, a sign stands for them by which no file is found.
    let isText = !entry.name.utf8.contains(0xEF) || !entry.name.unicodeScalars.contains("\u{FFFD}")
    if entry.isFile, isText { return true }
    let path = "\(folder)/\(entry.name)"
    switch Self.fileType(path) {
    case .file: return true
    case .folder: return false
    case let type?: throw unfit(path, type, written)
    case nil:
      guard !isText, let name = Self.escapedName(entry.name, in: folder) else { return false }
      throw PathError(hint: "rename it: \(folder)/\(name)") {
        "the name of the file \(name), which '\(written)' takes in \($0), is not UTF-8"
      }
    }
  }

  /// The error for what is there and can be neither file nor folder.
  func unfit(_ path: String, _ type: FileType?, _ written: String) -> PathError {
    if case .other(let kind) = type {
      return PathError(hint: "put a file in its place: \(path)") {
        "'\(written)' in \($0) takes \(kind), not a plain file: \(path)"
      }
    }
    let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? "nothing"
    var error = PathError(hint: "repair the link, or remove it: \(path)") {
      "'\(written)' in \($0) takes a link to what is not there: \(path) -> \(target)"
    }
    error.isMissing = true
    return error
  }

  /// The error for a path that does not exist: which part of it is not there, and what is there instead.
  func missing(_ written: String) -> PathError {
    let (base, own) = resolved(written)
    let components = base + own
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
    let stem = components[index].fileStem
    let nearest = siblings.first { $0.fileStem == stem } ?? Suggestion.nearest(to: components[index], in: siblings)
    // Counted from the end, the parts of the absolute path are those of the written one.
    var parts = written.split(separator: "/", omittingEmptySubsequences: false).filter { $0 != "." }.map(String.init)
    let fromEnd = components.count - index
    var suggestion: String?
    // In the place of a folder only another folder can be meant, in which the path goes on.
    let next = index + 1 < components.count ? components[index + 1] : nil
    func leadsOn(_ folder: String) -> Bool {
      guard let next else { return true }
      return Self.fileType(folder) == .folder && (Glob.isWild(next) || Self.fileType("\(folder)/\(next)") != nil)
    }
    if let nearest, leadsOn("\(existing)/\(nearest)"), fromEnd <= parts.count,
      parts[parts.count - fromEnd] == components[index]
    {
      parts[parts.count - fromEnd] = nearest
      suggestion = parts.joined(separator: "/")
    }
    let place = existing == "/" ? "/\(components[index])" : "\(existing)/\(components[index])"
    let hint =
      if written.hasPrefix("~") {
        "'~' is not expanded: write the path from the recipe's folder, or an absolute one"
      } else {
        next == nil ? "looked for \(place)" : "there is no folder \(place)"
      }
    return PathError(message: "no such file '\(written)'", suggestion: suggestion, hint: hint, isMissing: true)
  }

  // MARK: The file system

  private func names(in folder: String) throws(PathError) -> [String] { try entries(in: folder).map(\.name) }

  func entries(in folder: String) throws(PathError) -> [(name: String, isFile: Bool)] {
    do throws(StoreError) { return try Files.entries(in: folder) } catch {
      throw PathError(message: "cannot list the folder \(folder)", hint: "\(error)")
    }
  }

  /// Without hidden ones.
  func visible(in folder: String) throws(PathError) -> [(name: String, isFile: Bool)] {
    try entries(in: folder).filter { $0.name.utf8.first != UInt8(ascii: ".") }
  }

  /// The absolute form of a path as written: `.` and leading `..` are resolved, the rest stays as it is.
  func absolute(_ written: String) -> String {
    let (base, parts) = resolved(written)
    return "/" + (base + parts).joined(separator: "/")
  }

  /// The same in parts: those that the recipe does not write, and those that it does.
  func resolved(_ written: String) -> (base: [String], parts: [String]) {
    func split(_ path: String) -> [String] {
      path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
    }
    var parts = split(written).filter { $0 != "." }[...]
    var base = written.utf8.first == UInt8(ascii: "/") ? [] : split(folder)
    while parts.first == ".." {
      _ = base.popLast()
      parts.removeFirst()
    }
    return (base, Array(parts))
  }
}

extension SourcePath.Place {
  /// As an error says it.
  fileprivate var text: String {
    switch self {
    case .path(let path, _): path
    case .url(let url, _, _, _): url
    }
  }
}
