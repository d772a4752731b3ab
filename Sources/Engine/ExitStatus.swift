import ArtifactStore
import RecipeSyntax
import StageKit

/// How a command ends, as a shell sees it.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  case stageFailed = 1
  /// The recipe or an input is wrong.
  case wrongInput = 2
  case expectationNotMet = 3
  case interrupted = 130

  /// Of several runs, the gravest one's status is that of all.
  public var severity: Int {
    switch self {
    case .done: 0
    case .expectationNotMet: 1
    case .stageFailed: 2
    case .wrongInput: 3
    case .interrupted: 4
    }
  }

  /// The status that an error means.
  public init(of error: any Error) {
    switch error {
    case let failure as ActionFailure: self.init(of: failure.cause)
    case let failures as RunFailures:
      let statuses = failures.failures.map { ExitStatus(of: $0) }
      self = statuses.allSatisfy { $0 == .wrongInput } ? .wrongInput : .stageFailed
    case is Cancelled, StoreError.interrupted: self = .interrupted
    case let error as StoreError where error.isUsersOwn: self = .wrongInput
    case is Diagnostics, is InputError, is ProgramsNotAllowed: self = .wrongInput
    case let error as ExecutionError where error.isUsersOwn: self = .wrongInput
    case let failure as DownloadFailure where failure.isUsersOwn: self = .wrongInput
    default: self = .stageFailed
    }
  }
}
