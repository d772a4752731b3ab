import Escaping
import Foundation

/// A folder of the store whose files are named by digests, spread over folders named by the first two digits.
final class Shelves: Sendable {
  let folder: String
  /// The open folder, so that a file in it is found without walking the way to it; -1 where there is none.
  private let descriptor: Int32

  init(_ folder: String) {
    self.folder = folder
    descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Where the file of `digest` is, or would be.
  func path(of digest: Digest) -> String {
    let hex = digest.hex
    return "\(folder)/\(hex.prefix(2))/\(hex)"
  }

  /// The status of the file of `digest`; nil where it is not there.
  func status(of digest: Digest) throws(StoreError) -> Files.Status? {
    guard descriptor >= 0 else { return nil }
    var hex = digest.hex
    // ab/ab….
    let name = hex.withUTF8 { digits in
      [CChar](unsafeUninitializedCapacity: 68) { name, count in
        for index in 0..<64 { name[index + 3] = CChar(digits[index]) }
        (name[0], name[1], name[2], name[67]) = (name[3], name[4], CChar(UInt8(ascii: "/")), 0)
        count = 68
      }
    }
    return try Files.status(of: name, in: descriptor, path(of: digest))
  }

  /// Makes a network file system look for the file of `digest` again. One that found a name absent may believe so for a
  /// minute, until the folders around it are opened anew.
  func lookAnew(at digest: Digest) {
    for path in [folder, path(of: digest).parentFolder] {
      let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      if folder >= 0 { close(folder) }
    }
  }

  /// Waits until this machine sees the file of `digest`, which is there: at the latest when its file system forgets
  /// that it was absent. Gives up after 90 seconds.
  func waitUntilSeen(_ digest: Digest) throws(StoreError) {
    let deadline = ContinuousClock.now + .seconds(90)
    lookAnew(at: digest)
    while try status(of: digest) == nil, ContinuousClock.now < deadline {
      usleep(100_000)
      lookAnew(at: digest)
    }
  }

  /// Makes it look for all files again.
  func lookAnew() throws(StoreError) {
    for shelf in try Files.names(in: folder) { _ = try Files.names(in: "\(folder)/\(shelf)") }
  }

  /// Every file: its name, where it is, and its status.
  func files() throws(StoreError) -> [(name: String, path: String, status: Files.Status)] {
    var files: [(name: String, path: String, status: Files.Status)] = []
    for shelf in try Files.names(in: folder) {
      for name in try Files.names(in: "\(folder)/\(shelf)") {
        let path = "\(folder)/\(shelf)/\(name)"
        if let status = try Files.status(of: path) { files.append((name, path, status)) }
      }
    }
    return files
  }
}
