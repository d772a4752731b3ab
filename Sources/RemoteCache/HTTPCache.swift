import ArtifactStore
import Engine
import Foundation
import StageKit
import Synchronization
import Transfers

/// A shared cache over HTTP, by the protocol of Bazel's remote cache, or in a bucket of S3: objects under
/// `cas/<sha256>`, records of actions under `ac/<key>` (see ``CacheEntry``).
///
/// A help, never a need: what the server does not have, or gives wrongly, is a miss, and a server that does not answer
/// is put aside. Nothing that was not verified gets into the store.
public final class HTTPCache: SharedCache {
  private let settings: CacheSettings
  private let client: WebClient
  private let interruption: Interruption
  private let isOptional: Bool
  private let say: @Sendable (String) -> Void
  private let limiter = ConcurrencyLimiter(16)
  private let uploads = CacheUploads()
  private let state = Mutex(State())

  /// So many failures in a row, for one purpose, and the server is given up.
  private static let bearable = 3

  /// Bytes a second: what comes slower is made as fast.
  private static let bearablePace = 16_384

  /// What a request is about.
  private enum Purpose {
    case record, object
    /// Whether an object is there.
    case question
    case upload

    /// Statuses that say that there is nothing, or that the question is not known.
    var misses: Set<Int> {
      switch self {
      case .record, .object: [404, 410]
      case .question: [404, 405, 410, 501]
      case .upload: []
      }
    }
  }

  private struct State {
    /// In a row, for each purpose: a server may take questions and nothing else.
    var failures: [Purpose: Int] = [:]
    var isAway = false
    /// How many requests were in vain, and why the last was.
    var vain = 0
    var reason = ""
    var refusesUploads = false
    /// What was warned of: once is enough.
    var issues: Set<ValidationIssue> = []
    /// Objects that the server is known to have.
    var known: Set<Digest> = []
    /// Objects that are being uploaded.
    var underWay: Set<Digest> = []
  }

  private enum ValidationIssue { case object, record, signature, upload, loss }

  /// The server was given up while a request was under way.
  private struct Away: Error {}

  /// - Parameters:
  ///   - isOptional: whether work goes on without the cache; only for what is said of it.
  ///   - say: tells a person what is wrong with the cache.
  public init(
    _ settings: CacheSettings, interruption: Interruption, isOptional: Bool, say: @escaping @Sendable (String) -> Void
  ) {
    self.settings = settings
    self.interruption = interruption
    self.isOptional = isOptional
    self.say = say
    client = WebClient(
      credentials: settings.credentials, connecting: min(3, settings.patience), silence: settings.patience,
      pace: Self.bearablePace)
  }

  package func take(_ key: Digest, from store: Store) {
    guard settings.mode == .write else { return }
    // The run has what it needs: whatever goes wrong here is only counted.
    uploads.add { ((try? self.upload(key, from: store)) ?? nil) != nil }
  }

  package func finish(_ interruption: Interruption, say: (String) -> Void) -> Int {
    uploads.finish(interruption, say: say)
  }

  /// Whether the server was given up.
  public var isAway: Bool { state.withLock { $0.isAway } }

  /// What to say of requests that were in vain, where the server was not given up; nil where there were none.
  public var trouble: String? {
    let (vain, reason, isAway) = state.withLock { ($0.vain, $0.reason, $0.isAway) }
    guard vain > 0, !isAway else { return nil }
    return "the cache \(settings.url) did not answer \(Readable.count(vain, "request")) (\(reason)): the same command "
      + "goes on from here"
  }

  /// Whether uploads are in vain.
  public var refusesUploads: Bool { state.withLock { $0.isAway || $0.refusesUploads } }

  // MARK: Taking

  /// As ``SharedCache`` has it.
  /// - Throws: `Cancelled`, `StoreError`, or `TransferError` where the disk is full.
  package func fetch(
    _ actions: [Action], into store: Store, onHit: @escaping @Sendable (Action) -> Void
  ) async throws -> [FinishedAction?] {
    let found = try await limiter.map(actions) { try self.find($0, in: store) }
    let objects = found.compactMap { $0?.record }.flatMap(\.objects).uniqued
    let arrived = try await limiter.map(objects) { try self.bring($0, into: store) ? $0 : nil }
    let there = Set(arrived.compactMap { $0 })
    let tasks = zip(actions, found).map { (action: $0, found: $1) }
    return try await limiter.map(tasks) { task in
      guard let found = task.found, there.isSuperset(of: found.record.objects) else { return nil }
      if found.isNew { try store.attempt().publish(found.record) }
      guard case .hit(let made) = try store.lookup(task.action.key) else { return nil }
      onHit(task.action)
      return made
    }
  }

