import ArtifactStore
import Escaping
import Foundation
import RecipeSyntax
import StageKit

/// For which inputs of a recipe stages stand in, where it is checked by itself.
enum StandIns { case none, required, all }

/// A recipe with every recipe that it uses put in its place: one list of stages, each in its scope.
struct Expansion {
  /// How many values a plan may have, with every use of a recipe and every place of a sweep written out.
  static let limit = NodeReader.countLimit
  /// How deep recipes may use each other.
  private static let depthLimit = 64

  private(set) var scopes: [Scope] = []
  private(set) var stages: [ScopedStage] = []
  private(set) var links: [Link] = []
  private(set) var sweeps = Sweeps()
  /// What recipes give to those they use, to be checked once types are known.
  private(set) var bindings: [Binding] = []
  private(set) var problems = Problems()
  /// Every text that has been read.
  private(set) var sources: [SourceText]
  /// The recipe and those that it uses, each once.
  var recipes: [SourceText] { Array(sources.dropFirst(2)) }
  /// Whether there is more of it than ``limit``, so that it is not whole.
  private(set) var isTooLarge = false
  /// Whether it is not whole, because it is too large or has too much wrong in it.
  var isBroken: Bool { isTooLarge || problems.isFull }
  /// The values in all scopes.
  private var size = 0
  /// Recipes in use by path; nil for one that cannot be read.
  private var files: [String: RecipeFile?] = [:]

  /// What is given for an input.
  struct Binding {
    /// `'images' of 'zombies'`
    let subject: String
    /// `'faces'`, or `the output 'result'` of the round before.
    let given: String
    let link: Int
    let input: RecipeFile.Input
    let location: SourceLocation
    /// The scope that gives it.
    let scope: Int
  }

  /// The kinds of the stages that stand for inputs.
  private(set) var standIns: [StageKind] = []
  /// Whether the recipe has inputs that may be left out.
  private(set) var hasOptionalInputs = false
  /// Whether the recipe is one that is run, and not one that others use and is checked by itself.
  private let isToBeRun: Bool

  /// What files have to be.
  private let lock: SourceLock

  init(
    of source: SourceText, lock: SourceLock, overlays: [Overlay], profile: String?, standIns given: StandIns
  ) {
    self.lock = lock
    isToBeRun = given == .none
    sources = [RecipeParameters.overlaySource(overlays), SourceText(file: "--profile", text: profile ?? ""), source]
    guard let file = RecipeFile(source, into: &problems) else { return }
    let parameters = RecipeParameters(
      of: file.document,
      from: .overlays(overlays, profile: profile, needsAll: given == .none || file.inputs.isEmpty), sweeps: &sweeps,
      into: &problems)
    var scope = Scope(prefix: "", file: file, parameters: parameters, users: [], lock: lock)
    hasOptionalInputs = file.inputs.contains(where: \.isOptional)
    for input in file.inputs {
      if let type = input.type, given == .all || given == .required && !input.isOptional {
        let kind = StageKind(standingInFor: type)
        if !standIns.contains(where: { $0.name == kind.name }) { standIns.append(kind) }
        let place = input.name.location
        let entry = Entry(key: Name(kind.name, at: place), value: Node(.mapping([]), at: place))
        scope.members[input.name.text] = .stage(stages.count)
        stages.append(
          ScopedStage(
            syntax: StageSyntax(name: input.name, contents: [entry]), scope: 0, name: input.name.text))
        continue
      }
      scope.members[input.name.text] = input.isOptional ? .absent : .broken
      if !input.isOptional, input.type != nil {
        problems.report(
          "the recipe takes the input '\(input.name.text)', so it runs only in a recipe that uses it",
          at: input.name.location, hint: "write {use: {recipe: \(file.name), \(input.name.text): …}} there")
      }
    }
    open(scope, within: [file.path])
  }

  /// Reports what was found in a scope, with the places that use it.
  mutating func report(_ found: Problems, in scope: Int) {
    for error in found.errors { problems.report(error.adding(scopes[scope].users)) }
  }

  /// Reports that there is more than ``limit`` because of something in a scope.
  mutating func reportTooLarge(at location: SourceLocation, in scope: Int) {
    isTooLarge = true
    var found = Problems()
    found.report(
      "the recipe grows beyond \(Self.limit) values here, with its uses and sweeps written out", at: location,
      hint: "sweep fewer values, zip the sweeps, or use recipes less often")
    report(found, in: scope)
  }

