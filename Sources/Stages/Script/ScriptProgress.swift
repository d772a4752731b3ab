import Escaping
import Foundation
import JSONSyntax
import StageKit

/// What a program tells of its progress: lines of JSON such as `{"completed": 3, "total": 10, "values": {"loss": 0.1}}`.
final class ScriptProgress {
  private let context: any StageContext
  private var line: [UInt8] = []
  private var isIgnored = false
  private var isNoted = false
  private var told: ContinuousClock.Instant?

  /// Bytes of a line, numbers of one, and bytes of a name.
  private static let (longest, most, longestName) = (4096, 8, 32)
  /// Between two that are told.
  private static let pause = Duration.milliseconds(50)

  init(_ context: any StageContext) { self.context = context }

  func take(_ bytes: UnsafeRawBufferPointer) {
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        tell()
        line.removeAll(keepingCapacity: true)
        isIgnored = false
      } else if line.count < Self.longest {
        line.append(byte)
      } else {
        isIgnored = true
      }
    }
  }

  private func tell() {
    guard !isIgnored, let json = try? JSON(parsing: Data(line)), let completed = json["completed"]?.int,
      let total = json["total"]?.int, total > 0, 0...total ~= completed
    else {
      if !isNoted { context.log("a line of its progress is not {\"completed\": …, \"total\": …}, and ignored") }
      isNoted = true
      return
    }
    let now = ContinuousClock.now
    if let told, now - told < Self.pause, completed < total { return }
    told = now
    let values = (json["values"]?.members ?? []).compactMap { member in
      member.value.double.flatMap { value in
        value.isFinite && member.name.utf8.count <= Self.longestName
          ? ProgressValue(Escape.onOneLine(member.name), value) : nil
      }
    }
    context.progress(completed, of: total, unit: "steps", values: Array(values.prefix(Self.most)))
  }
}
