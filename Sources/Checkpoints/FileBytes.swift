import Foundation

/// The bytes of a file, mapped into memory where it lies on a disk: what is not used is not read.
final class FileBytes: Sendable {
  private let data: Data
  private let isMapped: Bool

  var count: Int { data.count }

  init(_ data: Data) { (self.data, isMapped) = (data, false) }

  /// - Throws: ``CheckpointError/unreadable(file:reason:)``.
  init(contentsOf path: String) throws(CheckpointError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(file: path, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .unreadable(file: path, reason: String(cString: strerror(errno)))
    }
    let size = Int(status.st_size)
    if status.st_mode & S_IFMT == S_IFREG, size > 0,
      let pages = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), pages != MAP_FAILED
    {
      data = Data(bytesNoCopy: pages, count: size, deallocator: .custom { pages, size in munmap(pages, size) })
      isMapped = true
      return
    }
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
      isMapped = false
    } catch {
      throw .unreadable(file: path, reason: error.localizedDescription)
    }
  }

  /// What `body` makes of the bytes in `range`, which must lie within the file.
  func read<Result>(
    _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(CheckpointError) -> Result
  ) throws(CheckpointError) -> Result {
    let outcome: Swift.Result<Result, CheckpointError> = data.withUnsafeBytes { bytes in
      do throws(CheckpointError) {
        return .success(try body(UnsafeRawBufferPointer(rebasing: bytes[range])))
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  /// As ``read(_:_:)``, for a large range that is not soon read again: its pages are fetched ahead, then given back,
  /// so that a model in memory and its file do not take twice the room.
  func readOnce<Result>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    data.withUnsafeBytes { bytes in
      let part = UnsafeRawBufferPointer(rebasing: bytes[range])
      advise(part, MADV_WILLNEED)
      defer { advise(part, MADV_DONTNEED) }
      return body(part)
    }
  }

  /// Only whole pages, and only of a file: memory that is not mapped from one would be lost.
  private func advise(_ bytes: UnsafeRawBufferPointer, _ advice: Int32) {
    guard isMapped, let start = bytes.baseAddress else { return }
    let page = 4096
    let first = (Int(bitPattern: start) + page - 1) / page * page
    let end = (Int(bitPattern: start) + bytes.count) / page * page
    guard first < end, let pages = UnsafeMutableRawPointer(bitPattern: first) else { return }
    madvise(pages, end - first, numericCast(advice))
  }
}
