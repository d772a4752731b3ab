import CProcesses
import Foundation

/// What another process writes and this one reads, without waiting.
final class Pipe {
  private let reading: Int32
  private(set) var writing: Int32
  /// Whether more may come.
  private var isOpen = true

  init() throws(ChildProgram.Refusal) {
    var files: [Int32] = [-1, -1]
    guard cprocesses_pipe(&files) == 0 else { throw ChildProgram.Refusal(code: errno) }
    (reading, writing) = (files[0], files[1])
    _ = fcntl(reading, F_SETFL, O_NONBLOCK)
  }

  deinit {
    closeWriting()
    close(reading)
  }

  func closeWriting() {
    if writing >= 0 { close(writing) }
    writing = -1
  }

  /// What to poll for more.
  var polled: pollfd { pollfd(fd: isOpen ? reading : -1, events: Int16(POLLIN), revents: 0) }

  /// Gives `take` what there is, but no more than some pieces of it: a program may write without end.
  /// - Returns: whether there was anything.
  @discardableResult
  func read(into buffer: UnsafeMutableRawBufferPointer, _ take: (UnsafeRawBufferPointer) -> Void) -> Bool {
    guard isOpen else { return false }
    for piece in 0..<16 {
      let count = Foundation.read(reading, buffer.baseAddress, buffer.count)
      guard count > 0 else {
        if count == 0 { isOpen = false }
        return piece > 0
      }
      take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    return true
  }
}
