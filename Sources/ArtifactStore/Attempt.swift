import Escaping
import Foundation

/// Work in progress: a private folder whose files become objects of the store all at once, when the action is done.
public final class Attempt {
  private let store: Store
  private let lock: FileLock
  private var objects: Set<Digest> = []

  /// Makes the folder and takes it, so that nobody sweeps it up.
  fileprivate init(in store: Store) throws(StoreError) {
    self.store = store
    while true {
      let path = "\(store.folder)/attempts/" + Kernel.signed("\(getpid())-\(UInt64.random(in: 0 ... .max))")
      try Files.makeFolder(path)
      if let lock = try FileLock.folder(path) {
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
      try Files.create("\(lock.path)/\(digest.hex)", data, mode: 0o444)
    }
    return digest
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
    let folders = Set(objects.map { store.objects.path(of: $0).parentFolder })
    for folder in folders { try Files.makeFolder(folder) }
    for digest in objects {
      // Replaces an object that is already there: the bytes are the same, unless they were damaged.
      try Files.move("\(lock.path)/\(digest.hex)", to: store.objects.path(of: digest))
    }
    for folder in folders { try Files.syncFolder(folder) }

    let target = store.actions.path(of: record.key)
    let folder = target.parentFolder
    try Files.makeFolder(folder)
    let draft = "\(lock.path)/record"
    try Files.create(draft, record.data)
    let naming: Files.Naming = isReplacing ? .impossible : Files.link(draft, to: target)
    if naming == .given {
      try Files.remove(draft)
    } else {
      // Somebody was faster, or what is there is of no use any more, or the file system has no hard links.
      if naming == .taken { try store.actions.waitUntilSeen(record.key) }
      if !isReplacing, case .hit(let first) = try store.lookup(record.key) { return first }
      try Files.move(draft, to: target)
    }
    try Files.syncFolder(folder)
    return record.finished
  }

  /// Saves state with which a later attempt of the action `key` can continue. Atomic and durable.
  public func saveState(_ data: Data, of key: Digest) throws(StoreError) {
    let draft = lock.path + "/state"
    try Files.remove(draft)
    try Files.create(draft, SealedState.sealed(data))
    try Files.move(draft, to: store.path(ofState: key))
    try Files.syncFolder(store.folder + "/state")
  }

  /// Removes the folder of an attempt that is over.
  static func remove(_ lock: FileLock) throws(StoreError) {
    for name in try Files.names(in: lock.path) { try Files.remove("\(lock.path)/\(name)") }
    guard rmdir(lock.path) == 0 || errno == ENOENT else { throw .last("remove", lock.path) }
  }
}

extension Store {
  /// A private place for the outputs of an action under way; gone, with all that was not published, when released.
  public func attempt() throws(StoreError) -> Attempt { try Attempt(in: self) }

  /// What an interrupted attempt of the action `key` saved last.
  public func state(of key: Digest) throws(StoreError) -> Data? {
    try Files.read(path(ofState: key)).flatMap(SealedState.opened)
  }

  /// Forgets the state of an action that is done.
  func forgetState(of key: Digest) throws(StoreError) { try Files.remove(path(ofState: key)) }
}

/// Saved state as it lies on disk: its own digest in front, so that a damaged one is taken for none.
private enum SealedState {
  static func sealed(_ data: Data) -> Data { Data((Digest(of: data).hex + "\n").utf8) + data }

  static func opened(_ sealed: Data) -> Data? {
    let data = Data(sealed.dropFirst(65))
    return String(decoding: sealed.prefix(65), as: UTF8.self) == Digest(of: data).hex + "\n" ? data : nil
  }
}
