import CProcesses
import Foundation

/// A process that this one started, the leader of a session, and all that came of it.
final class Child {
  private let process: pid_t
  /// In the environment of all of them: `NAME=value`.
  private let mark: [UInt8]
  private let watch: Int32
  private var isReaped = false
  private(set) var status = ChildProgram.End.outOfTime
  private(set) var megabytes = 0.0
  private(set) var leftBehind = 0

  init(process: pid_t, mark: String) {
    self.process = process
    self.mark = Array("\(ChildProgram.mark)=\(mark)".utf8)
    watch = cprocesses_watch(process)
  }

  deinit { if watch >= 0 { close(watch) } }

  /// Waits a moment for its end or for something in `pipes`.
  func hasEnded(within pipes: [Pipe]) -> Bool {
    var files = pipes.map(\.polled) + [pollfd(fd: watch, events: Int16(POLLIN), revents: 0)]
    poll(&files, nfds_t(files.count), watch >= 0 ? 50 : 5)
    // It is left as it is, so that nobody else gets its number before what it leads has ended.
    var info = siginfo_t()
    return waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo == SIGCHLD
  }

  /// Sends a signal to all that are in its group.
  func signal(_ number: Int32) { if !isReaped { kill(-process, number) } }

  /// Ends it, if it has not ended, and all that it left behind.
  func end() {
    guard !isReaped else { return }
    var left = marked()
    leftBehind = left.count
    signal(SIGKILL)
    // One that is about to start another may do so before it ends.
    for _ in 0..<100 where !left.isEmpty {
      for process in left { kill(process, SIGKILL) }
      usleep(2000)
      left = marked()
    }
    var code: Int32 = 0
    var usage = rusage()
    while wait4(process, &code, 0, &usage) < 0, errno == EINTR {}
    isReaped = true
    status = code & 0x7F == 0 ? .exited(code >> 8 & 0xFF) : .signaled(code & 0x7F)
    megabytes = Double(usage.ru_maxrss) / 1024
  }

  /// All that have the mark and are alive, but for the leader once it has ended. There may be some that went to a session
  /// of their own.
  private func marked() -> [pid_t] {
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    var found: [pid_t] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard let number = pid_t(name), number != getpid(), hasMark(number) else { continue }
      found.append(number)
    }
    return found
  }

  private func hasMark(_ number: pid_t) -> Bool {
    let file = open("/proc/\(number)/environ", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    var environment: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 14)
    while environment.count < 1 << 21 {
      let count = read(file, &piece, piece.count)
      guard count > 0 else { break }
      environment += piece[..<count]
    }
    return environment.split(separator: 0).contains { $0.elementsEqual(mark) }
  }
}
