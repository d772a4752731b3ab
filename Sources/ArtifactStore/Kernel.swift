import Foundation

/// The kernel under which this process runs. Processes under one kernel share their `flock`s, also in containers; those
/// on two machines may not, over a network file system.
package enum Kernel {
  /// The kernel's UUID, new with every start of the machine; where it tells none, one of this process alone.
  private static let uuid: UUID = {
    let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    return text.flatMap { UUID(uuidString: $0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? UUID()
  }()

  package static let identity = uuid.uuidString.lowercased()

  /// The first half of the identity.
  static let number = withUnsafeBytes(of: uuid.uuid) { $0.loadUnaligned(as: UInt64.self) }

  /// A name that tells under which kernel it was given.
  static func signed(_ name: String) -> String { "\(name).\(identity)" }

  /// Whether a name was surely given under another kernel. Those of the first versions do not tell.
  static func isOther(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: ".") else { return false }
    return name[name.index(after: dot)...] != identity
  }
}
