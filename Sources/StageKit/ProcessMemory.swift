import Foundation

/// The memory of this process.
public enum ProcessMemory {
  /// The largest resident set so far, in MB of 1024² bytes.
  public static var peakMegabytes: Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024
  }
}
