/// What was found out about a folder in which a store is, or might be.
public struct Examination: Sendable {
  /// One thing that the store, or the program, needs, tried.
  public struct Check: Sendable {
    public enum Finding: String, Sendable { case ok, slow, missing, unsafe }
    public let name: String
    public let finding: Finding
    /// What it means, and what to do.
    public let detail: String

    public init(name: String, finding: Finding, detail: String) {
      (self.name, self.finding, self.detail) = (name, finding, detail)
    }
  }

  public enum Verdict: String, Sendable {
    case safe = "safe to share between machines"
    case doubleWork = "safe, but work may be done twice"
    case oneMachine = "safe on this machine"
    case unsafe
  }

  public let folder: String
  /// Nil where the kernel does not tell.
  public let mount: Mount?
  public internal(set) var checks: [Check] = []
  /// How far locks reach: what is known, until it is tried.
  var reach: Mount.Reach

  init(_ folder: String, mount: Mount?) {
    self.folder = folder
    self.mount = mount
    reach = mount?.known.reach ?? .unknown
  }

  public var verdict: Verdict {
    if checks.contains(where: { $0.finding == .unsafe }) { return .unsafe }
    switch reach {
    case .everywhere: return .safe
    case .oneMachine: return .doubleWork
    case .unshared, .unknown: return .oneMachine
    }
  }

  /// The verdict in one line, with what follows from it.
  public var conclusion: String {
    let word = verdict.rawValue
    switch (verdict, reach) {
    case (.safe, _): return word
    case (.doubleWork, _):
      return "\(word): flock does not reach other machines; start `gc` only while no machine works in the store"
    case (.unsafe, _):
      return "\(word): " + checks.filter { $0.finding == .unsafe }.map(\.name).joined(separator: ", ")
    case (.oneMachine, .unknown):
      return "\(word); whether others may share it is not known: try `doctor --with \"ssh OTHER\"`"
    case (.oneMachine, _): return "\(word), to which it belongs"
    }
  }
}
