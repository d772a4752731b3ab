import Foundation

/// Facts about the machine and this process.
package enum Host {
  /// The processor's name.
  package static let cpu: String = {
    let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = info.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
  }()

  /// Now, as ISO 8601 in UTC.
  package static var date: String { Date.now.ISO8601Format() }
}
