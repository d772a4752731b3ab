import Escaping
import Foundation

/// Which files git tracks in a repository, read from its index (gitformat-index), without git.
struct GitIndex {
  private let bytes: [UInt8]

  /// Nil where `repository` is none, or nothing was ever added to it.
  init?(of repository: String) throws(StoreError) {
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
    self.init(data)
  }

  init?(_ data: Data) {
    guard data.count >= 12, data.prefix(4) == Data("DIRC".utf8) else { return nil }
    bytes = [UInt8](data)
  }

  /// Whether `name` is tracked, or anything in the folder of that name.
  func tracks(_ name: String) -> Bool {
    // Object names are SHA-1, or SHA-256 where the repository was made so, which the index itself does not say.
    [20, 32].contains { tracks(Array(name.utf8), digestSize: $0) ?? false }
  }

  /// Nil where the index cannot be read with digests of this size.
  private func tracks(_ name: [UInt8], digestSize: Int) -> Bool? {
    let (version, count) = (number(at: 4), number(at: 8))
    guard 2...4 ~= version else { return nil }
    var place = 12
    var path: [UInt8] = []
    for _ in 0..<count {
      let start = place
      place += 40 + digestSize + 2
      guard place <= bytes.count else { return nil }
      if bytes[place - 2] & 0x40 != 0, version > 2 { place += 2 }
      if version == 4 {
        // How much of the path before this one does not stay.
        guard let cut = distance(&place), cut <= path.count else { return nil }
        path.removeLast(cut)
      } else {
        path = []
      }
      guard place <= bytes.count, let end = bytes[place...].firstIndex(of: 0) else { return nil }
      path += bytes[place..<end]
      // Before version 4 entries are filled up with zeros, at least one, to a multiple of eight bytes.
      place = version == 4 ? end + 1 : start + (end - start + 8) / 8 * 8
      if path.starts(with: name), path.count == name.count || path[name.count] == UInt8(ascii: "/") { return true }
    }
    return false
  }

  /// A big-endian number of four bytes.
  private func number(at place: Int) -> Int { bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }

  /// A number of variable length, as pack files have them.
  private func distance(_ place: inout Int) -> Int? {
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
