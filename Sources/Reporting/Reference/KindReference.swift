import ArtifactStore
import Escaping
import JSONSyntax
import Planning
import RecipeSyntax
import StageKit

/// What a person or a program can read about stage kinds, all of it from their declarations.
public struct KindReference: Sendable {
  private let kinds: [StageKind]

  /// - Parameter kinds: those of the catalog; ``use`` stands behind them.
  public init(_ kinds: [StageKind]) { self.kinds = kinds + [Self.use] }

  /// What a stage can be besides the kinds of the catalog: another recipe. It has that one's inputs, parameters and
  /// outputs, too.
  static let use = StageKind(Use.self)

  /// All about the kind called `name`, or about recipes and expectations under their words.
  /// - Throws: `InputError` that lists the kinds there are.
  public func text(of name: String) throws -> String { try RecipeReference.text(of: name) ?? text(of: kind(name)) }

  /// The same for programs.
  public func json(of name: String) throws -> JSON { try RecipeReference.json(of: name) ?? json(of: kind(name)) }

  /// The kind called `name`.
  func kind(_ name: String) throws -> StageKind {
    if let kind = kinds.first(where: { $0.name == name }) { return kind }
    let suggestion = Suggestion.question(about: name, in: kinds.map(\.name)).map { "\($0) " } ?? ""
    throw InputError(
      "there is no stage kind '\(name.abridged)'; \(suggestion)there are " + kinds.map(\.name).joined(separator: ", ")
        + "; 'recipe' and 'expect' are explained, too")
  }

  /// A line for each kind.
  public var overview: String { AlignedText.rows(kinds.map { [$0.name, $0.summary] }) }

  /// All about one kind.
  private func text(of kind: StageKind) -> String {
    var text = "\(kind.name): \(kind.summary)\n"
    switch kind.mapping {
    case .whole: break
    case .items(let port): text += "One action for each item of '\(port)'.\n"
    case .files(let parameter): text += "One action for each file of '\(parameter)'.\n"
    case .numbers(let parameter): text += "One action for each number up to '\(parameter)'.\n"
    }
    if let numbering = kind.numbering { text += "Where '\(numbering)' is given: one for each number up to it.\n" }
    if !kind.inputs.isEmpty {
      text += "\nInputs\n"
      text += AlignedText.rows(
        kind.inputs.map { port in
          let manner = port.arity.text + (port.role.text.map { ", \($0)" } ?? "")
          return ["  \(port.name)", port.types.map(\.rawValue).joined(separator: "|"), manner, port.help]
        })
    }
    if !kind.parameters.isEmpty {
      text += "\nParameters\n" + AlignedText.rows(kind.parameters.map(\.row))
    }
    let outputs = kind.possibleOutputs
    if !outputs.isEmpty {
      text += "\nOutputs\n"
      text += AlignedText.rows(
        outputs.map { ["  \($0.name)", $0.types.map(\.rawValue).joined(separator: "|"), $0.condition ?? ""] })
    }
    if kind.name == Self.use.name {
      text +=
        "\nInputs, parameters and outputs are those that the recipe declares: give the former beside 'recipe', and\n"
      text += "refer to the latter as 'stage.output'. Its stages are called 'stage.NAME'.\n"
    }
    return text
  }

  public var json: JSON { .array(kinds.map(json(of:))) }

  private func json(of kind: StageKind) -> JSON {
    [
      "kind": .string(kind.name), "summary": .string(kind.summary), "revision": .int(kind.revision),
      "inputs": .array(
        kind.inputs.map { port in
          [
            "name": .string(port.name), "types": .array(port.types.map { .string($0.rawValue) }),
            "arity": .string(port.arity.text), "role": .string(port.role.rawValue), "help": .string(port.help),
          ]
        }),
      "parameters": .array(kind.parameters.map(\.json)),
      "outputs": .array(
        kind.possibleOutputs.map { output in
          [
            "name": .string(output.name), "types": .array(output.types.map { .string($0.rawValue) }),
            "when": .optional(output.condition),
          ]
        }),
    ]
  }
}

extension PortRole {
  /// What of a set one of a stage's actions sees, where that is not plain.
  fileprivate var text: String? {
    switch self {
    case .whole, .each: nil
    case .matching: "item by item"
    case .parts: "the parts of each item"
    }
  }
}

extension Port.Arity {
  fileprivate var text: String {
    switch self {
    case .one: "required"
    case .optional: "optional"
    case .list: "list"
    case .optionalList: "optional list"
    case .mixture: "mixture"
    case .ensemble: "one, a list, or names to weights"
    case .named: "names to references"
    }
  }
}

extension ParameterDeclaration {
  /// Name, type, presence and help.
  fileprivate var row: [String] {
    let presence =
      switch self.presence {
      case .required: "required"
      case .optional: "optional"
      case .defaulting(let value): "default \(value.text)"
      }
    return ["  \(name)", kind.text, presence, help + (isSemantic ? "" : " (not part of the key)")]
  }

  fileprivate var json: JSON {
    let (presence, fallback): (String, JSON) =
      switch self.presence {
      case .required: ("required", .null)
      case .optional: ("optional", .null)
      case .defaulting(let value): ("default", value.json)
      }
    return [
      "name": .string(name), "type": .string(kind.text), "presence": .string(presence), "default": fallback,
      "semantic": .bool(isSemantic), "help": .string(help),
    ]
  }
}

extension ParameterDeclaration.Kind {
  fileprivate var text: String {
    switch self {
    case .bool: "true|false"
    case .int(let range): "integer" + Self.bounds(range, unbounded: Int.min...Int.max)
    case .double(let range):
      "number" + Self.bounds(range, unbounded: -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)
    case .size(let range): "integer or [width, height] \(range.lowerBound)...\(range.upperBound)"
    case .string: "text"
    case .scalar, .word: "text|number|true|false"
    case .choice(let words): words.joined(separator: "|")
    case .list(let element): "list of \(element.text)"
    case .map(let element): "names to \(element.text)"
    case .path(.file): "file"
    case .path(.fileOrFolder): "file or folder"
    case .path(.files), .path(.namedFiles): "files"
    }
  }

  /// ` 1...999`, ` ≥ 1`, or nothing where there are no bounds.
  private static func bounds<Bound: Comparable>(_ range: ClosedRange<Bound>, unbounded: ClosedRange<Bound>) -> String {
    switch (range.lowerBound > unbounded.lowerBound, range.upperBound < unbounded.upperBound) {
    case (true, true): " \(range.lowerBound)...\(range.upperBound)"
    case (true, false): " ≥ \(range.lowerBound)"
    case (false, true): " ≤ \(range.upperBound)"
    case (false, false): ""
    }
  }
}

private struct Use: Stage {
  static let name = "use"
  static let summary = "Puts another recipe, with its inputs and parameters by their names, in the stage's place."
  static let revision = 1

  @Parameter(help: "The recipe's file, relative to this one.") var recipe: String
  @Parameter(
    1...1000, name: "repeat",
    help: "How many rounds, each on what the one before made; ${round} is the number of the round.")
  var rounds: Int?
  @Parameter(help: "With repeat: inputs to outputs of the round before.") var carry: NamedValues<String>?

  func run(_ context: any StageContext) {}
}