  /// Adds a scope and all that is in it: its number.
  /// - Parameter paths: the recipes that lead there, itself included.
  @discardableResult
  private mutating func open(_ scope: Scope, within paths: [String]) -> Int {
    let number = scopes.count
    scopes.append(scope)
    size += scope.file.size
    for syntax in scope.file.document.stages {
      let name = syntax.name.text
      if let entry = syntax.contents.first(where: { $0.key.text == "use" }) {
        var found = Problems()
        guard !isBroken else { break }
        let member = use(syntax, entry, in: number, within: paths, into: &found)
        scopes[number].members[name] = member
        if case .use(let opened) = member { scopes[number].add(use: name, of: opened, scopes[opened]) }
        report(found, in: number)
      } else {
        scopes[number].members[name] = .stage(stages.count)
        stages.append(ScopedStage(syntax: syntax, scope: number, name: scope.prefix + name))
      }
    }
    // Nothing leads to an output that is not there.
    for output in scope.file.document.outputs ?? []
    where number == 0 && isToBeRun || !scopes[number].isAbsent(output.value) {
      scopes[number].add(output: output.key.text, link: links.count)
      links.append(
        Link(
          node: output.value, scope: number, name: scope.prefix + output.key.text, subject: "each of 'outputs'",
          place: "'outputs'"))
    }
    return number
  }

  // MARK: Use

  private mutating func use(
    _ syntax: StageSyntax, _ entry: Entry, in user: Int, within paths: [String], into found: inout Problems
  ) -> Scope.Member {
    let form = "write \(syntax.name.text): {use: {recipe: library/some.yaml, …}}"
    for other in syntax.contents where other.key != entry.key {
      found.report("unknown key '\(other.key.text)' beside 'use'", at: other.key.location, hint: form)
    }
    if let expectation = syntax.expectations.first {
      found.report(
        "nothing can be expected of '\(syntax.name.text)': it uses a recipe", at: expectation.key.location,
        hint: "move 'expect' to the stage that measures")
    }
    let entries = entry.value.entries("'use'", hint: form, into: &found)
    guard entry.value.mapping != nil || entry.value.isNull else { return .broken }
    guard let written = entries.first(where: { $0.key.text == "recipe" })?.value else {
      found.report("'use' of stage '\(syntax.name.text)' needs 'recipe'", at: entry.key.location, hint: form)
      return .broken
    }
    guard let file = file(written, from: scopes[user], into: &found) else { return .broken }
    guard !paths.contains(file.path) else {
      let cycle = paths.drop { $0 != file.path } + [file.path]
      found.report(
        "recipes use each other in a circle: "
          + cycle.map { $0.fileName }.joined(separator: " -> "),
        at: written.location, hint: "let one of them do without the other")
      return .broken
    }
    guard paths.count < Self.depthLimit else {
      found.report("recipes use each other more than \(Self.depthLimit) levels deep", at: written.location)
      return .broken
    }
    let call = RecipeInvocation(syntax.name, entries, file: file, scope: scopes[user], into: &found)
    return rounds(of: call, in: user, within: paths + [file.path], at: entry.key.location, into: &found)
  }

  /// Adds the scopes of all rounds of a use: the last one, or what is wrong.
  private mutating func rounds(
    of call: RecipeInvocation, in user: Int, within paths: [String], at location: SourceLocation,
    into found: inout Problems
  ) -> Scope.Member {
    let rounds = call.rounds ?? 1
    let given = links(of: call, in: user)
    var carried: [String: Int] = [:]
    // Of one round, as far as that is known.
    var cost = call.file.size + call.size(of: scopes[user].parameters, along: sweeps)
    for round in 1...rounds {
      guard !isTooLarge, !found.isFull else { return .broken }
      guard cost * (rounds - round + 1) <= Self.limit - size else {
        reportTooLarge(at: location, in: user)
        return .broken
      }
      let before = size
      let scope = self.scope(
        of: call, round: round, in: user, given: given.merging(carried) { $1 }, into: &found)
      let opened = open(scope, within: paths)
      if round == rounds { return .use(opened) }
      cost = max(cost, size - before)
      for entry in call.carry {
        guard let link = scopes[opened].output(entry.output.text) else { continue }
        carried[entry.input.name.text] = link
        bindings.append(
          Binding(
            subject: call.subject(of: entry.input), given: "the output '\(entry.output.text)'", link: link,
            input: entry.input, location: entry.output.location, scope: user))
      }
    }
    return .broken
  }

