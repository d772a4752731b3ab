import Foundation
import Synchronization

/// The memory of this process.
public enum ProcessMemory {
  private static let highest = Mutex(0.0)

  /// The largest resident set since the last ``resetPeak()``, in MB of 1024² bytes.
  public static var peakMegabytes: Double {
    // What `getrusage` tells holds also for the program that this one was started by.
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    if let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Double($0) }) {
      return kilobytes / 1024
    }
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024
  }

  /// The largest resident set so far, whatever was reset.
  public static var highestMegabytes: Double { max(peakMegabytes, highest.withLock { $0 }) }

  /// Begins the measurement of the peak anew.
  /// - Returns: whether the system can.
  @discardableResult
  public static func resetPeak() -> Bool {
    let peak = peakMegabytes
    highest.withLock { $0 = max($0, peak) }
    let file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    return write(file, "5", 1) == 1
  }
}

/// Measures the memory that pieces of work take, of each while it is the only one: side by side they cannot be told
/// apart.
public final class MemoryMeter: Sendable {
  private struct State {
    var running = 0
    /// Whether what runs now was always alone, and the peak is its.
    var isTold = false
  }

  private let state = Mutex(State())

  public init() {}

  /// What `work` gives, and its largest resident set in MB of 1024² bytes; nil where that cannot be told.
  public func measure<Made>(_ work: () throws -> Made) rethrows -> (made: Made, megabytes: Double?) {
    state.withLock { state in
      state.running += 1
      state.isTold = state.running == 1 && ProcessMemory.resetPeak()
    }
    defer { state.withLock { $0.running -= 1 } }
    let made = try work()
    return (made, state.withLock { $0.isTold } ? ProcessMemory.peakMegabytes : nil)
  }
}