  /// The record of an action, from the store where that has lost but the objects, else from the cache.
  private func find(_ action: Action, in store: Store) throws -> (record: ActionRecord, isNew: Bool)? {
    if let record = try store.record(of: action.key) { return (record, false) }
    guard settings.trust != .none else { return nil }
    let url = url(ofRecord: action.key)
    guard let data = try asking(.record, { try client.get(url, limit: CacheEntry.limit, check: $0) }) else {
      return nil
    }
    guard let entry = CacheEntry(data) else { return reject(url, "it is not a record") }
    if settings.trust == .signed {
      guard let signature = entry.signature, settings.signer?.isValid(signature, of: entry.record) == true else {
        warn(.signature, "\(url) is not signed by the secret in DIFFUSIONCLIP_CACHE_KEY: not used")
        return nil
      }
    }
    guard let record = ActionRecord(sealed: entry.record) else { return reject(url, "it is damaged") }
    if let objection = action.objection(to: record) { return reject(url, objection) }
    // A page has scripts, and goes to people who never heard of the cache: who wrote it has to be known.
    if settings.trust != .signed, record.outputs.contains(where: { $0.artifact.type == .page }) { return nil }
    return (record, true)
  }

  private func reject<Made>(_ url: String, _ reason: String) -> Made? {
    warn(.record, "\(url) is not the record that it should be (\(reason)): not used")
    return nil
  }

  /// Whether the object is in the store, which it is brought to where it was not.
  private func bring(_ item: Artifact.Item, into store: Store) throws -> Bool {
    func isThere() throws -> Bool { try store.size(of: item.object) == item.size }
    guard try !isThere() else { return true }
    let lease = try interruption.waiting { try store.downloadLease(for: item.object) }
    defer { withExtendedLifetime(lease) {} }
    // Somebody else may have had the lease for the same object.
    guard try !isThere() else { return true }
    let path = store.path(ofArrival: item.object)
    let download = Download(url: url(ofObject: item.object), sha256: item.object.hex, size: item.size)
    let patience = Download.Patience(silence: settings.patience, attempts: 1)
    let isFetched: Void? = try asking(.object) { check in
      try download.fetch(to: path, by: client, patience: patience, progress: { _, _ in }, check: check)
    }
    guard isFetched != nil else { return false }
    try store.adopt(arrival: item.object)
    state.withLock { _ = $0.known.insert(item.object) }
    return try isThere()
  }

  // MARK: Giving

  /// What became of an upload.
  struct Upload: Sendable {
    var objects = 0
    var bytes = 0
  }

  /// Uploads what an action made, then its record.
  /// - Returns: what had to be uploaded; nil where the server did not take it, or the store does not have it.
  /// - Throws: `Cancelled` or `StoreError`.
  func upload(_ key: Digest, from store: Store) throws -> Upload? {
    guard !refusesUploads, let record = try store.record(of: key) else { return nil }
    var upload = Upload()
    for item in record.objects {
      guard let isNew = try give(item.object, from: store) else { return nil }
      guard isNew else { continue }
      upload.objects += 1
      upload.bytes += item.size
    }
    let data = record.data
    let entry = CacheEntry(record: data, signature: settings.signer?.signature(of: data))
    let message = entry.encoded(with: record.objects)
    return try giving({ try client.put(message, sha256: Digest(of: message).hex, at: url(ofRecord: key), check: $0) })
      ? upload : nil
  }

  /// Sees to it that the server has an object. One that several actions name is uploaded once.
  /// - Returns: whether it had to be uploaded; nil where the server did not take it.
  private func give(_ digest: Digest, from store: Store) throws -> Bool? {
    try interruption.waiting { state.withLock { $0.underWay.insert(digest).inserted ? () : nil } }
    defer { state.withLock { _ = $0.underWay.remove(digest) } }
    if try has(digest) { return false }
    let path: String
    do throws(StoreError) { path = try store.file(of: digest) } catch {
      guard error.lostObject != nil else { throw error }
      warn(.loss, "\(error)")
      return nil
    }
    guard try giving({ try client.put(file: path, sha256: digest.hex, at: url(ofObject: digest), check: $0) }) else {
      return nil
    }
    state.withLock { _ = $0.known.insert(digest) }
    return true
  }

  /// The actions' uploads, many at once.
  func upload(_ keys: [Digest], from store: Store) async throws -> [Upload?] {
    try await limiter.map(keys) { try self.upload($0, from: store) }
  }

  /// Whether the server has an object, as far as it tells.
  private func has(_ digest: Digest) throws -> Bool {
    if state.withLock({ $0.known.contains(digest) }) { return true }
    let url = url(ofObject: digest)
    // Some servers do not know the question.
    guard try asking(.question, { try client.head(url, check: $0) }) != nil else { return false }
    state.withLock { _ = $0.known.insert(digest) }
    return true
  }

