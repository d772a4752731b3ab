import ArtifactStore
import Escaping
import Foundation

/// Which files git tracks in a repository, read from its index (gitformat-index), without git.
package struct GitIndex {
  /// A tracked file, as it was when git looked at it last.
  struct Entry {
    let path: [UInt8]
    let mode: UInt32
    let size: Int
    /// Seconds and nanoseconds of its last change.
    let modified: [Int]
    /// The name of its content.
    let object: ArraySlice<UInt8>
    /// Of a conflict, or added in name only.
    let isUnsettled: Bool
    /// Git was told not to look at it.
    let isUnseen: Bool
  }

  /// The index, and the one that it shares entries of, if it is split.
  private let parts: [Part]
  /// The index's own file.
  let file: String

  /// The files, by their paths in the repository; nil for a split index, whose parts say only together which these are.
  var entries: [Entry]? { parts.count == 1 ? parts[0].entries : nil }
  /// Whether something was added since the last commit; nil where the index does not tell.
  var hasStaged: Bool? { parts.count == 1 ? parts[0].hasStaged : nil }

  /// Nil where `repository` is none, or nothing was ever added to it.
  /// - Throws: ``Unreadable`` where git itself could not tell, or does so in a way that is not known here; `StoreError`.
  package init?(of repository: String) throws {
    let folder = try Self.folder(of: repository)
    file = folder + "/index"
    guard let data = try Files.read(file) else { return nil }
    let index = try Part(data)
    guard let shared = index.shared else {
      parts = [index]
      return
    }
    guard let data = try Files.read("\(folder)/sharedindex.\(shared)") else { throw Unreadable() }
    parts = [index, try Part(data)]
  }

  /// Where git keeps what belongs to a work tree: in a worktree or a submodule `.git` is a file that says where it is.
  static func folder(of repository: String) throws(StoreError) -> String {
    let folder = repository + "/.git"
    guard let status = try Files.status(of: folder), status.size < 1 << 16,
      let text = try? Files.read(folder).map({ String(decoding: $0, as: UTF8.self) }),
      let line = text.parts(at: "\n").first, line.begins(with: "gitdir: ")
    else { return folder }
    let path = line.dropping(bytes: "gitdir: ".utf8.count)
    return path.begins(with: "/") ? path : "\(repository)/\(path)"
  }

  /// Whether `name` is tracked, or anything in the folder of that name.
  package func tracks(_ name: String) -> Bool {
    let name = Array(name.utf8)
    return parts.contains { part in
      part.entries.lazy.map(\.path).contains { path in
        path.starts(with: name) && (path.count == name.count || path[name.count] == UInt8(ascii: "/"))
      }
    }
  }

  struct Unreadable: Error {}

  /// One file of an index.
  private struct Part {
    private(set) var entries: [Entry] = []
    private(set) var hasStaged: Bool?
    /// The digest by which the index is called that this one shares entries of.
    private(set) var shared: String?

    init(_ data: Data) throws {
      let bytes = [UInt8](data)
      guard bytes.starts(with: Array("DIRC".utf8)), bytes.count >= 12 else { throw Unreadable() }
      // Object names are SHA-1, or SHA-256 where the repository was made so, which the index itself does not say: by the
      // wrong size it is not read to its end.
      guard let part = [20, 32].lazy.compactMap({ Part(bytes, digestSize: $0) }).first else { throw Unreadable() }
      self = part
    }

    private init?(_ bytes: [UInt8], digestSize: Int) {
      /// A big-endian number of four bytes.
      func number(at place: Int) -> Int { bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
      let (version, count) = (number(at: 4), number(at: 8))
      let end = bytes.count - digestSize
      guard 2...4 ~= version else { return nil }
      var place = 12
      var path: [UInt8] = []
      for _ in 0..<count {
        let start = place
        place += 40 + digestSize + 2
        guard place <= end else { return nil }
        let flags = bytes[place - 2]
        var more: UInt8 = 0
        if flags & 0x40 != 0, version > 2 {
          place += 2
          guard place <= end else { return nil }
          more = bytes[place - 2]
        }
        if version == 4 {
          // How much of the path before this one does not stay.
          guard let cut = Self.distance(in: bytes, at: &place), cut <= path.count else { return nil }
          path.removeLast(cut)
        } else {
          path = []
        }
        guard place <= end, let zero = bytes[place..<end].firstIndex(of: 0) else { return nil }
        path += bytes[place..<zero]
        // Before version 4 entries are filled up with zeros, at least one, to a multiple of eight bytes.
        place = version == 4 ? zero + 1 : start + (zero - start + 8) / 8 * 8
        entries.append(
          Entry(
            path: path, mode: UInt32(truncatingIfNeeded: number(at: start + 24)), size: number(at: start + 36),
            modified: [number(at: start + 8), number(at: start + 12)],
            object: bytes[start + 40..<start + 40 + digestSize], isUnsettled: flags & 0x30 != 0 || more & 0x20 != 0,
            isUnseen: flags & 0x80 != 0 || more & 0x40 != 0))
      }
      // Extensions: a name, a size, and so many bytes.
      while place < end {
        guard place + 8 <= end else { return nil }
        let (name, size) = (bytes[place..<place + 4], number(at: place + 4))
        place += 8
        guard size <= end - place else { return nil }
        if name.elementsEqual("link".utf8) {
          guard size >= digestSize else { return nil }
          let digest = bytes[place..<place + digestSize]
          if digest.contains(where: { $0 != 0 }) {
            shared = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
          }
        }
        // The tree of the last commit, unless something was added since: then it has no entries.
        if name.elementsEqual("TREE".utf8) {
          hasStaged = bytes[place..<place + size].starts(with: [0] + Array("-1".utf8))
        }
        place += size
      }
      guard place == end else { return nil }
    }

    /// A number of variable length, as pack files have them.
    private static func distance(in bytes: [UInt8], at place: inout Int) -> Int? {
      var value = 0
      while place < bytes.count, value < 1 << 24 {
        let byte = bytes[place]
        place += 1
        value |= Int(byte & 0x7F)
        guard byte & 0x80 != 0 else { return value }
        value = (value + 1) << 7
      }
      return nil
    }
  }
}
