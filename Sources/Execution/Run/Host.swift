import Foundation

/// Facts about the machine and this process.
enum Host {
  /// The processor's name.
  static let cpu: String = {
    let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = info.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
  }()

  /// The largest resident set of this process so far.
  static var peakMegabytes: Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024
  }

  /// Now, as ISO 8601 in UTC.
  static var date: String { Date.now.ISO8601Format() }
}
