import CCurl
import Foundation

/// One attempt at bringing a file from an http or https server, from where an earlier attempt left off.
struct Transfer {
  enum Outcome {
    case done
    case refused(status: Int, String)
    /// The connection ended or went silent; what had arrived is there.
    case cut(String)
    case unreachable(String)
    case stopped(any Error)
  }

  let url: String
  /// Bytes that are there already.
  let offset: Int
  /// Seconds after which a silent server is given up.
  let patience: Int

  /// What a transfer tells, in this order. Each may stop it by throwing.
  protocol Receiver: AnyObject {
    /// The first byte comes next, which is number `position` of a file of `size` bytes, where that is known.
    func begin(at position: Int, size: Int?) throws
    func receive(_ bytes: UnsafeRawBufferPointer) throws
    /// Called now and then, even while nothing arrives.
    func check() throws
  }

  /// - Throws: ``TransferError/noLibrary(_:)``.
  func perform(into receiver: any Receiver) throws(TransferError) -> Outcome {
    if let problem = ccurl_load() { throw .noLibrary(String(cString: problem)) }
    let call = Call(receiver)
    var result = ccurl_result()
    url.withCString { url in
      withExtendedLifetime(call) {
        var request = ccurl_request(
          url: url, offset: Int64(offset), patience: patience,
          begin: { position, size, context in
            Call.at(context).guarding { try $0.begin(at: Int(position), size: size < 0 ? nil : Int(size)) }
          },
          receive: { bytes, count, context in
            Call.at(context).guarding { try $0.receive(UnsafeRawBufferPointer(start: bytes, count: count)) }
          },
          check: { context in Call.at(context).guarding { try $0.check() } },
          context: Unmanaged.passUnretained(call).toOpaque())
        ccurl_fetch(&request, &result)
      }
    }
    let message = withUnsafeBytes(of: result.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    switch result.outcome {
    case CCURL_DONE: return .done
    case CCURL_REFUSED: return .refused(status: result.status, message)
    case CCURL_CUT: return .cut(message)
    case CCURL_STOPPED:
      if let error = call.error { return .stopped(error) }
      return .cut(message)
    default: return .unreachable(message)
    }
  }

  /// A receiver on the other side of C, and the error with which it stopped.
  private final class Call {
    private let receiver: any Receiver
    private(set) var error: (any Error)?

    init(_ receiver: any Receiver) { self.receiver = receiver }

    static func at(_ context: UnsafeMutableRawPointer?) -> Call {
      Unmanaged<Call>.fromOpaque(context!).takeUnretainedValue()
    }

    /// 0, or 1 after noting what `body` threw.
    func guarding(_ body: (any Receiver) throws -> Void) -> Int32 {
      do {
        try body(receiver)
        return 0
      } catch {
        self.error = error
        return 1
      }
    }
  }
}
