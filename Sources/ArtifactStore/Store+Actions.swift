import Foundation

/// What the store has for an action.
public enum Lookup: Sendable, Hashable {
  /// It was done, and all that it made is there.
  case hit(FinishedAction)
  case miss(Miss)

  /// Why an action has to be executed.
  public enum Miss: Sendable, Hashable, CustomStringConvertible {
    case neverDone
    case unreadableRecord
    case missingObject(Digest)
    case truncatedObject(Digest)

    public var description: String {
      switch self {
      case .neverDone: "never run with these parameters and inputs"
      case .unreadableRecord: "its record in the store cannot be read"
      case .missingObject(let digest): "its object \(digest.short)… is missing from the store"
      case .truncatedObject(let digest): "its object \(digest.short)… does not have the size that it was made with"
      }
    }
  }
}

extension Store {
  /// Whether the action `key` is done and what it made is there, as far as sizes tell; reading verifies the bytes.
  public func lookup(_ key: Digest) throws(StoreError) -> Lookup {
    let path = path(ofAction: key)
    guard let status = try Files.status(of: path) else { return .miss(.neverDone) }
    var known = index.action(key, status)
    if known == nil, let record = try self.record(of: key) {
      known = record.finished
      index.remember(record.finished, status)
    }
    guard let action = known else { return .miss(.unreadableRecord) }
    for output in action.outputs {
      for item in output.artifact.items {
        switch try size(of: item.object) {
        case item.size: continue
        case nil: return .miss(.missingObject(item.object))
        default: return .miss(.truncatedObject(item.object))
        }
      }
    }
    return .hit(action)
  }

  /// The record of an action, whether or not what it made is there; nil where there is none that can be read.
  func record(of key: Digest) throws(StoreError) -> ActionRecord? {
    try Files.read(path(ofAction: key)).flatMap { ActionRecord($0) }.flatMap { $0.key == key ? $0 : nil }
  }

  /// Every record that can be read.
  public func records() throws(StoreError) -> [ActionRecord] {
    var records: [ActionRecord] = []
    for (name, _, _) in try files(in: "actions") {
      if let key = Digest(hex: name), let record = try self.record(of: key) { records.append(record) }
    }
    return records
  }
}
