import ArtifactStore
import Cluster
import JSONSyntax

extension Summary {
  /// What was found out about a folder, a line for each check and the verdict last.
  public static func text(of examination: Examination) -> String {
    let mount = examination.mount.map { ": \($0.kind) (\($0.options.joined(separator: ",")))" } ?? ""
    return "\(examination.folder)\(mount)\n\(text(of: examination.checks))\(examination.conclusion)\n"
  }

  /// A line for each check.
  public static func text(of checks: [Examination.Check]) -> String {
    let width = checks.map(\.name.count).max() ?? 0
    return checks.map { check in
      let word = check.finding.rawValue
      return word + String(repeating: " ", count: 8 - word.count) + check.name
        + String(repeating: " ", count: width - check.name.count + 2) + check.detail + "\n"
    }.joined()
  }
}

extension Examination {
  /// The members of what is told to programs.
  public var members: [JSON.Member] {
    [
      .init("folder", .string(folder)), .init("file_system", .optional(mount?.kind)),
      .init("options", .array((mount?.options ?? []).map(JSON.string))),
      .init("checks", .array(checks.map(\.json))), .init("verdict", .string(verdict.rawValue)),
    ]
  }
}

extension Examination.Check {
  public var json: JSON {
    ["name": .string(name), "verdict": .string(finding.rawValue), "detail": .string(detail)]
  }
}