  /// Whether the server took what `request` gives it.
  private func giving(_ request: (_ check: @escaping () throws -> Void) throws -> Void) throws -> Bool {
    guard !refusesUploads else { return false }
    do { return try asking(.upload, request) != nil } catch TransferError.refused(_, let status, _) {
      switch status {
      case 401, 403, 405, 501:
        let hint = status <= 403 ? "; \(settings.whereCredentialsBelong)" : ""
        let isNews = state.withLock { state in
          defer { state.refusesUploads = true }
          return !state.refusesUploads
        }
        if isNews { say("the cache \(settings.url) takes no uploads (it answers \(status))\(hint)") }
      default: warn(.upload, "the cache \(settings.url) did not take an upload (it answers \(status))")
      }
      return false
    }
  }

  // MARK: Baselines

  /// Keeps the numbers of a run under a name, for other machines to compare with.
  /// - Returns: false where the server did not take them.
  /// - Throws: `Cancelled`.
  public func give(baseline: Data, of recipe: String, called name: String) throws -> Bool {
    let entry = CacheEntry(record: baseline, signature: settings.signer?.signature(of: baseline))
    let message = entry.encoded(with: [])
    let url = url(ofRecord: Self.key(ofBaseline: name, of: recipe))
    return try giving { try client.put(message, sha256: Digest(of: message).hex, at: url, check: $0) }
  }

  /// The numbers that somebody keeps under a name; nil where the server has none that are to be believed.
  /// - Throws: `Cancelled`.
  public func baseline(of recipe: String, called name: String) throws -> Data? {
    guard settings.trust != .none else { return nil }
    let url = url(ofRecord: Self.key(ofBaseline: name, of: recipe))
    guard let data = try asking(.record, { try client.get(url, limit: CacheEntry.limit, check: $0) }) else {
      return nil
    }
    guard let entry = CacheEntry(data) else { return reject(url, "it is not a record") }
    if settings.trust == .signed,
      entry.signature.map({ settings.signer?.isValid($0, of: entry.record) ?? false }) != true
    {
      warn(.signature, "\(url) is not signed by the secret in DIFFUSIONCLIP_CACHE_KEY: not used")
      return nil
    }
    return entry.record
  }

  private static func key(ofBaseline name: String, of recipe: String) -> Digest {
    Digest(of: "baseline \(recipe.utf8.count):\(recipe) \(name.utf8.count):\(name)")
  }

  // MARK: The server

  private func url(ofRecord key: Digest) -> String { "\(settings.url)/ac/\(key.hex)" }
  private func url(ofObject digest: Digest) -> String { "\(settings.url)/cas/\(digest.hex)" }

  /// What `request` gives; nil where the server does not have it, gives something else, or does not answer.
  /// - Throws: `Cancelled`; or `TransferError` where an upload was refused or a file could not be written.
  private func asking<Made>(
    _ purpose: Purpose, _ request: (_ check: @escaping () throws -> Void) throws -> Made
  ) throws -> Made? {
    guard !isAway else { return nil }
    try interruption.check()
    do {
      let made = try request {
        try self.interruption.check()
        if self.isAway { throw Away() }
      }
      state.withLock { $0.failures[purpose] = 0 }
      return made
    } catch is Away { return nil } catch let error as TransferError {
      switch error {
      case .refused(_, let status, _) where purpose.misses.contains(status):
        state.withLock { $0.failures[purpose] = 0 }
      case .refused(_, let status, _)
      where purpose == .upload && (status < 500 || status == 501) && status != 408 && status != 429:
        throw error
      case .refused(_, let status, _) where status == 401 || status == 403:
        giveUp("refuses access (it answers \(status)); \(settings.whereCredentialsBelong)")
      case .wrongContent(let url, _, _), .tooLong(let url, _):
        warn(.object, "\(url) is not what it should be: not used")
      case .refused(_, let status, _): fail(purpose, "it answers \(status)")
      case .cut(_, _, let reason), .unreachable(_, let reason), .misdirected(_, let reason): fail(purpose, reason)
      case .nowhere: fail(purpose, "\(error)")
      case .noLibrary(let problem): giveUp("cannot be asked (\(problem))")
      case .diskFull, .disk, .unreadable: throw error
      }
      return nil
    }
  }

  private func fail(_ purpose: Purpose, _ reason: String) {
    let isEnough = state.withLock { state in
      state.failures[purpose, default: 0] += 1
      state.vain += 1
      state.reason = reason
      return state.failures[purpose, default: 0] >= Self.bearable
    }
    if isEnough { giveUp("does not answer (\(reason))") }
  }

  private func giveUp(_ reason: String) {
    let isNews = state.withLock { state in
      defer { state.isAway = true }
      return !state.isAway
    }
    if isNews { say("the cache \(settings.url) \(reason)\(isOptional ? ": going on without it" : "")") }
  }

  private func warn(_ issue: ValidationIssue, _ text: String) {
    if state.withLock({ $0.issues.insert(issue).inserted }) { say(text) }
  }
}
