import ArtifactStore
import Escaping
import FileSystem
import Foundation
import StageKit

extension Installation {
  /// What a copy has come to.
  public struct Copied: Sendable {
    /// The paths of the files that were written.
    public let written: [String]
    /// How many were there already, with the same bytes.
    public let unchanged: Int
  }

  /// Copies all that came with the program into a folder, so that recipes run there and can be changed. Nothing that is
  /// there is changed, and nothing is written unless all of it can be: each file in one step, so that none is ever half
  /// there, and what an interruption left out is written the next time.
  /// - Parameter target: may be there already, with other files in it. No link in it is followed.
  /// - Throws: `InputError` where something is in the way; `StoreError` where the disk is full.
  public func copy(to target: String) throws -> Copied {
    let files = try self.files()
    try requireFree(files, in: target)
    let place = try Self.writing(to: target) { () throws(StoreError) in try Folder(making: target) }
    var written: [String] = []
    for file in files {
      guard let data = try Self.reading("\(folder)/\(file)") else { continue }
      let isNew = try Self.writing(to: "\(target)/\(file)") { () throws(StoreError) -> Bool in
        guard try Files.status(of: place[file]) == nil else { return false }
        if let parent = place[file].parent { try Files.makeFolder(parent) }
        try DeferredSignals.during { () throws(StoreError) in try Files.replace(place[file], with: data) }
        return true
      }
      if isNew { written.append("\(target)/\(file)") }
    }
    return Copied(written: written, unchanged: files.count - written.count)
  }

  /// The paths of all files, relative to the folder. Hidden ones are of no recipe, and what Python compiles when it
  /// installs or runs a recipe's program did not come with this one.
  private func files() throws(StoreError) -> [String] {
    var found: [String] = []
    var folders = Self.parts
    while let next = folders.popLast() {
      for entry in try Files.entries(in: "\(folder)/\(next)")
      where !entry.name.begins(with: ".") && entry.name != "__pycache__" {
        let name = "\(next)/\(entry.name)"
        // A package manager may have made links of the files, which are followed.
        if !entry.isFile, SourceFinder.fileType("\(folder)/\(name)") == .folder {
          folders.append(name)
        } else {
          found.append(name)
        }
      }
    }
    return found.sorted()
  }

  /// Sees that no file of the target would be changed, and that no other thing is in a file's or a folder's place.
  private func requireFree(_ files: [String], in target: String) throws {
    var way: Set<String> = []
    for file in files {
      var parent = file.parentFolder
      while !parent.isEmpty, way.insert(parent).inserted { parent = parent.parentFolder }
    }
    var objections: [String] = []
    func object(_ name: String, _ reason: String) { objections.append("\(target)/\(name): \(reason)") }
    for name in way.sorted() {
      var status = stat()
      guard lstat("\(target)/\(name)", &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { continue }
      object(name, "it is \(FileKind.other(than: status.st_mode) ?? "a file") where a folder is to be")
    }
    if objections.isEmpty, let place = try? Folder(at: target), place.exists {
      for file in files {
        do throws(StoreError) {
          guard try Files.status(of: place[file]) != nil else { continue }
          let (old, new) = (try Files.digest(of: place[file]), try Files.digest(of: "\(folder)/\(file)"))
          if old != new { object(file, "it differs from the one that came with the program") }
        } catch { object(file, Self.reason(error)) }
      }
    }
    guard !objections.isEmpty else { return }
    let shown = objections.prefix(10).map { "  \($0)\n" }.joined()
    let more = objections.count > 10 ? "  and \(objections.count - 10) more\n" : ""
    throw InputError(
      "nothing was copied to \(target), where something would be overwritten:\n\(shown)\(more)"
        + "move it away, or choose another folder with --to")
  }

  private static func reading(_ path: String) throws -> Data? {
    do throws(StoreError) { return try Files.read(path) } catch {
      throw InputError("cannot read \(path), which came with the program: \(reason(error)); install it anew")
    }
  }

  /// - Throws: `StoreError` for a full disk; else `InputError`, which says what to do.
  private static func writing<Made>(to path: String, _ work: () throws(StoreError) -> Made) throws -> Made {
    do throws(StoreError) { return try work() } catch {
      if case .diskFull = error { throw error }
      throw InputError("cannot write \(path): \(reason(error)); choose another folder with --to")
    }
  }

  private static func reason(_ error: StoreError) -> String {
    switch error {
    case .notPermitted: "not permitted"
    case .system(_, _, let code): String(cString: strerror(code))
    case .link(let path): "\(path) is a symbolic link, and none is followed there"
    case .notPlain(_, let kind): "it is \(kind), not a plain file"
    default: "\(error)"
    }
  }
}
