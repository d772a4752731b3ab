import Escaping
import RecipeSyntax
import StageKit

extension ReferenceResolver {
  /// Up to five references that the port would take, none of them to what needs the port's stage.
  func fitting(_ subject: Subject, in scope: Int) -> [String] {
    let port = subject.port
    let inputs = scopes[scope].file.inputs.filter { $0.type.map(port.types.contains) ?? false }.map(\.name.text)
    let needing = needing(subject.stage)
    // Of very many stages, the first are enough.
    let near = stages.indices.lazy.filter { stages[$0].stage.scope == scope }.prefix(1000)
    let outputs = near.flatMap { number -> [String] in
      let fit = (stages[number].outlines.first?.outline.outputs ?? []).enumerated()
        .filter { port.types.contains($1.type) }
      guard !fit.isEmpty, !needing[number] else { return [] }
      let name = stages[number].stage.syntax.name.text
      return fit.map { index, output in index == 0 ? name : "\(name).\(output.name)" }
    }
    return Array((inputs + outputs.prefix(5)).prefix(5))
  }

  /// For each stage and link whether it is this stage or depends on it. O(dependencies).
  private func needing(_ stage: Int) -> [Bool] {
    var needing = Array(repeating: false, count: dependencies.count)
    var open = [stage]
    while let number = open.popLast() {
      if needing[number] { continue }
      needing[number] = true
      open += dependents[number]
    }
    return needing
  }

  func reportTooMany(_ node: Node, along: Set<Int>, into problems: inout Problems) {
    problems.report(
      "'\(node.scalar?.text ?? "")' stands for more than \(Sweeps.limit) stages", at: node.location,
      hint: "sweep fewer values, or pick a place: [\(sweeps.names(along: along).last ?? "axis")=…]")
  }

  func reportUnknownOutput(
    _ reference: Reference, has names: [String], otherwise hint: String? = nil, _ node: Node,
    into problems: inout Problems
  ) {
    guard let port = reference.port else {
      problems.report("'\(reference.name)' has no outputs", at: node.location, hint: hint, notes: node.notes)
      return
    }
    let suggestion = Suggestion.nearest(to: port, in: names)
    let known =
      names.isEmpty ? "it has no outputs" + (hint.map { "; \($0)" } ?? "") : "it has " + Suggestion.list(names)
    problems.report(
      "'\(reference.name)' has no output '\(port)'", at: node.location,
      suggestion: suggestion.map { "\(reference.name).\($0)" }, hint: suggestion == nil ? known : nil,
      notes: node.notes)
  }

  func reportUnknownStage(
    _ name: String, text: String, _ node: Node, in place: String, scope: Scope, into problems: inout Problems
  ) {
    if text.has("/") || text.begins(with: ".") || text.begins(with: "~") {
      problems.report(
        "\(place) must name a stage, not the path '\(text)'", at: node.location,
        hint: "let files enter by a 'load' stage", notes: node.notes)
      return
    }
    let names = scope.file.inputs.map(\.name.text) + scope.file.document.stages.map(\.name.text)
    let suggestion = Suggestion.nearest(to: name, in: names)
    problems.report(
      "unknown stage '\(name)' in \(place)", at: node.location, suggestion: suggestion,
      hint: suggestion == nil ? "the stages are " + Suggestion.list(names, upTo: 8) : nil, notes: node.notes)
  }
}
