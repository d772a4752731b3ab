import Foundation

/// What the store has for an action.
public enum Lookup: Sendable, Hashable {
  /// It was done, and all that it made is there.
  case hit(ActionRecord)
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
    guard let data = try Files.read(path(ofAction: key)) else { return .miss(.neverDone) }
    guard let json = try? JSON(parsing: data), let record = ActionRecord(json: json), record.key == key else {
      return .miss(.unreadableRecord)
    }
    for output in record.outputs {
      for item in output.artifact.items {
        switch try size(of: item.object) {
        case item.size: continue
        case nil: return .miss(.missingObject(item.object))
        default: return .miss(.truncatedObject(item.object))
        }
      }
    }
    return .hit(record)
  }
}
