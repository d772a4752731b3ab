import Foundation

/// Values made once and shared by the actions of a run: decoded networks above all. The least recently used of more
/// than eight is let go.
///
/// Only one value is made at a time, so that two actions that want the same one make it once; making one may ask for
/// others.
final class LRUCache: @unchecked Sendable {  // `entries` is touched with `lock` held.
  private let lock = NSRecursiveLock()
  private var entries: [(key: String, value: AnyObject)] = []
  private let capacity = 8

  /// Lets all go.
  func forget() { lock.withLock { entries = [] } }

  func value<Made: AnyObject>(_ key: String, make: () throws -> Made) throws -> Made {
    try lock.withLock {
      let typed = "\(key) \(ObjectIdentifier(Made.self))"
      if let place = entries.firstIndex(where: { $0.key == typed }), let value = entries[place].value as? Made {
        entries.append(entries.remove(at: place))
        return value
      }
      let value = try make()
      entries.append((typed, value))
      if entries.count > capacity { entries.removeFirst() }
      return value
    }
  }
}
