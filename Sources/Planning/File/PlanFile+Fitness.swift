import StageKit

extension ParameterDeclaration.Kind {
  /// Whether a parameter of this kind can have this value.
  func holds(_ value: Value) -> Bool {
    switch self {
    case .bool: value.bool != nil
    case .int(let range): value.int.map(range.contains) ?? false
    case .double(let range): if case .double(let number) = value { range.contains(number) } else { false }
    case .size(let range): value.sides?.allSatisfy(range.contains) ?? false
    case .string: value.string != nil
    case .scalar: value.isScalar
    case .word: value.string != nil
    case .choice(let choices): value.string.map(choices.contains) ?? false
    case .list(let element): value.list?.allSatisfy(element.holds) ?? false
    case .map(let element): value.entries?.allSatisfy { element.holds($0.value) } ?? false
    case .path: value.string != nil || value.list != nil || value.entries != nil
    }
  }
}

extension Port {
  /// Whether the port can be bound to this.
  func takes(_ input: PlannedInput) -> Bool {
    let isOfItsArity =
      switch input {
      case .one: arity == .one || arity == .optional || arity == .ensemble
      case .list(let members): arity.isList && !members.isEmpty
      case .mixture(let mixture):
        mixture.isWhole
          && (arity == .mixture
            || arity == .ensemble && mixture.segments.count == 1
              && mixture.segments[0].weights.allSatisfy { $0.weight > 0 })
      }
    return isOfItsArity && input.references.allSatisfy { types.contains($0.type) }
  }
}

extension StageKind {
  /// The paths that are given, by the names that lead to them.
  func pathParameters(in values: Parameters) -> Set<String> {
    func paths(_ kind: ParameterDeclaration.Kind, _ value: Value, _ name: String) -> [String] {
      switch kind {
      case .path: [name]
      case .list(let element):
        (value.list ?? []).enumerated().flatMap { paths(element, $1, "\(name).\($0)") }
      case .map(let element): (value.entries ?? []).flatMap { paths(element, $0.value, "\(name).\($0.key)") }
      case .bool, .int, .double, .size, .string, .scalar, .word, .choice: []
      }
    }
    return Set(
      parameters.flatMap { parameter in
        values[parameter.name].map { paths(parameter.kind, $0, parameter.name) } ?? []
      })
  }
}
