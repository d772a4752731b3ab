import FileSystem
import Foundation

/// A new file that is written to bit by bit, and may be read meanwhile. What is written is not waited for.
package final class GrowingFile: Sendable {
  private let descriptor: Int32

  /// - Throws: where there is one already.
  package init(creating place: Place) throws(StoreError) {
    let opened: Int32? = try place.reach { (folder, name) throws(StoreError) in
      let file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o666)
      guard file >= 0 else { throw .last("write", place.path) }
      return file
    }
    guard let opened else { throw .last("write", place.path, code: ENOENT) }
    descriptor = opened
  }

  /// - Returns: whether all of it is written.
  package func append(_ data: Data) -> Bool { OutputFile.write(data, to: descriptor) }

  deinit { close(descriptor) }
}
