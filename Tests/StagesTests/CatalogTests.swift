import ArtifactStore
import Networks
import Planning
import RecipeSyntax
import StageKit
import Stages
import Testing

/// What holds for every kind of stage.
struct CatalogTests {
  @Test func kindsAndWhatTheyDeclareHaveNamesOfTheirOwn() {
    #expect(Set(Catalog.kinds.map(\.name)).count == Catalog.kinds.count)
    for kind in Catalog.kinds {
      let names = kind.inputs.map(\.name) + kind.parameters.map(\.name)
      #expect(Set(names).count == names.count, "\(kind.name)")
    }
  }

  /// A parameter is in the key if, and only if, results depend on it.
  @Test func everyParameterOfEveryKindFlipsTheKey() {
    for kind in Catalog.kinds {
      for parameter in kind.parameters {
        if case .path = parameter.kind { continue }  // Its content counts, as a source.
        let values = Self.samples(of: parameter.kind)
        let keys = Set(([nil] + values).map { Self.key(of: kind, parameter.name, $0) })
        #expect(values.count > 1)
        #expect(keys.count == (parameter.isSemantic ? values.count + 1 : 1), "\(kind.name).\(parameter.name)")
      }
    }
  }

  /// Which networks there are is one table, which names all that published files are recognized for.
  @Test func everyNetworkIsLoadedAndTrained() throws {
    let networks = Set(NetworkPurpose.allCases.map(\.rawValue))
    let load = try #require(Catalog.kinds.first { $0.name == "load" })
    #expect(networks.isSubset(of: load.parameters.map(\.name)))
    let train = try #require(Catalog.kinds.first { $0.name == "train" })
    guard case .choice(let words) = train.parameters.first(where: { $0.name == "network" })?.kind else {
      Issue.record("train has no choice of networks")
      return
    }
    #expect(Set(words) == networks)
    #expect(networks.allSatisfy { ArtifactType(named: $0) != nil })
  }

  /// How many items there are does not matter to any of them.
  @Test func timeAndMemoryAreAllThatDoesNotMatter() {
    let others = Catalog.kinds.flatMap { kind in
      kind.parameters.filter { !$0.isSemantic && $0.name != kind.numbering }.map(\.name)
    }
    #expect(
      Set(others) == [
        "activation_memory_mb", "attempts", "checkpoint_every_s", "environment", "keep_epochs", "memory_mb",
        "preview_every_s", "timeout_s",
      ])
  }

  private static func key(of kind: StageKind, _ name: String, _ value: Value?) -> Digest {
    let parameters = Parameters(value.map { [name: $0] } ?? [:])
    let stage = PlannedStage(
      name: "stage", kind: kind, parameters: parameters, outputs: [],
      location: SourceLocation(file: "recipe.yaml", line: 1, column: 1))
    return ActionPreimage(stage: stage, item: nil, inputs: [:], sources: [:]).key
  }

  /// Two values of a parameter, or more.
  private static func samples(of kind: ParameterDeclaration.Kind) -> [Value] {
    switch kind {
    case .bool: [.bool(false), .bool(true)]
    case .int(let range): [.int(range.lowerBound), .int(range.lowerBound + 1)]
    case .double(let range): [.double(range.lowerBound), .double(range.lowerBound.nextUp)]
    case .size(let range):
      [
        .int(range.lowerBound), .list([.int(range.lowerBound), .int(range.lowerBound + 1)]),
        .list([.int(range.lowerBound + 1), .int(range.lowerBound)]),
      ]
    case .scalar: [.string("1"), .int(1), .double(1), .bool(true)]
    case .word: [.string("1"), .string("1.0")]
    case .string: [.string(""), .string("a"), .string("a ")]
    case .choice(let words): words.map(Value.string)
    case .list(let element): [.list([]), .list(samples(of: element)), .list(samples(of: element).reversed())]
    case .map(let element):
      samples(of: element).map { .map(["a": $0]) } + [.map(["b": samples(of: element)[0]])]
    case .path: []
    }
  }
}
