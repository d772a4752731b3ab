/// What can go wrong with a download or another request.
public enum TransferError: Error, Sendable, Hashable {
  case noLibrary(String)
  case unreachable(url: String, reason: String)
  /// The address is none, or redirects in a circle or to what is no web server.
  case misdirected(url: String, reason: String)
  case refused(url: String, status: Int, reason: String)
  /// It broke off again and again without getting further.
  case cut(url: String, received: Int, reason: String)
  /// The bytes are not those that were asked for.
  case wrongContent(url: String, expected: String, found: String)
  /// There are more bytes than there may be.
  case tooLong(url: String, limit: Int)
  /// It is to be had at none of several addresses, for these reasons.
  case nowhere([TransferError])
  /// There is no space for a file. What was there of it has been removed.
  case diskFull(path: String)
  /// A file could not be written.
  case disk(path: String, reason: String)
  /// A file that is to be sent could not be read.
  case unreadable(path: String, reason: String)
}

extension TransferError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noLibrary(let problem): problem
    case .unreachable(let url, let reason): "cannot reach \(url): \(reason)"
    case .misdirected(let url, let reason): "\(url) leads to no file: \(reason)"
    case .refused(let url, let status, let reason):
      status > 0 ? "\(url): the server answers \(status)" : "\(url): \(reason)"
    case .cut(let url, let received, let reason): "\(url): broke off after \(received) bytes: \(reason)"
    case .wrongContent(let url, let expected, let found):
      "\(url): its SHA-256 is \(found), expected \(expected): the server has another file, or the pin is wrong"
    case .tooLong(let url, let limit): "\(url): longer than \(limit) bytes, which is all that it may have"
    case .nowhere(let reasons): reasons.map(\.description).joined(separator: "; ")
    case .diskFull(let path): "no space left on the disk while writing \(path), which was removed"
    case .disk(let path, let reason): "could not write \(path): \(reason)"
    case .unreadable(let path, let reason): "could not read \(path): \(reason)"
    }
  }
}

extension TransferError {
  /// Whether another server may do better.
  var isOfServer: Bool {
    switch self {
    case .unreachable, .misdirected, .refused, .cut, .wrongContent, .tooLong, .nowhere: true
    case .noLibrary, .diskFull, .disk, .unreadable: false
    }
  }
}
