import ArtifactStore
import RecipeSyntax
import StageKit

/// What can go wrong while a plan is walked.
public enum ExecutionError: Error, Sendable {
  /// A port that goes item by item lacks an item.
  case unmatchedItem(
    String, stage: String, port: String, from: String, available: [String], location: SourceLocation)
  /// At a port for parts of a stage's items there are some of others.
  case strayParts([String], stage: String, port: String, from: String, location: SourceLocation)
  case unreadableSource(path: String, stage: String, location: SourceLocation, reason: StoreError)
  /// A file is not as the recipe's lock pins it: how.
  case notAsPinned(String, location: SourceLocation)
  /// A file changed after its digest was taken.
  case changedSource(path: String)
  /// A stage kind broke its own declaration.
  case brokenDeclaration(kind: String, problem: String)
  /// `show` or `export` of something that has not been made, or of which so many items are.
  case notMade(String, made: Int = 0, of: Int = 0)
  case damagedTable(stage: String, problem: String)

  /// Whether the recipe or an input is to blame, not the program.
  var isUsersOwn: Bool {
    switch self {
    case .brokenDeclaration, .damagedTable: false
    case .unmatchedItem, .strayParts, .unreadableSource, .notAsPinned, .changedSource, .notMade: true
    }
  }
}

extension ExecutionError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unmatchedItem(let item, let stage, let port, let from, let available, let location):
      "\(location): error: stage '\(stage)' goes item by item, but '\(port)' (from '\(from)') has no item '\(item)'; "
        + "it has \(available.quoted(upTo: 12))"
    case .strayParts(let names, let stage, let port, let from, let location):
      "\(location): error: \(Self.strayParts(names, stage: stage, port: port, from: from))"
    case .unreadableSource(let path, let stage, let location, let reason):
      "\(location): error: stage '\(stage)' needs \(path): \(Self.why(reason))"
    case .notAsPinned(let problem, let location): "\(location): error: \(problem)"
    case .changedSource(let path):
      "\(path) changed while the run was using it; nothing was made from it: run again once it is complete"
    case .brokenDeclaration(let kind, let problem):
      "the stage kind '\(kind)' is at fault: \(problem); please report this"
    case .notMade(let name, let made, let count):
      made == 0
        ? "'\(name)' has not been made with these parameters and inputs; `run` the recipe first"
        : "'\(name)' is not whole: \(made) of \(count) items are made; `run` the recipe again, and see which stage fails; "
          + "`export --partial` writes those that are made"
    case .damagedTable(let stage, let problem): "the numbers of stage '\(stage)' cannot be read: \(problem)"
    }
  }

  private static func strayParts(_ names: [String], stage: String, port: String, from: String) -> String {
    "stage '\(stage)' has no picture for \(names.quoted) of '\(port)' (from '\(from)'): a part is called like its "
      + "picture, or like it with a number: NAME-1, NAME-2"
  }

  private static func why(_ error: StoreError) -> String {
    switch error {
    case .notPermitted: "not permitted to read it; check its owner and mode"
    case .system(_, _, let code) where code == 2: "there is no such file"
    default: "it cannot be read (\(error))"
    }
  }
}
