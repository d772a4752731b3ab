import Dispatch
import Foundation

/// Turns the first SIGINT or SIGTERM into a request to stop; a second one ends the process as usual.
struct SignalWatch {
  private let sources: [any DispatchSourceSignal]

  init(onSignal: @escaping @Sendable () -> Void) {
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        signal(number, SIG_DFL)
        onSignal()
      }
      source.resume()
      return source
    }
  }

  /// From then on the signals end the process as usual.
  func cancel() {
    for source in sources { source.cancel() }
    for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
  }
}
