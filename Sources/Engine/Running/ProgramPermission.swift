import Escaping
import Foundation
import Planning
import StageKit

/// Whether the user allows that stages start programs. A recipe, a file of a repository or a plan's file never does.
public enum ProgramPermission: Sendable {
  case denied, granted

  /// - Parameter isGiven: whether the command line allows it; else `DIFFUSIONCLIP_ALLOW_SCRIPTS` does, where it is 1.
  /// - Throws: `InputError` where the environment says something that makes no sense.
  public init(
    isGiven: Bool = false, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    switch environment["DIFFUSIONCLIP_ALLOW_SCRIPTS"] {
    case "1": self = .granted
    case nil, "", "0": self = isGiven ? .granted : .denied
    case let text?: throw InputError("DIFFUSIONCLIP_ALLOW_SCRIPTS is '\(text.abridged)', expected 1 or 0")
    }
  }

  /// - Throws: ``ProgramsNotAllowed`` where one of `stages` would start a program that the user has not allowed.
  package func require(for stages: some Sequence<PlannedStage>) throws {
    guard self == .denied else { return }
    let starting = stages.filter { $0.kind.program($0.parameters) != nil }
    if !starting.isEmpty { throw ProgramsNotAllowed(stages: starting.uniqued(by: \.id)) }
  }
}

/// Stages would start programs, and the user has not allowed it.
struct ProgramsNotAllowed: Error, CustomStringConvertible {
  let stages: [PlannedStage]

  /// More commands than these are counted.
  private static let most = 100

  var description: String {
    let lines = stages.prefix(Self.most).map { stage in
      let words = stage.kind.program(stage.parameters) ?? []
      return "  \(stage.id): " + words.map { Escape.shell(Escape.onOneLine($0)) }.joined(separator: " ") + "\n"
    }
    let rest = stages.count - Self.most
    return
      "the recipe would start \(Readable.count(stages.count, "program")) on this machine, which needs your permission; nothing was run:\n"
      + lines.joined() + (rest > 0 ? "  … and \(rest) more\n" : "")
      + "read these programs; if you trust them, give `run`, `exec` or `submit` --allow-scripts, or set "
      + "DIFFUSIONCLIP_ALLOW_SCRIPTS=1"
  }
}

extension Sequence {
  fileprivate func uniqued<Key: Hashable>(by key: (Element) -> Key) -> [Element] {
    var met: Set<Key> = []
    return filter { met.insert(key($0)).inserted }
  }
}
