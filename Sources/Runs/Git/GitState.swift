import ArtifactStore
import Escaping
import Foundation
import Hashing
import JSONSyntax

/// Which commit a work tree is at, and whether something in it was changed since: read from git's files, without git. A
/// repository says what programs git is to start; none is.
public struct GitState: Sendable {
  /// The commit's name, in hexadecimal digits.
  public let commit: String
  /// Nil where no branch is checked out.
  public let branch: String?
  /// Whether tracked files are not as in the commit; nil where that cannot be told.
  public let isDirty: Bool?

  /// Nil where `repository` is none of git, or has no commit.
  package init?(of repository: String) {
    guard let folder = try? GitIndex.folder(of: repository), let head = Self.line(of: folder + "/HEAD") else {
      return nil
    }
    // A worktree has its own HEAD, and shares the branches.
    let common = Self.line(of: folder + "/commondir").map { $0.begins(with: "/") ? $0 : "\(folder)/\($0)" } ?? folder
    let reference = Self.reference(in: head)
    guard let commit = reference.map({ Self.commit(of: $0, in: [folder, common]) }) ?? Self.commit(head) else {
      return nil
    }
    self.commit = commit
    branch = reference.flatMap { $0.begins(with: "refs/heads/") ? $0.dropping(bytes: "refs/heads/".utf8.count) : nil }
    isDirty = (try? GitIndex(of: repository))?.flatMap { WorkTree(repository, $0).isDirty }
  }

  package var json: JSON {
    ["commit": .string(commit), "branch": .optional(branch), "dirty": isDirty.map(JSON.bool) ?? .null]
  }

  /// The commit that somebody means by its name or the beginning of that, or by a branch or a tag.
  package static func commit(_ name: String, of repository: String) -> String? {
    let isCommit = 4...64 ~= name.utf8.count && name.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    guard let folder = try? GitIndex.folder(of: repository) else { return isCommit ? name : nil }
    let common = line(of: folder + "/commondir").map { $0.begins(with: "/") ? $0 : "\(folder)/\($0)" } ?? folder
    if name == "HEAD", let head = line(of: folder + "/HEAD") {
      return reference(in: head).map { commit(of: $0, in: [folder, common]) } ?? commit(head)
    }
    let places = ["refs/heads/", "refs/tags/", "refs/remotes/", "refs/remotes/origin/", "refs/"]
    let found =
      FileName.isInside(name)
      ? places.lazy.compactMap { commit(of: $0 + name, in: [folder, common]) }.first : nil
    return found ?? (isCommit ? name : nil)
  }

  private static func reference(in line: String) -> String? {
    guard line.begins(with: "ref: ") else { return nil }
    let name = line.dropping(bytes: 5)
    return name.begins(with: "refs/") && FileName.isInside(name) ? name : ""
  }

  /// The commit that a reference, or one that it names, stands for.
  private static func commit(of reference: String, in folders: [String]) -> String? {
    var reference = reference
    for _ in 0..<5 {
      guard !reference.isEmpty else { return nil }
      guard let line = folders.lazy.compactMap({ line(of: "\($0)/\(reference)") }).first else {
        return packed(reference, in: folders)
      }
      guard let next = Self.reference(in: line) else { return commit(line) }
      reference = next
    }
    return nil
  }

  /// Of references that git put into one file.
  private static func packed(_ reference: String, in folders: [String]) -> String? {
    for folder in folders {
      let file = folder + "/packed-refs"
      guard let status = try? Files.status(of: file), status.size < 1 << 26, let data = try? Files.read(file) else {
        continue
      }
      let lines = data.split(separator: UInt8(ascii: "\n"))
      for (number, line) in lines.enumerated() where line.count > 41 {
        let parts = String(decoding: line, as: UTF8.self).parts(at: " ", maxSplits: 1)
        guard parts.count == 2, parts[1].isSame(as: reference), let commit = commit(parts[0]) else { continue }
        // Of a tag with a message, the next line has the commit.
        let next = number + 1 < lines.count ? String(decoding: lines[number + 1], as: UTF8.self) : ""
        return next.begins(with: "^") ? Self.commit(next.dropping(bytes: 1)) : commit
      }
    }
    return nil
  }

  private static func commit(_ text: String) -> String? {
    let isName = [40, 64].contains(text.utf8.count) && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    return isName ? text : nil
  }

  /// The first line of a small file.
  private static func line(of file: String) -> String? {
    guard let status = try? Files.status(of: file), status.size < 1 << 16, let data = try? Files.read(file) else {
      return nil
    }
    return String(decoding: data, as: UTF8.self).parts(at: "\n").first
  }
}

/// The files of a repository, beside its index.
private struct WorkTree {
  /// No more bytes than these are read for the question whether something was changed.
  private static let limit = 64 << 20
  private let repository: String
  private let index: GitIndex

  init(_ repository: String, _ index: GitIndex) {
    self.repository = repository
    self.index = index
  }

  /// As `git status` without untracked files has it; nil where that would take long.
  var isDirty: Bool? {
    guard let entries = index.entries else { return nil }
    if index.hasStaged == true { return true }
    var written = stat()
    guard stat(index.file, &written) == 0 else { return nil }
    var bytes = 0
    for entry in entries where !entry.isUnseen && entry.mode & 0o170000 != 0o160000 {
      if entry.isUnsettled { return true }
      let path = repository + "/" + String(decoding: entry.path, as: UTF8.self)
      var status = stat()
      guard lstat(path, &status) == 0, Self.kind(status.st_mode) == Self.kind(mode_t(entry.mode)) else { return true }
      let modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
      let isSame = Int(status.st_size) & 0xFFFF_FFFF == entry.size
      // What was written after git looked at it may have got the same time.
      let isEarlier = modified.lexicographicallyPrecedes([written.st_mtim.tv_sec, written.st_mtim.tv_nsec])
      if isSame, isEarlier, modified[0] & 0xFFFF_FFFF == entry.modified[0], modified[1] == entry.modified[1] {
        continue
      }
      if !isSame, entry.size > 0 { return true }
      bytes += Int(status.st_size)
      guard bytes <= Self.limit else { return nil }
      guard let name = name(of: path, status), name == Array(entry.object) else { return true }
    }
    return index.hasStaged.map { $0 }
  }

  private static func kind(_ mode: mode_t) -> mode_t {
    mode & S_IFMT == S_IFREG ? S_IFREG | mode & 0o100 : mode & S_IFMT
  }

  /// The name that git gives a file's content; nil where it cannot be read.
  private func name(of path: String, _ status: stat) -> [UInt8]? {
    let content: [UInt8]
    if status.st_mode & S_IFMT == S_IFLNK {
      guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { return nil }
      content = Array(target.utf8)
    } else {
      guard let data = try? Files.read(path) else { return nil }
      content = Array(data)
    }
    let blob = Array("blob \(content.count)".utf8) + [0] + content
    guard (index.entries?.first?.object.count ?? 20) == 20 else {
      var hash = SHA256()
      blob.withUnsafeBytes { hash.update($0) }
      return hash.finalize()
    }
    return SHA1.digest(of: blob)
  }
}
