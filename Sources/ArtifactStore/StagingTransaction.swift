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

  /// Publishes the objects, then the record that names them, then forgets the state saved on the way.
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
    try store.forgetState(of: record.key)
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
  public func saveState(_ data: Data, of key: Digest) throws(StoreError) {
    let draft = lock.place["state"]
    try Files.remove(draft)
    try Files.create(draft, SealedState.sealed(data))
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

  /// What an interrupted attempt of the action `key` saved last.
  public func state(of key: Digest) throws(StoreError) -> Data? {
    do { return try Files.read(place(ofState: key)).flatMap(SealedState.opened) } catch let error
      where error.isUnreadable
    {
      return nil
    }
  }

  /// Forgets the state of an action that is done.
  func forgetState(of key: Digest) throws(StoreError) { try Files.remove(place(ofState: key)) }
}

/// Saved state as it lies on disk: its own digest in front, so that a damaged one is taken for none.
private enum SealedState {
  static func sealed(_ data: Data) -> Data { Data((Digest(of: data).hex + "\n").utf8) + data }

  static func opened(_ sealed: Data) -> Data? {
    let data = Data(sealed.dropFirst(65))
    return String(decoding: sealed.prefix(65), as: UTF8.self) == Digest(of: data).hex + "\n" ? data : nil
  }
}