  /// The recipe that `node` names; nil after reporting why there is none, or having done so earlier.
  private mutating func file(_ node: Node, from scope: Scope, into found: inout Problems) -> RecipeFile? {
    guard let written = scope.constant(node, "which recipe is used", into: &found) else { return nil }
    guard let text = written.scalar?.value.string, !text.isEmpty else {
      found.report(
        "'recipe' must be the path of a recipe, not \(written.summary)", at: node.location, notes: written.notes)
      return nil
    }
    let beside = scope.file.name(of: text)
    let installed = Self.isAbsent(beside) ? Installation.current?.library(text) : nil
    let name = installed.map { Self.isAbsent($0) ? beside : $0 } ?? beside
    let path = URL(filePath: name).absoluteURL.resolvingSymlinksInPath().path
    if let known = files[path] { return known }
    let use = Diagnostic.Note.use(at: node.location)
    do throws(Diagnostics) {
      let source = try SourceText.read(name)
      sources.append(source)
      var own = Problems()
      files[path] = RecipeFile(source, into: &own)
      for error in own.errors { found.report(error.adding([use])) }
    } catch {
      sources += error.sources
      let folder = text.utf8.lastIndex(of: UInt8(ascii: "/")).map { text[...$0] } ?? ""
      let isThere = FileManager.default.fileExists(atPath: path)
      for error in error.errors {
        if error.location.line > 0 {
          files[path] = .some(nil)
          found.report(error.adding([use]))
        } else {
          let suggestion = error.suggestion ?? (isThere ? nil : installed.flatMap(Self.nearest))
          found.report(
            "\(error.message): '\(text)'", at: node.location, suggestion: suggestion.map { folder + $0 },
            hint: isThere || suggestion != nil ? nil : Self.whereItWasLookedFor(text, beside: path),
            notes: written.notes)
        }
      }
    }
    return files[path] ?? nil
  }

  /// Whether nothing has the name; of what may not be looked at, that is not known.
  private static func isAbsent(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) != 0 && [ENOENT, ENOTDIR].contains(errno)
  }

  /// The name of the recipe in the same folder that was probably meant.
  private static func nearest(to path: String) -> String? {
    let names = (try? Files.names(in: path.parentFolder)) ?? []
    return Suggestion.nearest(to: path.fileName, in: names.filter { ["yaml", "yml"].contains($0.fileExtension) })
  }

  /// Help for a recipe that is not there.
  private static func whereItWasLookedFor(_ written: String, beside path: String) -> String {
    guard Installation.namesLibrary(written) else { return "paths are relative to the recipe that has them" }
    guard let installed = Installation.current?.library(written) else {
      return "looked for \(path); \(Installation.absence)"
    }
    return "looked for \(path) and \(installed); `diffusionclip recipes` lists what came with the program"
  }

  /// The links of what a use gives for inputs, by their names.
  private mutating func links(of call: RecipeInvocation, in user: Int) -> [String: Int] {
    var given: [String: Int] = [:]
    for (input, node) in call.inputs {
      let name = input.name.text
      given[name] = links.count
      bindings.append(
        Binding(
          subject: call.subject(of: input), given: "'\(node.scalar?.text ?? "")'", link: links.count, input: input,
          location: node.location, scope: user))
      links.append(
        Link(
          node: node, scope: user, name: "\(scopes[user].prefix)\(call.name.text).\(name)",
          subject: call.subject(of: input), place: call.subject(of: input)))
    }
    return given
  }

  /// The scope of a recipe in use.
  /// - Parameters:
  ///   - given: the links of its inputs, by their names.
  private mutating func scope(
    of call: RecipeInvocation, round: Int, in user: Int, given: [String: Int], into found: inout Problems
  ) -> Scope {
    let base = "\(scopes[user].prefix)\(call.name.text)."
    let prefix = call.isRepeated ? "\(base)\(round)." : base
    let parameters =
      call.isRepeated
      ? scopes[user].parameters.adding("round", call.rounds.map { _ in round }, at: call.name.location)
      : scopes[user].parameters
    let arguments = call.parameters.map {
      RecipeParameters.Argument(name: $0.key, node: $0.value, parameters: parameters)
    }
    var own = Problems()
    let values = RecipeParameters(
      of: call.file.document, from: .use(call.name, arguments, slips: call.slips), prefix: prefix, sweeps: &sweeps,
      into: &own)
    for error in own.errors { found.report(error) }
    var scope = Scope(
      prefix: prefix, file: call.file, parameters: values,
      users: [.use(at: call.name.location)] + scopes[user].users, lock: lock)
    for input in call.file.inputs {
      let name = input.name.text
      guard let type = input.type, let link = given[name] else {
        scope.members[name] = input.isOptional && !call.slips.contains(name) ? .absent : .broken
        continue
      }
      scope.members[name] = .input(link, type)
    }
    return scope
  }
}
