import ArtifactStore
import Cluster
import JSONSyntax

extension Summary {
  /// What was found out about a folder, a line for each check and the verdict last.
  public static func text(of examination: Examination) -> String {
    let width = examination.checks.map(\.name.count).max() ?? 0
    var text = "\(examination.folder)"
    if let mount = examination.mount { text += ": \(mount.kind) (\(mount.options.joined(separator: ",")))" }
    for check in examination.checks {
      let word = check.finding.rawValue
      text += "\n\(word)\(String(repeating: " ", count: 8 - word.count))\(check.name)"
      text += String(repeating: " ", count: width - check.name.count + 2) + check.detail
    }
    return text + "\n\(examination.conclusion)\n"
  }
}

extension Examination {
  public var json: JSON {
    [
      "folder": .string(folder), "file_system": .optional(mount?.kind),
      "options": .array((mount?.options ?? []).map(JSON.string)),
      "checks": .array(
        checks.map {
          ["name": .string($0.name), "verdict": .string($0.finding.rawValue), "detail": .string($0.detail)]
        }),
      "verdict": .string(verdict.rawValue),
    ]
  }
}
