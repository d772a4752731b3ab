import Foundation
import Hashing

/// A file from a server, known by its content, or got to know.
public struct Download: Sendable, Hashable {
  /// Over http or https: of each the next where the file is not to be had.
  public let urls: [String]
  /// 64 hexadecimal digits in lower case; nil where nobody says them, and whatever comes is taken.
  public let sha256: String?
  /// How many bytes it has, where that is known: no more are taken.
  public let size: Int?
  /// No more are taken where it is not known.
  public static let sizeLimit = 16 << 30

  public init(urls: [String], sha256: String?, size: Int? = nil) {
    self.urls = urls
    self.sha256 = sha256
    self.size = size
  }

  public init(url: String, sha256: String, size: Int? = nil) { self.init(urls: [url], sha256: sha256, size: size) }

  /// How patient a download is.
  public struct Patience: Sendable {
    /// Seconds after which a silent server is given up.
    public var silence: Int
    /// Attempts in a row that bring nothing new.
    public var attempts: Int
    /// Seconds between the first two of them; doubled from each to the next.
    public var pause: Double

    public init(silence: Int = 30, attempts: Int = 4, pause: Double = 1) {
      self.silence = silence
      self.attempts = attempts
      self.pause = pause
    }
  }

  /// Brings the file to `path`, by way of `path`.part, which an interrupted download leaves and a later one goes on
  /// from. When it returns, `path` has exactly the bytes of ``sha256``, if that is known; where it throws, nothing has the name `path`
  /// that had not before. Only one process at a time may work at a `path`.
  ///
  /// What one address has given of it is gone on from at the next: the digest tells whether that was right.
  /// - Parameters:
  ///   - client: who asks; the silence that it bears is what counts then.
  ///   - progress: how many bytes there are, of how many where that is known.
  ///   - next: told why the file is not to be had at an address, before the next one is asked.
  ///   - check: called at least once a second; what it throws ends the download.
  /// - Returns: the SHA-256 of what `path` has now.
  /// - Throws: ``TransferError``, or what `check` throws.
  @discardableResult
  public func fetch(
    to path: String, by client: WebClient? = nil, patience: Patience = Patience(),
    progress: @escaping (Int, Int?) -> Void, next: (TransferError) -> Void = { _ in },
    check: @escaping () throws -> Void
  ) throws -> String {
    let client = client ?? WebClient(connecting: patience.silence, silence: patience.silence)
    var problems: [TransferError] = []
    for url in urls {
      do {
        let part = try PartialFile(at: path + ".part", of: self, from: url, progress: progress, check: check)
        return try fetch(from: url, into: part, as: path, by: client, patience, check)
      } catch let error as TransferError where error.isOfServer {
        problems.append(error)
        if problems.count < urls.count { next(error) }
      }
    }
    throw problems.count == 1 ? problems[0] : TransferError.nowhere(problems)
  }

  private func fetch(
    from url: String, into part: PartialFile, as path: String, by client: WebClient, _ patience: Patience,
    _ check: @escaping () throws -> Void
  ) throws -> String {
    var failures = 0
    while true {
      let before = part.count
      var problem: TransferError
      switch try Transfer(method: .get(from: before), url: url).perform(by: client, with: part) {
      case .done:
        let found = try part.digest()
        guard let sha256, found != sha256 else {
          try part.publish(as: path)
          return found
        }
        problem = .wrongContent(url: url, expected: sha256, found: found)
        try part.truncate(to: 0)
        // What was put together from pieces may have been of two files: once more from the start tells.
        if before == 0 {
          part.remove()
          throw problem
        }
      case .stopped(let error):
        if case TransferError.tooLong = error { part.remove() }
        throw error
      case .refused(let status, let reason):
        problem = .refused(url: url, status: status, reason: reason)
        if status == 416 {
          // There is no rest: what is there is the whole file, or no part of the server's.
          if let sha256, try part.digest() == sha256 {
            try part.publish(as: path)
            return sha256
          }
          try part.truncate(to: 0)
        } else if !(status == 408 || status == 429 || status >= 500) {
          throw problem
        }
      case .misdirected(let reason): throw TransferError.misdirected(url: url, reason: reason)
      case .cut(let reason): problem = .cut(url: url, received: part.count, reason: reason)
      case .unreachable(let reason): problem = .unreachable(url: url, reason: reason)
      }
      failures = part.count > before + client.pace * client.silence ? 0 : failures + 1
      guard failures < patience.attempts else { throw problem }
      if failures > 0 { try wait(patience.pause * pow(2, Double(failures - 1)), check) }
    }
  }

  private func wait(_ seconds: Double, _ check: () throws -> Void) throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      try check()
      usleep(20_000)
    }
  }
}

/// What has arrived of a file so far.
private final class PartialFile: Transfer.Party {
  private let path: String
  private let download: Download
  private let url: String
  private let file: Int32
  private let progress: (Int, Int?) -> Void
  private let checkpoint: () throws -> Void
  /// Bytes that are there.
  private(set) var count: Int
  private var size: Int?

  init(
    at path: String, of download: Download, from url: String, progress: @escaping (Int, Int?) -> Void,
    check: @escaping () throws -> Void
  ) throws {
    // Whoever brought the folder here may have put a link to another file there, or what is no file.
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
    guard file >= 0 else {
      let reason = errno == ELOOP ? "it is a link" : String(cString: strerror(errno))
      throw TransferError.disk(path: path, reason: reason)
    }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      throw TransferError.disk(path: path, reason: "it is not a file")
    }
    self.path = path
    self.download = download
    self.url = url
    self.progress = progress
    checkpoint = check
    count = Int(lseek(file, 0, SEEK_END))
  }

  deinit { close(file) }

  func begin(at position: Int, size: Int?) throws {
    if position != count { try truncate(to: position) }
    self.size = size
    if let size { try limit(to: size) }
  }

  func receive(_ bytes: UnsafeRawBufferPointer) throws {
    try limit(to: count + bytes.count)
    var written = 0
    while written < bytes.count {
      let result = pwrite(file, bytes.baseAddress! + written, bytes.count - written, off_t(count))
      if result > 0 { (written, count) = (written + result, count + result) } else if errno != EINTR { throw failure() }
    }
    progress(count, size)
  }

  private func limit(to size: Int) throws {
    let limit = download.size ?? Download.sizeLimit
    if size > limit { throw TransferError.tooLong(url: url, limit: limit) }
  }

  /// Nothing is sent.
  func send(from position: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int { 0 }

  func check() throws { try checkpoint() }

  func truncate(to length: Int) throws {
    guard ftruncate(file, off_t(length)) == 0 else { throw failure() }
    count = length
  }

  /// The SHA-256 of what is there.
  func digest() throws -> String {
    var hash = SHA256()
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { piece.deallocate() }
    var place = 0
    while place < count {
      let result = pread(file, piece.baseAddress, piece.count, off_t(place))
      if result < 0, errno == EINTR { continue }
      guard result > 0 else { throw failure() }
      hash.update(UnsafeRawBufferPointer(rebasing: piece[..<result]))
      place += result
      try checkpoint()
    }
    return hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Gives the file its name, once its bytes are on the disk.
  func publish(as target: String) throws {
    guard fsync(file) == 0, rename(path, target) == 0 else { throw failure() }
  }

  /// Leaves nothing behind.
  func remove() { unlink(path) }

  /// What the last system call failed of. A full disk is not kept full by what is of no use as it is.
  private func failure() -> TransferError {
    guard errno == ENOSPC || errno == EDQUOT else { return .disk(path: path, reason: String(cString: strerror(errno))) }
    remove()
    return .diskFull(path: path)
  }
}
