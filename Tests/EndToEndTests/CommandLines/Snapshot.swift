import Escaping
import Foundation

/// Every file below a folder, as the file system tells of it.
struct Snapshot {
  private let root: String
  private var entries: [String: String] = [:]

  init(of root: String) throws {
    self.root = root
    try read("")
  }

  /// What the store holds, the results of runs and transcripts are the program's own, or the test's.
  private static let own = ["/repository/.diffusionclip/", "/repository/runs/", "/home/transcript"]

  private mutating func read(_ folder: String) throws {
    guard let directory = opendir(root + folder) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      let path = "\(folder)/\(name)"
      if name == "." || name == ".." || Self.own.contains(where: { "\(path)/".hasPrefix($0) || path.hasPrefix($0) }) {
        continue
      }
      var status = stat()
      guard lstat(root + path, &status) == 0 else { continue }
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      entries[path] =
        isFolder
        ? "folder \(status.st_mode)"
        : "\(status.st_mode) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
      if isFolder { try read(path) }
    }
  }

  /// What is other than before, and was not named by the command line: where a folder was named, files may come in it,
  /// but none that was there may change.
  func changes(since before: Snapshot, allowing line: CommandLine) -> [String] {
    let named = line.named.compactMap { value -> String? in
      let path = String(decoding: value, as: UTF8.self)
      guard !path.isEmpty, !path.hasPrefix("/") else { return nil }
      let resolved = Self.resolved("\(root)/repository/\(path)")
      return resolved.hasPrefix(root) ? String(resolved.dropFirst(root.count)) : nil
    }
    let own = ["/repository/.diffusionclip", "/repository/runs"]
    var changes: [String] = []
    for (path, entry) in entries where before.entries[path] != entry {
      if own.contains(path) || named.contains(path) { continue }
      let isNew = before.entries[path] == nil
      // Folders on the way to what was named are made as well.
      if isNew, named.contains(where: { "\(path)/".hasPrefix("\($0)/") || "\($0)/".hasPrefix("\(path)/") }) { continue }
      // `runs baseline` and `pin` write beside the recipe.
      if [".baseline.json", ".lock"].contains(where: path.hasSuffix), path.hasPrefix("/repository/") { continue }
      // What an earlier command line made may be replaced.
      if named.contains(where: { path.hasPrefix("\($0)/") }), !before.isOriginal(path) { continue }
      changes.append("\(isNew ? "made" : "changed") \(path)")
    }
    for path in before.entries.keys where entries[path] == nil && before.isOriginal(path) && !named.contains(path) {
      changes.append("removed \(path)")
    }
    return changes.sorted()
  }

  /// Whether it was there from the beginning.
  private func isOriginal(_ path: String) -> Bool {
    path.hasPrefix("/outside/") && ["letter.txt", "a.png", "run.json"].contains { path.hasSuffix($0) }
      || path.hasPrefix("/repository/faces/ada") || path.hasPrefix("/repository/faces/bob")
      || path.hasPrefix("/tools/") || path.hasSuffix(".yaml") && !path.contains("/out")
  }

  /// Where a path leads: links followed as far as there are some.
  private static func resolved(_ path: String) -> String {
    var path = URL(filePath: path).standardized.path
    var rest = ""
    while path != "/", !path.isEmpty {
      if let real = realpath(path, nil) {
        defer { free(real) }
        return String(cString: real) + rest
      }
      rest = "/" + path.fileName + rest
      path = path.parentFolder
    }
    return rest
  }
}
