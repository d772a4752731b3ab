import OrderedCollections
import RecipeSyntax
import StageKit

/// The parameters of a recipe with their effective values, at every place of the sweeps that they depend on.
struct RecipeParameters {
  /// What a recipe that uses another gives for one of its parameters: an expression over its own.
  struct Argument {
    let name: Name
    let node: Node
    let parameters: RecipeParameters
  }

  /// Who gives values for those in the recipe.
  enum ValueSource {
    /// The command line or a record, and the name of a profile, which gives what these leave out. Where not all values
    /// are needed, any of its type stands in for one that is missing.
    case overlays([Overlay], profile: String?, needsAll: Bool)
    /// A stage of another recipe, with the names of parameters that it means to give by wrong names.
    case use(Name, [Argument], slips: Set<String>)
  }

  struct Parameter {
    /// The sweeps on which the value depends.
    let sweeps: Set<Int>
    let definitions: [Point: Definition]
    /// As `params` would write it.
    let value: Value
    /// How many values the largest definition has.
    let size: Int

    init(sweeps: Set<Int>, definitions: [Point: Definition], value: Value) {
      self.sweeps = sweeps
      self.definitions = definitions
      self.value = value
      size = definitions.values.lazy.map(\.node.count).max() ?? 1
    }
  }

  /// In the recipe's order. A parameter whose own value is wrong has none, so that its uses are not wrong as well.
  private var parameters: OrderedDictionary<String, Parameter?> = [:]
  let overlays: [String: Value]
  /// Those of recipes in use: `use.name`.
  private var lent: OrderedDictionary<String, Parameter?> = [:]

  var values: OrderedDictionary<String, Value> { parameters.compactMapValues { $0?.value } }

  /// The text that stands for the command line in messages: a line for each `--set`.
  static func overlaySource(_ overlays: [Overlay]) -> SourceText {
    let lines = overlays.map { overlay in
      var line = String.UnicodeScalarView()
      line.append(contentsOf: overlay.text.unicodeScalars.map { Character($0).isNewline ? " " : $0 })
      return String(line)
    }
    return SourceText(file: "--set", text: lines.joined(separator: "\n"))
  }

  /// - Parameters:
  ///   - prefix: what the names of axes start with.
  ///   - sweeps: those of the plan; the recipe's own are added.
  init(
    of document: RecipeDocument, from giver: ValueSource, prefix: String = "", sweeps: inout Sweeps,
    into problems: inout Problems
  ) {
    var drafts: OrderedDictionary<String, ParameterDraft?> = [:]
    for entry in document.parameters { drafts[entry.key.text] = ParameterDraft(entry, into: &problems) }
    var given: [String: Parameter?] = [:]
    switch giver {
    case .overlays(let written, let profile, let needsAll):
      var overlaid = OverlaidParameters(drafts)
      overlaid.check(document.profiles, into: &problems)
      for (index, overlay) in written.enumerated() { overlaid.set(overlay, line: index + 1, into: &problems) }
      overlaid.take(profile, of: document.profiles, into: &problems)
      if needsAll { overlaid.requireValues(into: &problems) } else { overlaid.standIn() }
      drafts = overlaid.drafts
      overlays = overlaid.overlays
    case .use(let user, let arguments, let slips):
      overlays = [:]
      for argument in arguments {
        guard let draft = drafts[argument.name.text] else { continue }
        given[argument.name.text] = draft.map { Self.parameter($0, argument, sweeps: sweeps, into: &problems) }
      }
      for case let draft? in drafts.values where draft.isRequired && given[draft.name.text] == nil {
        drafts[draft.name.text] = .some(nil)
        if slips.contains(draft.name.text) { continue }
        problems.report(
          "'\(user.text)' needs the parameter '\(draft.name.text)'", at: user.location,
          notes: [.init("declared here", at: draft.name.location)])
      }
    }
    let numbers = Self.numbers(
      of: drafts.values.compactMap(\.self).filter { given[$0.name.text] == nil }, zips: document.zips, prefix: prefix,
      isGiven: { [overlays] in given[$0] != nil || overlays[$0] != nil }, sweeps: &sweeps, into: &problems)
    for (name, draft) in drafts {
      if let given = given[name] {
        parameters[name] = .some(given)
      } else {
        parameters[name] = .some(draft.flatMap { Self.parameter($0, sweep: numbers[name]) })
      }
    }
  }

  // MARK: Values

  private static func parameter(_ draft: ParameterDraft, sweep: Int?) -> Parameter? {
    switch draft.form {
    case .required: return nil
    case .one(let definition):
      return Parameter(sweeps: [], definitions: [Point(): definition], value: definition.value)
    case .sweep(let definitions):
      guard let sweep else { return nil }
      let points = definitions.indices.map { Point(places: [sweep: $0]) }
      return Parameter(
        sweeps: [sweep], definitions: Dictionary(uniqueKeysWithValues: zip(points, definitions)),
        value: .map(["sweep": .list(definitions.map(\.value))]))
    }
  }

