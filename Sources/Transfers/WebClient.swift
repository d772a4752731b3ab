import CCurl
import FileSystem
import Foundation
import Synchronization

/// How somebody shows a server who they are. Sent to the origin that is asked (scheme, host and port), and never to
/// another that it redirects to.
public enum Credentials: Sendable, Hashable {
  /// `Authorization: Bearer …`
  case token(String)
  /// Basic authentication.
  case user(String, password: String)
  /// What the file at this path, in netrc's format, has for the server.
  case netrc(String)
  /// Each request signed for S3 by AWS Signature Version 4; the secret is not sent.
  case s3(S3Key)
}

/// Who asks an S3 server.
public struct S3Key: Sendable, Hashable {
  public let access: String
  public let secret: String
  /// Of temporary keys.
  public let session: String?
  public let region: String

  public init(access: String, secret: String, session: String? = nil, region: String) {
    self.access = access
    self.secret = secret
    self.session = session
    self.region = region
  }
}

/// Makes requests to http and https servers from any number of threads, and keeps connections for the next request.
public final class WebClient: Sendable {
  let credentials: Credentials?
  /// Seconds after which a connection that is not made is given up.
  let connecting: Int
  /// Seconds after which a silent server is given up.
  let silence: Int
  /// Bytes a second; a server that is slower for as long counts as silent.
  let pace: Int
  /// Those that nobody uses now.
  private let idle = Mutex<[Session]>([])

  public init(credentials: Credentials? = nil, connecting: Int, silence: Int, pace: Int = 0) {
    self.credentials = credentials
    self.connecting = connecting
    self.silence = silence
    self.pace = pace
  }

  /// Connections of one thread at a time: whoever took it out of ``idle``, whose lock guards it.
  final class Session: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer
    init(_ handle: UnsafeMutableRawPointer) { self.handle = handle }
    deinit { ccurl_close(handle) }
  }

  /// Why nothing can be fetched at all; nil where libcurl is there.
  public static var problem: String? { ccurl_load().map { String(cString: $0) } }

  func session() throws(TransferError) -> Session {
    if let session = idle.withLock({ $0.popLast() }) { return session }
    if let problem = Self.problem { throw .noLibrary(problem) }
    guard let handle = ccurl_open() else { throw .noLibrary("libcurl gives no handle") }
    return Session(handle)
  }

  func keep(_ session: Session) { idle.withLock { $0.append(session) } }

  // MARK: Requests

  /// The answer to GET.
  /// - Parameters:
  ///   - limit: the most bytes to take.
  ///   - check: called at least once a second; what it throws ends the request.
  /// - Throws: ``TransferError``, or what `check` throws.
  public func get(_ url: String, limit: Int, check: @escaping () throws -> Void) throws -> Data {
    let answer = Answer(url: url, limit: limit, checkpoint: check)
    try perform(Transfer(method: .get(from: 0), url: url), with: answer)
    return answer.data
  }

  /// Asks by HEAD whether there is something at `url`.
  /// - Throws: ``TransferError``, or what `check` throws.
  public func head(_ url: String, check: @escaping () throws -> Void) throws {
    try perform(Transfer(method: .head, url: url), with: Answer(url: url, limit: 0, checkpoint: check))
  }

  /// Puts bytes at `url`.
  /// - Parameter sha256: of these, in hex; a server that is told it takes no others.
  /// - Throws: ``TransferError``, or what `check` throws.
  public func put(_ data: Data, sha256: String, at url: String, check: @escaping () throws -> Void) throws {
    let answer = Answer(url: url, checkpoint: check) { position, buffer in
      let rest = data.dropFirst(position).prefix(buffer.count)
      rest.copyBytes(to: buffer)
      return rest.count
    }
    try perform(Transfer(method: .put(data.count, sha256: sha256), url: url), with: answer)
  }

  /// Puts the bytes of a plain file at `url`; a link is not followed.
  /// - Parameter sha256: of its bytes, in hex; a server that is told it takes no others.
  /// - Throws: ``TransferError``, or what `check` throws.
  public func put(file path: String, sha256: String, at url: String, check: @escaping () throws -> Void) throws {
    func failure() -> TransferError { .unreadable(path: path, reason: String(cString: strerror(errno))) }
    let (file, status): (Int32, stat)
    do { (file, status) = try InputFile.open(path, followsLinks: false) } catch {
      throw TransferError.unreadable(path: path, reason: error.reason)
    }
    defer { close(file) }
    let size = Int(status.st_size)
    let answer = Answer(url: url, checkpoint: check) { position, buffer in
      while true {
        let count = pread(file, buffer.baseAddress, min(buffer.count, max(0, size - position)), off_t(position))
        if count >= 0 { return count }
        guard errno == EINTR else { throw failure() }
      }
    }
    try perform(Transfer(method: .put(size, sha256: sha256), url: url), with: answer)
  }

  private func perform(_ transfer: Transfer, with answer: Answer) throws {
    switch try transfer.perform(by: self, with: answer) {
    case .done: return
    case .refused(let status, let reason):
      throw TransferError.refused(url: transfer.url, status: status, reason: reason)
    case .cut(let reason): throw TransferError.cut(url: transfer.url, received: answer.data.count, reason: reason)
    case .unreachable(let reason): throw TransferError.unreachable(url: transfer.url, reason: reason)
    case .misdirected(let reason): throw TransferError.misdirected(url: transfer.url, reason: reason)
    case .stopped(let error): throw error
    }
  }
}

/// The other end of a request whose answer is kept in memory.
private final class Answer: Transfer.Party {
  private let url: String
  private let limit: Int
  private let checkpoint: () throws -> Void
  private let source: (Int, UnsafeMutableRawBufferPointer) throws -> Int
  private(set) var data = Data()

  /// - Parameter source: puts what is to be sent, from a position on, into a buffer.
  init(
    url: String, limit: Int = 1 << 16, checkpoint: @escaping () throws -> Void,
    source: @escaping (Int, UnsafeMutableRawBufferPointer) throws -> Int = { _, _ in 0 }
  ) {
    self.url = url
    self.limit = limit
    self.checkpoint = checkpoint
    self.source = source
  }

  func begin(at position: Int, size: Int?) throws {
    if let size, size > limit { throw TransferError.tooLong(url: url, limit: limit) }
  }

  func receive(_ bytes: UnsafeRawBufferPointer) throws {
    guard data.count + bytes.count <= limit else { throw TransferError.tooLong(url: url, limit: limit) }
    data.append(contentsOf: bytes)
  }

  func send(from position: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try source(position, buffer)
  }

  func check() throws { try checkpoint() }
}
