import ArtifactStore
import OrderedCollections
import StageKit

/// An output that a stage of some kind has, or may have.
struct PossibleOutput {
  let name: String
  /// Which of them depends on the parameters.
  let types: [ArtifactType]
  /// Where not every stage of the kind has it: which do.
  let condition: String?
}

extension StageKind {
  /// Every output that a stage of this kind can have: those of a stage with no more than it needs, and of stages that give
  /// one parameter more, with each of its words.
  var possibleOutputs: [PossibleOutput] {
    var least: [String: Value] = [:]
    for parameter in parameters {
      switch parameter.presence {
      case .required: least[parameter.name] = parameter.kind.samples.first?.value
      case .defaulting(let value): least[parameter.name] = value
      case .optional: break
      }
    }
    let usual = outputs(Parameters(least))
    var types: OrderedDictionary<String, OrderedSet<ArtifactType>> = [:]
    var (having, lacking): ([String: [String]], [String: [String]]) = ([:], [:])
    func note(_ ports: [OutputPort]) { for port in ports { types[port.name, default: []].append(port.type) } }
    note(usual)
    for parameter in parameters {
      for sample in parameter.kind.samples {
        let made = outputs(Parameters(least.merging([parameter.name: sample.value]) { $1 }))
        note(made)
        let given = sample.word.map { "\(parameter.name): \($0)" } ?? "'\(parameter.name)'"
        for port in made where !usual.contains(where: { $0.name == port.name }) {
          having[port.name, default: []].append(given)
        }
        for port in usual where !made.contains(where: { $0.name == port.name }) {
          lacking[port.name, default: []].append(given)
        }
      }
    }
    return types.map { name, types in
      let condition =
        having[name].map { "with " + $0.joined(separator: " or ") }
        ?? lacking[name].map { "unless with " + $0.joined(separator: " or ") }
      return PossibleOutput(name: name, types: Array(types), condition: condition)
    }
  }
}

extension ParameterDeclaration.Kind {
  /// Values that it can have: each of its words, or any one.
  fileprivate var samples: [(value: Value, word: String?)] {
    switch self {
    case .bool: [true, false].map { (.bool($0), "\($0)") }
    case .int(let range): [(.int(range.lowerBound), nil)]
    case .double(let range): [(.double(range.lowerBound), nil)]
    case .size(let range): [(.int(range.lowerBound), nil)]
    case .string, .scalar, .word, .path: [(.string(""), nil)]
    case .choice(let words): words.map { (.string($0), $0) }
    case .list: [(.list([]), nil)]
    case .map: [(.map([:] as [String: Value]), nil)]
    }
  }
}
