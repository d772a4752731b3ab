import FileSystem
import Foundation

/// What can go wrong in the store, or with the files around it.
public enum StoreError: Error, Sendable, Hashable {
  /// An object that a record names is not there.
  case missing(Digest)
  /// An object's bytes are not what they were, or cannot be read; they are kept in quarantine, unless the store is only
  /// read, and never served.
  case damaged(Digest, quarantined: String?)
  /// Somebody else is using the store.
  case busy(String)
  case diskFull(path: String)
  case notPermitted(operation: String, path: String)
  case system(operation: String, path: String, code: Int32)
  /// A symbolic link where there is none of the program's own.
  case link(String)
  /// Something else than a plain file.
  case notPlain(String, kind: String)
  /// A store that came with a repository or belongs to somebody else, and that nobody named.
  case untrusted(String, reason: String)
  /// Asked to stop in the middle of a long file.
  case interrupted

  /// The object that has to be made again before anything can use it.
  public var lostObject: Digest? {
    switch self {
    case .missing(let digest), .damaged(let digest, _): digest
    default: nil
    }
  }

  /// Whether a file cannot be read for a reason that lies in its bytes or in what it is, not in who asks: it can be put
  /// out of the way.
  package var isUnreadable: Bool {
    switch self {
    case .notPlain: true
    case .system(_, _, let code): [EIO, EUCLEAN, EBADMSG, EISDIR].contains(code)
    default: false
    }
  }

  /// Whether what the user named, or left in the way, is to blame.
  package var isUsersOwn: Bool {
    switch self {
    case .link, .notPlain, .untrusted: true
    default: false
    }
  }

  /// The error that the system call `operation` on `path` left in `errno`.
  package static func last(_ operation: String, _ path: String, code: Int32 = errno) -> StoreError {
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
      if let quarantined {
        "object \(digest.short)… was damaged on disk; it is kept in \(quarantined) and has to be recomputed"
      } else {
        "object \(digest.short)… was damaged on disk; `verify --repair` makes it again"
      }
    case .busy(let path):
      "the store \(path) is in use by a run; try again when it is over"
    case .diskFull(let path):
      "no space left on the disk while writing \(path); free some, then run again: finished work is kept"
    case .notPermitted(let operation, let path):
      "not permitted to \(operation) \(path); check its owner and mode, or choose another store with --store"
    case .system(let operation, let path, let code):
      "could not \(operation) \(path): \(String(cString: strerror(code)))\(Limits.advice(code))"
    case .link(let path):
      "\(path) is a symbolic link: none is followed in a store or in a run's results; see where it comes from, and remove it"
    case .notPlain(let path, let kind):
      "\(path) is \(kind), not a plain file: remove it, or name another"
    case .untrusted(let path, let reason):
      "the store \(path) \(reason), and its records would be believed: remove it, or, if you trust it, name it with "
        + "--store or in DIFFUSIONCLIP_STORE"
    case .interrupted: "interrupted"
    }
  }
}
