import Escaping
import Foundation

/// Work in progress: a private folder whose files become objects of the store all at once, when the action is done.
public final class StagingTransaction {
  private let store: Store
  private let lock: FileLock
  private var objects: Set<Digest> = []
  private var folders = 0

  /// Makes the folder and takes it, so that nobody sweeps it up.
  fileprivate init(in store: Store) throws(StoreError) {
    self.store = store
    while true {
      let name = Kernel.signed("\(getpid())-\(UInt64.random(in: 0 ... .max))")
      let place = store.root["attempts/\(name)"]
      try Files.makeFolder(place)
      if let lock = try FileLock.folder(place) {
        self.lock = lock
        return
      }
    }
  }

  deinit { try? Self.remove(lock) }

  /// Writes bytes that become an object when the attempt is published.
  public func write(_ data: Data) throws(StoreError) -> Digest {
    let digest = Digest(of: data)
    if objects.insert(digest).inserted {
      try Files.create(lock.place[digest.hex], data, mode: 0o444)
    }
    return digest
  }

  /// Makes a fresh folder to work in, gone with the attempt.
  /// - Returns: its path.
  public func makeFolder() throws(StoreError) -> String {
    folders += 1
    let place = lock.place["work-\(folders)"]
    try Files.makeFolder(place)
    return place.path
  }

  /// Publishes the objects, then the record that names them, then forgets the state saved on the way, but that of a
  /// chain, which may go on. More may be written and published then.
  ///
  /// Where locks do not reach, two machines may have done the same action, with outputs that differ in a few bits if
  /// their processors do. The first record stays as long as all that it names is there: others may have built on that.
  /// - Parameter isReplacing: whether this record counts in any case.
  /// - Returns: the action as it is in the store now.
  @discardableResult
  public func publish(
    _ record: ActionRecord, replacing isReplacing: Bool = false
  ) throws(StoreError) -> FinishedAction {
    let published = try publishedFirst(record, replacing: isReplacing)
    if record.chain == nil { try store.forgetState(of: record.key) }
    objects = []
    return published
  }

  private func publishedFirst(
    _ record: ActionRecord, replacing isReplacing: Bool
  ) throws(StoreError) -> FinishedAction {
    if !isReplacing, case .hit(let first) = try store.lookup(record.key) { return first }
    let shelves = Dictionary(objects.compactMap { store.objects[$0].parent }.map { ($0.name, $0) }) { first, _ in first
    }
    for shelf in shelves.values { try Files.makeFolder(shelf) }
    for digest in objects {
      // Replaces an object that is already there: the bytes are the same, unless they were damaged.
      try store.publish(lock.place[digest.hex], as: store.objects[digest], digest)
    }
    for shelf in shelves.values { try Files.syncFolder(shelf) }

    let target = store.actions[record.key]
    guard let shelf = target.parent else { return record.finished }
    try Files.makeFolder(shelf)
    let draft = lock.place["record"]
    try Files.create(draft, record.data)
    let naming: Files.Naming = isReplacing ? .impossible : Files.link(draft, to: target)
    if naming == .given {
      try Files.remove(draft)
    } else {
      // Somebody was faster, or what is there is of no use any more, or the file system has no hard links.
      if naming == .taken { try store.actions.waitUntilSeen(record.key) }
      if !isReplacing, case .hit(let first) = try store.lookup(record.key) { return first }
      try store.publish(draft, as: target, record.key)
    }
    try Files.syncFolder(shelf)
    return record.finished
  }

  /// Saves state with which a later attempt of the action `key` can continue. Atomic and durable.
  /// - Parameters:
  ///   - key: of the action; or what stands for a chain of which the action makes links.
  ///   - seconds: wall time that it took to come so far.
  public func saveState(_ data: Data, of key: Digest, seconds: Double = 0) throws(StoreError) {
    let draft = lock.place["state"]
    try Files.remove(draft)
    try Files.create(draft, ResumableState(data: data, seconds: seconds).sealed)
    try store.publish(draft, as: store.place(ofState: key), key)
    try Files.syncFolder(store.root["state"])
  }

  /// Whether an attempt's folder may be called so: process, number and kernel, which the first versions left out.
  static func isName(_ name: String) -> Bool {
    let start = name.utf8.prefix { $0 != UInt8(ascii: ".") }.split(
      separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return start.count == 2
      && start.allSatisfy { part in
        !part.isEmpty && part.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
      }
  }

  /// Removes the folder of an attempt that is over.
  static func remove(_ lock: FileLock) throws(StoreError) { try Files.removeTree(lock.place) }
}

extension Store {
  /// A private place for the outputs of an action under way; gone, with all that was not published, when released.
  public func attempt() throws(StoreError) -> StagingTransaction { try StagingTransaction(in: self) }

  /// What an attempt of the action `key` saved last that was interrupted, or that made links of the chain `key`.
  public func state(of key: Digest) throws(StoreError) -> ResumableState? {
    do { return try Files.read(place(ofState: key)).flatMap(ResumableState.init(opening:)) } catch let error
      where error.isUnreadable
    {
      return nil
    }
  }

  /// Whether something is saved of an action or a chain, as far as that is seen without reading it.
  package func hasState(of key: Digest) throws(StoreError) -> Bool {
    do { return try Files.status(of: place(ofState: key)) != nil } catch let error where error.isUnreadable {
      return false
    }
  }

  /// Forgets the state of an action that is done.
  func forgetState(of key: Digest) throws(StoreError) { try Files.remove(place(ofState: key)) }
}

/// Where an action stood when it last saved.
public struct ResumableState: Sendable {
  /// For its kind to make sense of.
  public let data: Data
  /// Wall time that it took to come so far; 0 in what earlier versions saved.
  public let seconds: Double

  public init(data: Data, seconds: Double) {
    self.data = data
    self.seconds = seconds
  }

  /// As it lies on disk: a line in front, of its own digest, so that a damaged one is taken for none, and the seconds.
  fileprivate var sealed: Data { Data("\(Digest(of: data).hex) \(seconds)\n".utf8) + data }

  fileprivate init?(opening sealed: Data) {
    guard let end = sealed.prefix(120).firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    let words = String(decoding: sealed[..<end], as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
    data = Data(sealed[(end + 1)...])
    guard words.count <= 2, words[0] == Digest(of: data).hex else { return nil }
    let seconds = words.count == 2 ? Double(words[1]) : 0
    guard let seconds, seconds >= 0, seconds < 1e12 else { return nil }
    self.seconds = seconds
  }
}
