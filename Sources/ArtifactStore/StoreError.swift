import Foundation

/// What can go wrong in the store, or with the files around it.
public enum StoreError: Error, Sendable, Hashable {
  /// An object that a record names is not there.
  case missing(Digest)
  /// An object's bytes are not what they were; they are kept in quarantine, and never served.
  case damaged(Digest, quarantined: String)
  /// Somebody else is using the store.
  case busy(String)
  case diskFull(path: String)
  case notPermitted(operation: String, path: String)
  case system(operation: String, path: String, code: Int32)

  /// The object that has to be made again before anything can use it.
  public var lostObject: Digest? {
    switch self {
    case .missing(let digest), .damaged(let digest, _): digest
    case .busy, .diskFull, .notPermitted, .system: nil
    }
  }

  /// The error that the system call `operation` on `path` left in `errno`.
  static func last(_ operation: String, _ path: String, code: Int32 = errno) -> StoreError {
    switch code {
    case ENOSPC, EDQUOT: .diskFull(path: path)
    case EACCES, EPERM, EROFS: .notPermitted(operation: operation, path: path)
    default: .system(operation: operation, path: path, code: code)
    }
  }
}

extension StoreError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing(let digest):
      "object \(digest.short)… is missing from the store; run again to recompute it"
    case .damaged(let digest, let quarantined):
      "object \(digest.short)… was damaged on disk; it is kept in \(quarantined) and has to be recomputed"
    case .busy(let path):
      "the store \(path) is in use by a run; try again when it is over"
    case .diskFull(let path):
      "no space left on the disk while writing \(path); free some, then run again: finished work is kept"
    case .notPermitted(let operation, let path):
      "not permitted to \(operation) \(path); check its owner and mode, or choose another store with --store"
    case .system(let operation, let path, let code):
      "could not \(operation) \(path): \(String(cString: strerror(code)))"
    }
  }
}
