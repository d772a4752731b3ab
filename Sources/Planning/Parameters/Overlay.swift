import ArtifactStore
import JSONSyntax
import StageKit

/// What a parameter of a recipe is set to anew.
public enum Overlay: Sendable, Hashable {
  /// As the command line says it: `name=value`, typed like what it replaces.
  case written(String)
  /// As a record keeps it.
  case value(String, Value)

  /// As a line says it.
  var text: String {
    switch self {
    case .written(let text): text
    case .value(let name, let value): "\(name)=\(value.spelling)"
    }
  }

  /// What a record keeps of it, or of a parameter: the value with its type, not its print.
  public var json: JSON {
    switch self {
    case .written(let text): .string(text)
    case .value(let name, let value): ["name": .string(name), "value": .string(value.canonical)]
    }
  }

  /// What ``json`` said; nil for anything else.
  public init?(_ json: JSON) {
    if let text = json.string {
      self = .written(text)
    } else if let name = json["name"]?.string, let value = json["value"]?.string.flatMap(Value.init(canonical:)) {
      self = .value(name, value)
    } else {
      return nil
    }
  }
}
