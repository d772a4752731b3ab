import CFileFaults
import FileSystem
import Foundation

/// The bytes of a file, mapped into memory where it lies on a disk: what is not used is not read.
///
/// What is lost of a file that is cut short, or turns out unreadable, while it is mapped reads as zeros; see ``check()``.
final class FileBytes: Sendable {
  private let data: Data
  private let path: String
  /// The number under which faults of the mapping are watched; nil for bytes that are not mapped.
  private let watch: Int32?

  var count: Int { data.count }

  init(_ data: Data) {
    self.data = data
    path = ""
    watch = nil
  }

  deinit { if let watch { cfilefaults_forget(watch) } }

  /// - Throws: ``CheckpointError/unreadable(file:reason:)``.
  init(contentsOf path: String) throws(CheckpointError) {
    self.path = path
    let (descriptor, status): (Int32, stat)
    do { (descriptor, status) = try InputFile.open(path) } catch {
      throw .unreadable(file: path, reason: error.reason)
    }
    defer { close(descriptor) }
    let size = Int(status.st_size)
    if size > 0, let pages = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), pages != MAP_FAILED {
      let number = cfilefaults_watch(pages, size)
      if number >= 0 {
        data = Data(bytesNoCopy: pages, count: size, deallocator: .custom { pages, size in munmap(pages, size) })
        watch = number
        return
      }
      munmap(pages, size)
    }
    watch = nil
    guard size > 0 else {
      data = Data()
      return
    }
    guard let memory = malloc(size) else {
      throw .unreadable(file: path, reason: "no memory for its \(size) bytes\(Limits.advice(ENOMEM))")
    }
    let filled = InputFile.fill(UnsafeMutableRawBufferPointer(start: memory, count: size), from: descriptor)
    guard filled == size else {
      let reason = filled < 0 ? String(cString: strerror(errno)) : Self.cut
      free(memory)
      throw .unreadable(file: path, reason: reason)
    }
    data = Data(bytesNoCopy: memory, count: size, deallocator: .free)
  }

  private static let cut = "it was cut short while it was read, or its disk has an error: get it again, and run again"

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
    // What `body` found wrong may be the zeros in the place of what is lost.
    try check()
    return try outcome.get()
  }

  /// - Throws: ``CheckpointError/unreadable(file:reason:)`` where something that was read of the file was lost.
  func check() throws(CheckpointError) {
    if let watch, cfilefaults_happened(watch) != 0 { throw .unreadable(file: path, reason: Self.cut) }
  }

  /// As ``read(_:_:)``, for a large range that is not soon read again: its pages are fetched ahead, then given back,
  /// so that a model in memory and its file do not take twice the room. Nothing is checked.
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
    guard watch != nil, let start = bytes.baseAddress else { return }
    let page = Int(getpagesize())
    let first = (Int(bitPattern: start) + page - 1) / page * page
    let end = (Int(bitPattern: start) + bytes.count) / page * page
    guard first < end, let pages = UnsafeMutableRawPointer(bitPattern: first) else { return }
    madvise(pages, end - first, numericCast(advice))
  }
}
