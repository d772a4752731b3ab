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
    let status: Files.Status?
    do { status = try actions.status(of: key) } catch let error where error.isUnreadable {
      return .miss(.unreadableRecord)
    }
    guard let status else { return .miss(.neverDone) }
    guard let action = try finishedAction(key, status) else { return .miss(.unreadableRecord) }
    for output in action.outputs {
      for item in output.artifact.items {
        let size: Int?
        do { size = try self.size(of: item.object) } catch let error where error.isUnreadable {
          return .miss(.truncatedObject(item.object))
        }
        switch size {
        case item.size: continue
        case nil: return .miss(.missingObject(item.object))
        default: return .miss(.truncatedObject(item.object))
        }
      }
    }
    return .hit(action)
  }

  /// The action whose record's file has this status, from the index where that knows it.
  private func finishedAction(_ key: Digest, _ status: Files.Status) throws(StoreError) -> FinishedAction? {
    // All records are on one device, whose number every machine that shares the store makes up for itself.
    let status = status.on(device: 0)
    if let known = index.value(of: key, where: { $0.status == status }) { return known.action }
    guard let record = try record(of: key) else { return nil }
    index.remember(IndexedAction(status: status, action: record.finished), as: key)
    return record.finished
  }

  /// The record of an action, whether or not what it made is there; nil where there is none that can be read.
  package func record(of key: Digest) throws(StoreError) -> ActionRecord? {
    let data: Data?
    do { data = try Files.read(actions[key]) } catch let error where error.isUnreadable { return nil }
    return data.flatMap { ActionRecord($0) }.flatMap { $0.key == key ? $0 : nil }
  }

  /// Every record that can be read.
  public func records() throws(StoreError) -> [ActionRecord] {
    var records: [ActionRecord] = []
    for (key, _, _) in try actions.files() {
      if let record = try self.record(of: key) { records.append(record) }
    }
    return records
  }
}
