import ArtifactStore
import Escaping
import Foundation
import RecipeSyntax
import StageKit

/// `script`: a program of the user's own, in any language. How it and this program talk is in Documentation/scripts.md.
struct Script: AdaptiveStage {
  static let name = "script"
  static let summary =
    "Runs a program of your own on files of its inputs, and takes what it makes. Needs --allow-scripts."
  static let revision = 1
  static let seesItemNames = true

  @Input(help: "What the program reads, under names of your choice, such as {images: faces}.")
  var inputs: Named<AnyArtifact>
  @Parameter(help: "The program and its arguments, such as [python3, blur.py, --radius, 2]; no shell reads them.")
  var command: [Word]
  @Parameter(
    .namedFiles,
    help:
      "The program's source files and what pins its libraries, such as [blur.py, requirements.txt]: it works beside copies of them, and runs again when one changes."
  )
  var files: SourceFiles?
  @Parameter(
    help:
      "What it makes, under names of your choice, such as {images: images, scores: metrics}. A reference is stage.NAME; the stage alone means pictures first, then latents, networks, metrics, tables, figures."
  )
  var outputs: NamedValues<ScriptOutput>
  @Parameter(
    help:
      "Inputs to go over item by item, such as [images]: the program runs for each item of the first, and sees of the others the item of the same name."
  )
  var each: [String]?
  @Parameter(
    help:
      "Where it runs once: the input whose items each set among the outputs has, or any; that of the input sets unless given, which must have the same items then."
  )
  var items: String?
  @Parameter(
    help: "Sizes of pictures that it makes. same: as the input picture of the same name, or else as each other.")
  var sizes = PictureSizes.same
  @Parameter(help: "What its metrics measure; whatever it writes unless given.") var measures: [String]?
  @Parameter(help: "Values that it finds in stage.json, such as {strength: 0.5}.")
  var parameters: NamedValues<ScalarValue> = [:]
  @Parameter(0...Int.max, help: "A seed that it finds in stage.json.") var seed = 0
  @Parameter(isSemantic: false, help: "Variables of your environment that it sees, such as [CUDA_VISIBLE_DEVICES].")
  var environment: [String] = []
  @Parameter(0.001...10_000_000, name: "timeout_s", isSemantic: false, help: "Seconds after which it is ended.")
  var timeout = 3600.0
  @Parameter(
    1...100_000_000, name: "memory_mb", isSemantic: false, help: "Memory that each of its processes may take.")
  var memoryMegabytes = 2000
  @Parameter(1...100, isSemantic: false, help: "How often it is tried before its failure is the stage's.")
  var attempts = 1

  enum PictureSizes: String, Choice { case same, any }

  /// In the place of an input's name: no input's.
  static let anyItems = "any"
  /// Names of inputs and outputs are names of folders.
  private static let longestName = 64

  var made: [OutputPort]? {
    let order = ScriptOutput.allCases
    return outputs.entries.map { (place: order.firstIndex(of: $0.value) ?? 0, entry: $0) }
      .sorted { $0.place < $1.place }
      .map { OutputPort($0.entry.name, $0.entry.value.type, measures: measures) }
  }

  var itemwise: [String]? { each.map { $0.map { Port.name(ofMember: $0, at: $inputs.name) } } }

  var memoryNeed: MemoryNeed { MemoryNeed(megabytes: 64 + memoryMegabytes, perInputByte: 2) }

  var program: [String]? { command.map(\.text) }

  var programIssue: String? {
    guard let name = command.first?.value.text, !name.has("/") || name.begins(with: "/") else { return nil }
    do {
      _ = try ScriptRun.path(of: name, for: self)
      return nil
    } catch { return "\(error)" }
  }

