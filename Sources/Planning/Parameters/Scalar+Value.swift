import RecipeSyntax
import StageKit

extension Scalar {
  var value: Value {
    switch meaning {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .string: .string(text)
    }
  }
}

extension Value {
  /// What all elements of a list are like; nil where they differ, or there are none.
  var element: Value? {
    guard case .list(let elements) = self, let first = elements.first else { return nil }
    return elements.allSatisfy { $0.typeName == first.typeName } ? first : nil
  }

  /// A number as a whole one where it is whole, so that `16` and `16.0` are the same.
  var normalized: Value {
    guard case .double(let number) = self else { return self }
    return Int(exactly: number).map(Value.int) ?? self
  }

  /// The type for people, with its article.
  var typeName: String {
    switch self {
    case .null: "nothing"
    case .bool: "true or false"
    case .int: "a whole number"
    case .double: "a number"
    case .string: "a text"
    case .list:
      switch element {
      case .bool?: "a list of true or false"
      case .int?: "a list of whole numbers"
      case .double?: "a list of numbers"
      case .string?: "a list of texts"
      default: "a list"
      }
    case .map: "a mapping"
    }
  }
}

extension Node {
  /// Help for a scalar that is not of the type wanted, where that may be a slip of writing: quotes around a number, or
  /// a word of older YAML.
  func hint(where isRight: (Value) -> Bool) -> String? {
    guard notes.isEmpty, let scalar else { return nil }
    if !scalar.isPlain, isRight(Scalar(scalar.text, isPlain: true).value) { return "write it without quotes" }
    return scalar.oldBoolean.flatMap { isRight(.bool($0)) ? "write \($0)" : nil }
  }
}

extension Scalar {
  /// What the text meant in YAML 1.1.
  var oldBoolean: Bool? { ["yes": true, "on": true, "no": false, "off": false][text.lowercased()] }
}
