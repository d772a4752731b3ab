import Escaping
import Foundation

/// Facts about the machine and this process.
package enum Host {
  /// The processor's name.
  package static let cpu = cpu(in: (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")

  /// The name in what `/proc/cpuinfo` says. It has none on aarch64, but numbers of who designed the processor and what it
  /// is; of several kinds in one machine, that of the first.
  package static func cpu(in info: String) -> String {
    func value(_ key: String) -> String? {
      let line = info.split(separator: "\n").first { $0.begins(with: key) }
      return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    }
    if let name = value("model name") { return name }
    guard let implementer = value("CPU implementer"), let part = value("CPU part") else { return "unknown" }
    return "aarch64, implementer \(implementer), part \(part)"
  }

  /// Now, as ISO 8601 in UTC.
  package static var date: String { Date.now.ISO8601Format() }
}
