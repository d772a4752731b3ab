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
    /// The command line or a record, and the name of a profile, which gives what these leave out.
    case overlays([Overlay], profile: String?)
    /// A stage of another recipe, with the names of parameters that it means to give by wrong names.
    case use(Name, [Argument], slips: Set<String>)
  }

  private struct Parameter {
    /// The sweeps on which the value depends.
    let sweeps: Set<Int>
    let definitions: [Point: Definition]
    /// As `params` would write it.
    let value: Value
    /// How many values the largest definition has.
    let size: Int

    init(sweeps: Set<Int>, definitions: [Point: Definition], value: Value) {
      (self.sweeps, self.definitions, self.value) = (sweeps, definitions, value)
      size = definitions.values.lazy.map(\.node.count).max() ?? 1
    }
  }

  /// In the recipe's order. A parameter whose own value is wrong has none, so that its uses are not wrong as well.
  private var parameters: OrderedDictionary<String, Parameter?> = [:]
  private(set) var overlays: [String: Value] = [:]
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
    case .overlays(let overlays, let profile):
      check(document.profiles, of: drafts, into: &problems)
      for (index, overlay) in overlays.enumerated() { set(overlay, line: index + 1, in: &drafts, into: &problems) }
      take(profile, of: document.profiles, in: &drafts, into: &problems)
      for case let draft? in drafts.values where draft.isRequired {
        problems.report(
          "parameter '\(draft.name.text)' has no value", at: draft.name.location,
          hint: "give it one: --set \(draft.name.text)=…")
        drafts[draft.name.text] = .some(nil)
      }
    case .use(let user, let arguments, let slips):
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
    var columns: OrderedDictionary<String, [Value]> = [:]
    for draft in drafts {
      if case .sweep(let definitions) = draft.form { columns[draft.name.text] = definitions.map(\.value) }
    }
    var numbers: [String: Int] = [:]
    func add(_ names: [String]) {
      let lists = names.compactMap { columns[$0] }
      let rows = (0..<(lists[0].count)).map { row in lists.map { $0[row] } }
      let number = sweeps.add(Sweep(names: names.map { prefix + $0 }, values: rows))
      for name in names { numbers[name] = number }
      if Set(rows.map { $0.map(\.normalized) }).count < rows.count,
        let draft = drafts.first(where: { $0.name.text == names[0] })
      {
        problems.report(
          "the sweep of '\(names.joined(separator: "' and '"))' has a value twice", at: draft.origin.location,
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

  // MARK: --set

  private mutating func set(
    _ overlay: Overlay, line: Int, in drafts: inout OrderedDictionary<String, ParameterDraft?>,
    into problems: inout Problems
  ) {
    let start = SourceLocation(file: "--set", line: line, column: 1)
    let (name, text): (String, String)
    switch overlay {
    case .written(let written):
      guard let equals = written.utf8.firstIndex(of: UInt8(ascii: "=")) else {
        problems.report("'--set \(written)' gives no value", at: start, hint: "write --set name=value")
        return
      }
      (name, text) = (String(written[..<equals]), String(written[written.utf8.index(after: equals)...]))
    case .value(let given, let value): (name, text) = (given, value.spelling)
    }
    guard overlays[name] == nil else {
      problems.report("'\(name)' is set twice", at: start)
      return
    }
    let place = SourceLocation(file: "--set", line: line, column: name.unicodeScalars.count + 2)
    set(Name(name, at: start), to: text, at: place, in: &drafts, into: &problems) { draft in
      if case .value(_, let value) = overlay {
        draft.set(Node(value, at: place), writtenAs: text)
      } else {
        draft.set(text, at: place)
      }
    }
  }

  /// - Parameters:
  ///   - text: the value as it is written.
  ///   - replace: gives the draft that value: nil, or what is wrong with it.
  private mutating func set(
    _ key: Name, to text: String, at place: SourceLocation, in drafts: inout OrderedDictionary<String, ParameterDraft?>,
    into problems: inout Problems, by replace: (inout ParameterDraft) -> String?
  ) {
    let name = key.text
    guard let draft = drafts[name] else {
      let suggestion = Suggestion.nearest(to: name, in: drafts.keys)
      let known =
        drafts.keys.isEmpty
        ? "the recipe has no parameters" : "its parameters are " + Suggestion.list(drafts.keys)
      problems.report(
        "the recipe has no parameter '\(name)'", at: key.location, suggestion: suggestion,
        hint: suggestion == nil ? known : nil)
      return
    }
    guard var draft else { return }
    if let complaint = replace(&draft) {
      problems.report(
        "'\(name)' is \(draft.sample.typeName) in the recipe, and \(complaint)", at: place,
        hint: Self.hint(for: Scalar(text, isPlain: true), of: draft), notes: [draft.origin])
      if draft.isRequired { drafts[name] = .some(nil) }
      return
    }
    switch draft.form {
    case .required: break
    case .one(let definition): overlays[name] = definition.value
    // A sweep of one value is set by that value alone.
    case .sweep(let definitions):
      overlays[name] = definitions.count == 1 ? definitions[0].value : .list(definitions.map(\.value))
    }
    drafts[name] = draft
  }
}

// MARK: - Profiles

extension RecipeParameters {
  /// Reports what is wrong with any profile, each taken by itself, whatever the command line says.
  private func check(
    _ profiles: [(name: Name, entries: [Entry])], of drafts: OrderedDictionary<String, ParameterDraft?>,
    into problems: inout Problems
  ) {
    for profile in profiles {
      var (trial, unused) = (self, drafts)
      trial.set(profile.entries, in: &unused, into: &problems)
    }
  }

  /// Sets what a profile says and the command line leaves out.
  private mutating func take(
    _ chosen: String?, of profiles: [(name: Name, entries: [Entry])],
    in drafts: inout OrderedDictionary<String, ParameterDraft?>, into problems: inout Problems
  ) {
    guard let chosen else { return }
    guard let profile = profiles.first(where: { $0.name.text == chosen }) else {
      let names = profiles.map(\.name.text)
      let suggestion = Suggestion.nearest(to: chosen, in: names)
      problems.report(
        "the recipe has no profile '\(chosen)'", at: SourceLocation(file: "--profile", line: 1, column: 1),
        suggestion: suggestion,
        hint: suggestion != nil
          ? nil : names.isEmpty ? "write profiles: {\(chosen): {…}} in it" : "it has " + Suggestion.list(names))
      return
    }
    set(profile.entries.filter { overlays[$0.key.text] == nil }, in: &drafts, into: &problems)
  }

  private mutating func set(
    _ entries: [Entry], in drafts: inout OrderedDictionary<String, ParameterDraft?>, into problems: inout Problems
  ) {
    for entry in entries {
      guard let text = entry.value.listing else {
        problems.report(
          "a profile sets a parameter to a value or a list of values, not to \(entry.value.summary)",
          at: entry.value.location)
        continue
      }
      guard let value = entry.value.literal(into: &problems) else { continue }
      set(entry.key, to: text, at: entry.value.location, in: &drafts, into: &problems) {
        $0.set(value, writtenAs: text)
      }
    }
  }
}

extension RecipeParameters {
  /// What to do about a value on the command line that is not of a parameter's type.
  private static func hint(for scalar: Scalar, of draft: ParameterDraft) -> String? {
    let name = draft.name.text
    if draft.sample.bool != nil { return scalar.oldBoolean.map { "write \(name)=\($0)" } }
    guard draft.sample.double != nil, case .double(let number) = scalar.value else { return nil }
    guard number.isFinite else { return "numbers are finite, and no larger than \(Double.greatestFiniteMagnitude)" }
    guard let old = draft.sample.int else { return nil }
    if abs(number) >= 0x1p63 { return "whole numbers go from \(Int.min) to \(Int.max)" }
    if let whole = Int(exactly: number) { return "write \(name)=\(whole)" }
    return draft.isRequired
      ? "to allow fractions, declare it {type: number}"
      : "to allow fractions, give it one in the recipe: \(old).0"
  }
}

extension ParameterDraft {
  fileprivate var isRequired: Bool { if case .required = form { true } else { false } }
}

// MARK: - Use

extension RecipeParameters {
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
  private func parameter(_ name: String) -> Parameter?? { parameters[name] ?? lent[name] }

  /// The sweeps on which what `node` says depends, by the parameters that it uses.
  func sweeps(in node: Node) -> Set<Int> {
    switch node.content {
    case .scalar(let scalar):
      scalar.placeholders.reduce(into: []) { $0.formUnion((parameter($1) ?? nil)?.sweeps ?? []) }
    case .sequence(let nodes): nodes.reduce(into: []) { $0.formUnion(sweeps(in: $1)) }
    case .mapping(let entries): entries.reduce(into: []) { $0.formUnion(sweeps(in: $1.value)) }
    }
  }

  /// How many values `node` has at most once those of the parameters that it uses are put in.
  func size(of node: Node) -> Int {
    switch node.content {
    case .scalar(let scalar):
      scalar.placeholders.reduce(1) { max($0, (parameter($1) ?? nil)?.size ?? 1) }
    case .sequence(let nodes): nodes.reduce(1) { $0 + size(of: $1) }
    case .mapping(let entries): entries.reduce(1) { $0 + size(of: $1.value) }
    }
  }

  /// How long a text may become when values are put into it.
  private static let textLimit = 10_000

  /// `node` with every `${name}` in its values replaced by what it is at `point`; keys stay as they are. A scalar that
  /// is one `${name}` and nothing else becomes the parameter's value with its type; elsewhere the value's text is put
  /// in. `$${` is a `${` that stays. Nil where that fails.
  func applied(to node: Node, at point: Point, into problems: inout Problems) -> Node? {
    switch node.content {
    case .scalar(let scalar): return applied(to: scalar, of: node, at: point, into: &problems)
    case .sequence(let nodes):
      let made = nodes.map { applied(to: $0, at: point, into: &problems) }
      guard !made.contains(where: { $0 == nil }) else { return nil }
      return Node(.sequence(made.compactMap(\.self)), at: node.location, notes: node.notes)
    case .mapping(let entries):
      let made = entries.map { entry in
        applied(to: entry.value, at: point, into: &problems).map { Entry(key: entry.key, value: $0) }
      }
      guard !made.contains(where: { $0 == nil }) else { return nil }
      return Node(.mapping(made.compactMap(\.self)), at: node.location, notes: node.notes)
    }
  }

  private func applied(
    to scalar: Scalar, of node: Node, at point: Point, into problems: inout Problems
  ) -> Node? {
    guard scalar.text.utf8.contains(UInt8(ascii: "$")) else { return node }
    var text = ""
    var origin: Diagnostic.Note?
    for piece in scalar.pieces {
      switch piece {
      case .text(let plain): text += plain
      case .unclosed(let name):
        problems.report(
          "'${' has no '}'", at: node.location,
          hint: (name.isEmpty ? "" : "close it: ${\(name)}, or ") + "write $${ for the text '${'", notes: node.notes)
        return nil
      case .placeholder(""):
        problems.report("a name is missing between { and }", at: node.location, notes: node.notes)
        return nil
      case .placeholder(let name):
        guard let definition = definition(name, at: point, for: node.location, into: &problems) else { return nil }
        if scalar.text.utf8.count == name.utf8.count + 3 {
          return definition.node.used(at: node.location, from: definition.origin)
        }
        guard let piece = definition.node.scalar, !piece.isNull else {
          problems.report(
            definition.node.isNull
              ? "'\(name)' has no value to put into a text"
              : "'${\(name)}' is \(definition.value.typeName) and has no place inside a text",
            at: node.location, notes: [definition.origin])
          return nil
        }
        text += piece.text
        origin = origin ?? definition.origin
        guard text.utf8.count <= Self.textLimit else {
          problems.report(
            "the text grows beyond \(Self.textLimit) letters here", at: node.location, notes: [definition.origin])
          return nil
        }
      }
    }
    return Node(.scalar(Scalar(text, isPlain: false)), at: node.location, notes: origin.map { [$0] } ?? node.notes)
  }

  private func definition(
    _ name: String, at point: Point, for location: SourceLocation, into problems: inout Problems
  ) -> Definition? {
    if problems.isFull { return nil }
    if let parameter = parameter(name) { return parameter?.definitions[point.along(parameter?.sweeps ?? [])] }
    let suggestion = Suggestion.nearest(to: name, in: Array(parameters.keys) + Array(lent.keys))
    let hint =
      name.contains(".")
      ? "it stands for a parameter of a recipe that a stage above uses" : "declare it: 'params: {\(name): value}'"
    problems.report(
      "unknown parameter '${\(name)}'", at: location, suggestion: suggestion.map { "${\($0)}" },
      hint: suggestion == nil ? hint : nil)
    return nil
  }
}