  /// The parameter with the values that an argument has, wherever its own parameters are swept.
  private static func parameter(
    _ draft: ParameterDraft, _ argument: Argument, sweeps: Sweeps, into problems: inout Problems
  ) -> Parameter? {
    let along = argument.parameters.sweeps(in: argument.node)
    var definitions: [Point: Definition] = [:]
    for point in sweeps.points(along: along) ?? [] {
      guard let node = argument.parameters.applied(to: argument.node, at: point, into: &problems) else { return nil }
      guard let definition = draft.argument(node) else {
        problems.report(
          "'\(draft.name.text)' must be \(draft.sample.typeName), not \(node.summary)", at: argument.node.location,
          hint: node.hint { $0.typeName == draft.sample.typeName }, notes: [draft.origin])
        return nil
      }
      definitions[point] = definition
    }
    return Parameter(sweeps: along, definitions: definitions, value: .null)
  }

  /// The number of each swept parameter's sweep, having added the sweeps.
  private static func numbers(
    of drafts: [ParameterDraft], zips: [[Name]], prefix: String, isGiven: (String) -> Bool, sweeps: inout Sweeps,
    into problems: inout Problems
  ) -> [String: Int] {
    var columns: OrderedDictionary<String, [Definition]> = [:]
    for draft in drafts {
      if case .sweep(let definitions) = draft.form { columns[draft.name.text] = definitions }
    }
    var numbers: [String: Int] = [:]
    func add(_ names: [String]) {
      let lists = names.compactMap { columns[$0] }
      let rows = lists[0].indices.map { row in lists.map { $0[row].value } }
      let number = sweeps.add(Sweep(names: names.map { prefix + $0 }, values: rows))
      for name in names { numbers[name] = number }
      var seen: Set<[Value]> = []
      if let second = rows.firstIndex(where: { !seen.insert($0.map(\.normalized)).inserted }) {
        problems.report(
          "the sweep of '\(names.joined(separator: "' and '"))' has a value twice", at: lists[0][second].node.location,
          hint: "list each value once")
      }
    }
    for zip in zips {
      let names = zip.map(\.text)
      // A zip whose parameters have all been given single values pairs nothing any more.
      if names.allSatisfy({ columns[$0] == nil && isGiven($0) }) { continue }
      var isWhole = true
      for name in zip where !problems.isFull {
        if numbers[name.text] != nil || names.count(where: { $0 == name.text }) > 1 {
          problems.report("'\(name.text)' is zipped twice", at: name.location)
        } else if columns[name.text] == nil {
          let suggestion = Suggestion.nearest(to: name.text, in: columns.keys)
          problems.report(
            "'zip' pairs sweeps, and '\(name.text)' is none", at: name.location, suggestion: suggestion,
            hint: suggestion == nil ? "write \(name.text): {sweep: [a, b]} in 'params'" : nil)
        } else {
          continue
        }
        isWhole = false
      }
      guard isWhole else { continue }
      let counts = names.map { columns[$0]?.count ?? 0 }
      guard Set(counts).count == 1 else {
        let each = Swift.zip(names, counts).map { "'\($0)' has \($1)" }.joined(separator: ", ")
        problems.report("zipped sweeps must have as many values as each other, but \(each)", at: zip[0].location)
        continue
      }
      add(names)
    }
    let zipped = Set(zips.joined().map(\.text))
    for name in columns.keys where numbers[name] == nil && !zipped.contains(name) { add([name]) }
    return numbers
  }

  // MARK: Use

  /// These parameters and one more, which hides one that has the same name.
  /// - Parameter value: nil where it is wrong.
  func adding(_ name: String, _ value: Int?, at location: SourceLocation) -> RecipeParameters {
    var more = self
    more.parameters[name] = .some(nil)
    guard let value else { return more }
    let node = Node(.scalar(Scalar(String(value), isPlain: true)), at: location)
    let definition = Definition(
      value: .int(value), node: node, origin: .init("'\(name)' is \(value) here", at: location))
    more.parameters[name] = Parameter(sweeps: [], definitions: [Point(): definition], value: .int(value))
    return more
  }

  /// Lets `${user.name}` stand for each parameter of the recipe that the stage `user` uses.
  mutating func lend(_ others: RecipeParameters, of user: String) {
    for (name, parameter) in others.parameters { lent["\(user).\(name)"] = .some(parameter) }
  }

  /// The parameter that a placeholder names; inside, nil for one that is wrong.
  func parameter(_ name: String) -> Parameter?? { parameters[name] ?? lent[name] }

  /// The names that placeholders can have.
  var knownNames: [String] { Array(parameters.keys) + Array(lent.keys) }
}
