import RecipeSyntax
import StageKit

/// A reference as it is written in a recipe: `stage`, `stage.port`, `stage[axis=value].port`, `use.output`.
struct Reference {
  let name: String
  /// What it picks from sweeps.
  private(set) var selection: [(axis: String, value: String)]
  /// What stands behind the point.
  let port: String?

  /// Nil for a text that is no address, or has its brackets behind a point.
  init?(_ text: String) {
    guard let address = Address(text) else { return nil }
    selection = address.selection
    let base = address.base
    guard let point = base.utf8.firstIndex(of: UInt8(ascii: ".")) else {
      name = base
      port = address.port
      return
    }
    guard selection.isEmpty, address.port == nil else { return nil }
    name = String(base[..<point])
    port = String(base[base.utf8.index(after: point)...])
  }

  /// What it picks along `axis`.
  func picked(along axis: String) -> String? { selection.first { $0.axis == axis }?.value }

  /// The same without what it picks along `axis`.
  func without(_ axis: String) -> Reference {
    var reference = self
    reference.selection.removeAll { $0.axis == axis }
    return reference
  }
}

extension Value {
  /// All by which a reference can mean this value, as keys to look it up by.
  package var referenceKeys: Set<Value> {
    var keys: Set<Value> = [.string(spelling), .list([.string(text)])]
    if double != nil { keys.insert(normalized) }
    return keys
  }

  /// What a text in a reference can mean, the best first: a value that is spelled so, the same number written otherwise,
  /// a value that people read so.
  package static func referenceKeys(for written: String) -> [Value] {
    if let quoted = Value(quoted: written) { return [.string(quoted.spelling)] }
    let number = Scalar(written, isPlain: true).value.normalized
    return [.string(written)] + (number.double == nil ? [] : [number]) + [.list([.string(written)])]
  }
}
