import Escaping
import Foundation

/// Content-hashed artifacts on disk, and the records of the actions that made them.
///
/// ```
/// objects/ab/<sha256>     immutable bytes, named by their digest
/// actions/ab/<key>        the record of a finished action (JSON)
/// attempts/<unique>/      work in progress, private to one attempt and locked by it; named after its kernel, too
/// state/<key>             what an unfinished action saved in order to continue
/// runs/<sha256>           which actions the runs of a recipe used (JSON): what `gc` keeps
/// receipts/<sha256>/      what `exec` did of the plan with this digest (JSON): what `gc` keeps
/// submissions/<sha256>/   how the plan with this digest was handed to a cluster; kept as long as its receipts
/// downloads/<sha256>      files from servers, which recipes name by their digest; <sha256>.part is yet to be whole,
///                         and <sha256>.object an object on its way from another store
/// quarantine/<sha256>     bytes that no longer match their digest
/// locks/                  `flock` files: `store` (shared by every run), and one for each action being executed
/// .gitignore              all of it
/// index                   the gist of the records (see ``IndexedAction``); what is not in it is read from them
/// sources                 digests of files outside the store, by their identity (see ``SourceDigests``)
/// ```
/// Everything appears under its name in one step, complete and on the disk, or not at all. Machines may share a store
/// over a network file system, even one where `flock` does not reach from one to the other: then work may be done twice,
/// and `gc` must not run while others work.
public final class Store: Sendable {
  /// The absolute path of the store's folder.
  public let folder: String
  /// The folder itself. What is in it is reached through this alone.
  package let root: Folder
  /// Digests of files outside the store.
  public let sources: SourceDigests
  let objects: ShardedDirectory
  let actions: ShardedDirectory
  let index: PackedIndex<Digest, IndexedAction>
  /// What the store was opened for.
  let mode: Access
  /// Whether somebody wants long reading to stop.
  let isInterrupted: @Sendable () -> Bool
  /// Nil for a store that is not there.
  private let lock: FileLock?

  public enum Access: Sendable {
    /// Nothing in it is made, removed or written; one that is not there is empty.
    case reading
    /// To work in it beside others.
    case shared
    /// To remove things from it.
    case alone
  }

  /// Opens the store at `path`. Except for reading, makes it where there is none, and removes what crashed processes
  /// left behind.
  /// - Throws: ``StoreError`` where the folder cannot be made, locked or written, or somebody else is using a store
  ///   that is wanted alone.
  public init(
    at path: String, for access: Access = .shared, isInterrupted: @escaping @Sendable () -> Bool = { false }
  ) throws(StoreError) {
    folder = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    (mode, self.isInterrupted) = (access, isInterrupted)
    if access == .reading {
      root = try Folder(at: folder)
      lock = root.exists ? try FileLock.sharedIfThere(root["locks/store"]) : nil
    } else {
      let isNew = Glibc.access(folder, F_OK) != 0
      root = try Folder(making: folder)
      // It is not for git: what comes with a repository is not believed.
      if isNew { try Files.replace(root[".gitignore"], with: Data("*\n".utf8)) }
      for part in ["objects", "actions", "attempts", "state", "quarantine", "locks", "runs", "downloads"] {
        try Files.makeFolder(root[part])
      }
      lock = try access == .alone ? FileLock.alone(root["locks/store"]) : .shared(root["locks/store"])
      if lock == nil { throw .busy(folder) }
    }
    (objects, actions) = (try ShardedDirectory(root["objects"]), try ShardedDirectory(root["actions"]))
    index = PackedIndex(file: root["index"])
    sources = SourceDigests(file: root["sources"], isInterrupted: isInterrupted)
    if access != .reading { try sweep() }
  }

  /// Whether a store is at `path`.
  public static func exists(at path: String) -> Bool { Glibc.access(path + "/objects", F_OK) == 0 }

  /// Writes down what was learnt about files and records, so that the next run is fast.
  public func saveCaches() {
    guard mode != .reading else { return }
    sources.save()
    index.save()
  }

  /// Where the receipts are of what was executed of the plan with this digest.
  package func receipts(ofPlan digest: Digest) -> Place { root["receipts/\(digest.hex)"] }

  func place(ofState key: Digest) -> Place { root["state/\(key.hex)"] }

  /// The right to execute the action `key`; nil while somebody else has it. Held as long as the value lives. What the
  /// one before made is found from then on, on whichever machine that was.
  public func lease(for key: Digest) throws(StoreError) -> FileLock? {
    let lease = try FileLock.exclusive(root["locks/\(key.hex)"])
    if lease != nil { actions.lookAnew(at: key) }
    return lease
  }

  /// Makes a network file system look again for all that it found absent before.
  package func lookAnew() throws(StoreError) {
    for shelves in [actions, objects] { try shelves.lookAnew() }
  }

  /// Removes lock files and attempts whose process has ended: those that can be locked.
  ///
  /// Locks may not reach from one machine to another. Removing a lock file that another machine holds costs no more than
  /// work done twice, as the lock itself does not reach then. An attempt holds what is about to be published: those of
  /// other kernels are left to `gc`.
  private func sweep() throws(StoreError) {
    // What is called otherwise is nothing that a store made.
    for name in try Files.names(in: root["locks"]) where Digest(hex: name.droppingPrefix("download-")) != nil {
      _ = try FileLock.exclusive(root["locks/\(name)"])
    }
    for name in try Files.names(in: root["attempts"]) where StagingTransaction.isName(name) && !Kernel.isOther(name) {
      guard let lock = try FileLock.folder(root["attempts/\(name)"]), lock.isHeld else { continue }
      try StagingTransaction.remove(lock)
    }
  }
}

extension String {
  /// Without `prefix`, where it begins with that.
  fileprivate func droppingPrefix(_ prefix: String) -> Substring {
    utf8.starts(with: prefix.utf8) ? Substring(utf8.dropFirst(prefix.utf8.count)) : self[...]
  }
}
