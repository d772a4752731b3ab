import ArtifactStore
import Escaping
import Foundation

/// Which files git tracks in a repository, read from its index (gitformat-index), without git.
struct GitIndex {
  /// The index, and the one that it shares entries of, if it is split.
  private let parts: [Part]

  /// Nil where `repository` is none, or nothing was ever added to it.
  /// - Throws: ``Unreadable`` where git itself could not tell, or does so in a way that is not known here; `StoreError`.
  init?(of repository: String) throws {
    var folder = repository + "/.git"
    // In a worktree or a submodule `.git` is a file that says where it is.
    if let status = try Files.status(of: folder), status.size < 1 << 16,
      let text = try? Files.read(folder).map({ String(decoding: $0, as: UTF8.self) }),
      let line = text.parts(at: "\n").first, line.begins(with: "gitdir: ")
    {
      let path = line.dropping(bytes: "gitdir: ".utf8.count)
      folder = path.begins(with: "/") ? path : "\(repository)/\(path)"
    }
    guard let data = try Files.read(folder + "/index") else { return nil }
    let index = try Part(data)
    guard let shared = index.shared else {
      parts = [index]
      return
    }
    guard let data = try Files.read("\(folder)/sharedindex.\(shared)") else { throw Unreadable() }
    parts = [index, try Part(data)]
  }

  /// Whether `name` is tracked, or anything in the folder of that name.
  func tracks(_ name: String) -> Bool {
    let name = Array(name.utf8)
    return parts.contains { part in
      part.paths.contains { path in
        path.starts(with: name) && (path.count == name.count || path[name.count] == UInt8(ascii: "/"))
      }
    }
  }

  struct Unreadable: Error {}

  /// One file of an index.
  private struct Part {
    private(set) var paths: [[UInt8]] = []
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
        if bytes[place - 2] & 0x40 != 0, version > 2 { place += 2 }
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
        paths.append(path)
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
