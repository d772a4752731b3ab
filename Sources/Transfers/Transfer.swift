import CCurl
import Foundation

/// One request to an http or https server, and to those that it redirects to, made once.
struct Transfer {
  enum Method {
    /// From where an earlier attempt left off: so many bytes are there already.
    case get(from: Int)
    case head
    /// So many bytes.
    case put(Int)
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
    var result = ccurl_result()
    withExtendedLifetime(call) {
      Self.withStrings(url, credentials) { url, token, user, password, netrc in
        var request = ccurl_request(
          method: CCURL_GET, url: url, offset: 0, size: 0, connecting: client.connecting, patience: client.silence,
          pace: client.pace,
          token: token, user: user, password: password, netrc: netrc,
          begin: { position, size, context in
            Call.at(context).guarding(1) {
              try $0.begin(at: Int(position), size: size < 0 ? nil : Int(size))
              return 0
            }
          },
          receive: { bytes, count, context in
            Call.at(context).guarding(1) {
              try $0.receive(UnsafeRawBufferPointer(start: bytes, count: count))
              return 0
            }
          },
          send: { position, buffer, count, context in
            Call.at(context).guarding(-1) {
              Int64(
                try $0.send(from: Int(position), into: UnsafeMutableRawBufferPointer(start: buffer, count: count)))
            }
          },
          check: { context in
            Call.at(context).guarding(1) {
              try $0.check()
              return 0
            }
          },
          context: Unmanaged.passUnretained(call).toOpaque())
        switch method {
        case .get(let offset): request.offset = Int64(offset)
        case .head: request.method = CCURL_HEAD
        case .put(let size): (request.method, request.size) = (CCURL_PUT, Int64(size))
        }
        ccurl_perform(session.handle, &request, &result)
      }
    }
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

  /// The strings of a request as C has them; nil for those that do not count.
  private static func withStrings(
    _ url: String, _ credentials: Credentials?,
    _ body: (
      UnsafePointer<CChar>, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<CChar>?
    ) -> Void
  ) {
    url.withCString { url in
      switch credentials {
      case nil: body(url, nil, nil, nil, nil)
      case .token(let token): token.withCString { body(url, $0, nil, nil, nil) }
      case .user(let name, let password):
        name.withCString { name in password.withCString { body(url, nil, name, $0, nil) } }
      case .netrc(let file): file.withCString { body(url, nil, nil, nil, $0) }
      }
    }
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
