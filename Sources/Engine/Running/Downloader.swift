import ArtifactStore
import Foundation
import StageKit
import Transfers

/// Brings the files that an action takes from servers into the store, before it runs.
struct Downloader: Sendable {
  let store: Store
  let interruption: Interruption
  /// Seconds after which a silent server is given up, where the user says so.
  let patience: Int?
  let emit: @Sendable (RunEvent) -> Void

  /// Each file is downloaded once, however many actions and processes want it; what an earlier attempt left is used.
  /// - Throws: ``DownloadFailure``, `Cancelled` or `StoreError`.
  func fetch(for action: Action) throws {
    for file in action.sources.values.joined() {
      guard !file.urls.isEmpty, try !store.hasDownload(file.digest) else { continue }
      let lease = try interruption.waiting { try store.downloadLease(for: file.digest) }
      defer { withExtendedLifetime(lease) {} }
      // Somebody else may have had the lease for the same file.
      guard try !store.hasDownload(file.digest) else { continue }
      var shown: Int?
      do {
        try Download(urls: file.urls, sha256: file.digest.hex, size: file.size).fetch(
          to: file.path, patience: patience.map { .init(silence: $0, pause: 0.1) } ?? .init(),
          progress: { received, size in
            // It arrives in pieces of some kilobytes.
            let megabytes = received >> 20
            guard megabytes != shown else { return }
            shown = megabytes
            let progress = ActionProgress(
              completed: megabytes, total: (size ?? 0) >> 20, unit: "MB downloaded", values: [])
            emit(.progress(action.id, progress))
          }, next: { emit(.log(action.id, "\($0); trying the next address")) }, check: interruption.check)
      } catch let error as TransferError {
        // Where locks do not reach, another machine may have downloaded it at the same time, and was faster.
        guard try store.hasDownload(file.digest) else { throw DownloadFailure(error, file: file) }
      }
    }
  }
}

/// A file could not be downloaded.
struct DownloadFailure: Error, CustomStringConvertible {
  let cause: TransferError
  let description: String

  init(_ cause: TransferError, file: SourceFile) {
    self.cause = cause
    description =
      switch cause {
      case .tooLong where file.size == nil:
        "\(cause). If it is the right file, give its 'size' beside its 'url'"
      case .noLibrary, .unreachable, .misdirected, .refused, .cut, .wrongContent, .tooLong, .nowhere:
        "\(cause). Or fetch the file elsewhere and put it at \(file.path) (its SHA-256 has to be \(file.digest.hex)), "
          + "or name a file of this machine in the recipe"
      case .diskFull: "\(cause); free some space, then run again"
      case .disk, .unreadable: "\(cause); solve that, then run again: what has arrived is kept"
      }
  }

  /// Whether the recipe is to blame: it asks for what the server does not have, or leads nowhere.
  var isUsersOwn: Bool { Self.isUsersOwn(cause) }

  private static func isUsersOwn(_ cause: TransferError) -> Bool {
    switch cause {
    case .nowhere(let reasons): reasons.allSatisfy(isUsersOwn)
    case .wrongContent, .tooLong, .misdirected: true
    case .refused(_, let status, _): (400..<500).contains(status)
    case .noLibrary, .unreachable, .cut, .diskFull, .disk, .unreadable: false
    }
  }
}
