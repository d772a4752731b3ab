import CCurl
import Foundation

/// One request to an http or https server, and to those that it redirects to, made once.
struct Transfer {
  enum Method {
    /// From where an earlier attempt left off: so many bytes are there already.
    case get(from: Int)
    case head
    /// So many bytes, with this SHA-256 in hex.
    case put(Int, sha256: String)
  }

  enum Outcome {
    case done
    case refused(status: Int, String)
    /// The connection ended or went silent; what had arrived is there.
    case cut(String)
    case unreachable(String)
    /// The address, or one that it redirects to, leads nowhere: the same again would bring the same.
    case misdirected(String)
    case stopped(any Error)
  }

  let method: Method
  let url: String

  /// What a transfer tells and asks. Each may stop it by throwing.
  protocol Party: AnyObject {
    /// The first byte comes next, which is number `position` of a file of `size` bytes, where that is known.
    func begin(at position: Int, size: Int?) throws
    func receive(_ bytes: UnsafeRawBufferPointer) throws
    /// Puts what is to be sent, from byte `position` on, into `buffer`: how many bytes.
    func send(from position: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int
    /// Called now and then, even while nothing arrives.
    func check() throws
  }

  /// How many redirections are followed.
  private static let redirectionLimit = 10

  /// Credentials are for the origin of ``url``: a redirection that leaves it goes on without, wherever it leads.
  /// - Throws: ``TransferError/noLibrary(_:)``.
  func perform(by client: WebClient, with party: any Party) throws(TransferError) -> Outcome {
    let session = try client.session()
    defer { client.keep(session) }
    let origin = Origin(url)
    var (address, credentials) = (url, client.credentials)
    for _ in 0...Self.redirectionLimit {
      switch request(address, as: credentials, by: client, session, with: party) {
      case .ended(let outcome): return outcome
      case .redirected(let next):
        guard Origin.isWeb(next) else { return .misdirected("it redirects to what is neither http nor https") }
        if origin == nil || Origin(next) != origin { credentials = nil }
        address = next
      }
    }
    return .misdirected("it redirects more than \(Self.redirectionLimit) times")
  }

  private enum Answer {
    case ended(Outcome)
    case redirected(String)
  }

  /// Asks one server.
  private func request(
    _ url: String, as credentials: Credentials?, by client: WebClient, _ session: WebClient.Session,
    with party: any Party
  ) -> Answer {
    let call = Call(party)
    let strings = CStrings()
    var request = ccurl_request()
    request.url = strings.keep(url)
    request.connecting = client.connecting
    request.patience = client.silence
    request.pace = client.pace
    request.begin = { position, size, context in
      Call.at(context).guarding(1) {
        try $0.begin(at: Int(position), size: size < 0 ? nil : Int(size))
        return 0
      }
    }
    request.receive = { bytes, count, context in
      Call.at(context).guarding(1) {
        try $0.receive(UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
      }
    }
    request.send = { position, buffer, count, context in
      Call.at(context).guarding(-1) {
        Int64(try $0.send(from: Int(position), into: UnsafeMutableRawBufferPointer(start: buffer, count: count)))
      }
    }
    request.check = { context in
      Call.at(context).guarding(1) {
        try $0.check()
        return 0
      }
    }
    request.context = Unmanaged.passUnretained(call).toOpaque()
    var sha256 = Self.sha256OfNothing
    switch method {
    case .get(let offset): request.offset = Int64(offset)
    case .head: request.method = CCURL_HEAD
    case .put(let size, let digest):
      request.method = CCURL_PUT
      request.size = Int64(size)
      sha256 = digest
    }
    switch credentials {
    case nil: break
    case .token(let token): request.token = strings.keep(token)
    case .user(let name, let password):
      request.user = strings.keep(name)
      request.password = strings.keep(password)
    case .netrc(let file): request.netrc = strings.keep(file)
    case .s3(let key):
      request.signing = strings.keep("aws:amz:\(key.region):s3")
      request.user = strings.keep(key.access)
      request.password = strings.keep(key.secret)
      request.headers.0 = strings.keep("x-amz-content-sha256: \(sha256)")
      if let session = key.session { request.headers.1 = strings.keep("x-amz-security-token: \(session)") }
    }
    var result = ccurl_result()
    withExtendedLifetime((call, strings)) { ccurl_perform(session.handle, &request, &result) }
    let message = withUnsafeBytes(of: result.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    switch result.outcome {
    case CCURL_DONE: return .ended(.done)
    case CCURL_REDIRECTED: return .redirected(Origin.withoutCredentials(String(cString: result.address)))
    case CCURL_REFUSED: return .ended(.refused(status: result.status, message))
    case CCURL_MISDIRECTED: return .ended(.misdirected(message))
    case CCURL_CUT: return .ended(.cut(message))
    case CCURL_STOPPED: return .ended(call.error.map(Outcome.stopped) ?? .cut(message))
    default: return .ended(.unreachable(message))
    }
  }

  private static let sha256OfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

  /// Strings as C has them, for as long as this lives.
  private final class CStrings {
    private var kept: [UnsafeMutablePointer<CChar>?] = []

    func keep(_ string: String) -> UnsafePointer<CChar>? {
      kept.append(strdup(string))
      return kept.last.flatMap { $0.map { UnsafePointer($0) } }
    }

    deinit { for string in kept { free(string) } }
  }

  /// A party on the other side of C, and the error with which it stopped.
  private final class Call {
    private let party: any Party
    private(set) var error: (any Error)?

    init(_ party: any Party) { self.party = party }

    static func at(_ context: UnsafeMutableRawPointer?) -> Call {
      Unmanaged<Call>.fromOpaque(context!).takeUnretainedValue()
    }

    /// What `body` gives, or `failure` after noting what it threw.
    func guarding<Number>(_ failure: Number, _ body: (any Party) throws -> Number) -> Number {
      do { return try body(party) } catch {
        self.error = error
        return failure
      }
    }
  }
}