  // MARK: Before it runs

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let given = draft.named(at: $inputs)
    return commandIssues + nameIssues(given.map(\.label)) + itemIssues(given) + measureIssues + environmentIssues
  }

  private var commandIssues: [ValidationIssue] {
    guard let first = command.first else { return $command.emptiness }
    if first.text.isEmpty {
      return [ValidationIssue(about: $command, "'command' must start with the name of a program")]
    }
    return command.contains { $0.text.utf8.contains(0) }
      ? [ValidationIssue(about: $command, "'command' has a NUL character in it: no program can be told that")] : []
  }

  private func nameIssues(_ inputs: [String]) -> [ValidationIssue] {
    var issues: [ValidationIssue] = []
    if outputs.entries.isEmpty {
      issues.append(ValidationIssue(about: $outputs, "'outputs' is empty: name what the program makes"))
    }
    for name in outputs.entries.map(\.name) where !Name.isIdentifier(name) {
      issues.append(ValidationIssue(about: $outputs, "'\(name)' cannot name an output: \(Name.rule)"))
    }
    for (property, names) in [($inputs as StageProperty, inputs), ($outputs, outputs.entries.map(\.name))] {
      for name in names where name.utf8.count > Self.longestName {
        issues.append(
          ValidationIssue(
            about: property, "'\(name.abridged)' is too long a name: take at most \(Self.longestName) bytes"))
      }
    }
    return issues
  }

  private func itemIssues(_ given: [(label: String, type: ArtifactType)]) -> [ValidationIssue] {
    let types = Dictionary(given) { first, _ in first }
    /// What is wrong with an input that is gone over, or whose items others have.
    func issue(_ name: String, about property: StageProperty) -> ValidationIssue? {
      guard let type = types[name] else {
        let names = given.isEmpty ? "there are none" : "they are \(given.map(\.label).joined(separator: ", "))"
        return ValidationIssue(about: property, "'\(name)' is none of the inputs: \(names)")
      }
      return type.isItemSet
        ? nil : ValidationIssue(about: property, "'\(name)' is a \(type.rawValue), which has no items: name a set")
    }
    guard let each else {
      return items.flatMap { $0 == Self.anyItems ? nil : issue($0, about: $items) }.map { [$0] } ?? []
    }
    var issues = $each.emptiness + each.compactMap { issue($0, about: $each) }
    if Set(each).count < each.count {
      issues.append(ValidationIssue(about: $each, "'each' has an input twice: name each once"))
    }
    if items != nil {
      issues.append(ValidationIssue(about: $items, "'items' is about a program that runs once: remove it, or 'each'"))
    }
    for (name, output) in outputs.entries where !output.type.isItemSet {
      issues.append(
        ValidationIssue(
          about: $outputs,
          "'\(name)' is a \(output.rawValue), but with 'each' the program makes one item after the other: remove 'each', "
            + "or make images, latents or metrics"))
    }
    return issues
  }

  private var measureIssues: [ValidationIssue] {
    guard let measures else { return [] }
    var issues = $measures.emptiness
    if !outputs.entries.contains(where: { $0.value == .metrics }) {
      issues.append(ValidationIssue(about: $measures, "'measures' is about metrics, which no output is: remove it"))
    }
    if Set(measures).count < measures.count {
      issues.append(ValidationIssue(about: $measures, "'measures' has the same one twice: name each once"))
    }
    return issues
  }

  private var environmentIssues: [ValidationIssue] {
    environment.filter { name in
      !name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || Escape.isLetterOrDigit($0) } || name.isEmpty
    }.map { name in
      ValidationIssue(
        about: $environment,
        "'\(name.abridged)' is no name of a variable: name those that the program shall see, without values")
    }
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    let names = (input.files[$files.name] ?? []).map(\.fileName)
    let taken = names.filter(ScriptFolder.isTaken).map { name in
      ValidationIssue(about: $files, "'\(name)' is what the program finds something else under: rename the file")
    }
    let source = each?.first ?? items
    let strange = strangeWord(besides: names).map { [$0] } ?? []
    let known = sizes == .same ? source.flatMap { input[$inputs, $0] } : nil
    return input.estimate(size: known?.size, sizes: known?.sizes).taking(atMost: timeout).reporting(taken + strange)
  }

  /// Files that interpreters read, by how their names end.
  private static let sources = ["py", "sh", "bash", "r", "jl", "js", "mjs", "ts", "rb", "pl", "lua", "m", "php"]

  /// What is wrong where an interpreter is given a file that is not among `files`: there is no other in the program's
  /// folder.
  private func strangeWord(besides files: [String]) -> ValidationIssue? {
    let words = command.map(\.value.text)
    guard words.count > 1, !words[0].has("/"), case let word = words[1], !"/-".utf8.contains(word.utf8.first ?? 0),
      !word.has(" "), Self.sources.contains(word.fileExtension.lowercased()), !files.contains(word)
    else { return nil }
    let isThere = files.contains(word.fileName)
    return ValidationIssue(
      about: $command,
      isThere
        ? "'\(word)' lies beside the program under its own name: write \(word.fileName)"
        : "'\(word)' is none of 'files': name it there, and what it imports, as the program finds nothing else in its folder"
    )
  }

  // MARK: Its work

  func run(_ context: any StageContext) throws {
    for attempt in 1... {
      do {
        for made in try ScriptRun(self, context).perform() {
          try context.write(made.data, item: made.item, to: made.output)
        }
        return
      } catch let failure as ResultError {
        guard attempt < attempts else { throw failure }
        context.log("attempt \(attempt) of \(attempts) failed: \(failure)")
      }
    }
  }
}

/// What a program can make.
enum ScriptOutput: String, Choice {
  case images, latents, diffusion, clip, identity, segmenter, perceptual, classifier, detector, metrics, table, figure

  /// They are called like the types.
  var type: ArtifactType { ArtifactType(rawValue: rawValue) }

  /// How the names of its files end.
  var ending: String {
    switch self {
    case .images, .figure: ".png"
    case .latents, .diffusion, .clip, .identity, .segmenter, .perceptual, .classifier, .detector: ".safetensors"
    case .metrics: ".json"
    case .table: ".csv"
    }
  }
}

/// All that there is.
enum AnyArtifact: ArtifactContent { static let types = ArtifactType.allCases }
