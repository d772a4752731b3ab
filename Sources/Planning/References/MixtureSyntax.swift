import RecipeSyntax
import StageKit

/// A mixture as it is written, checked as far as its numbers go: `{a: 0.4, b: 0.6}`, or
/// `[{from: 300, mix: {a: 0.4, b: 0.6}}, {from: 0, mix: {b: 1}}]`.
struct MixtureSyntax {
  struct Segment {
    let from: Int
    let weights: [(name: Name, weight: Double)]
  }

  /// Names are in it even where their weight is wrong, so that they can be looked up nevertheless.
  private(set) var segments: [Segment] = []
  /// What is wrong with it.
  private(set) var problems = Problems()

  /// The port, as an error says it.
  private let subject: String
  /// Whether weights are divided by their sum; nil where that is not known.
  private let normalize: Bool?

  init(_ node: Node, subject: String, normalize: Bool?) {
    self.subject = subject
    self.normalize = normalize
    switch node.content {
    case .mapping(let entries):
      segments = [Segment(from: 0, weights: weights(entries, of: node))]
    case .sequence(let nodes):
      if nodes.isEmpty { reportEmpty(node) }
      let places = nodes.compactMap { node in segment(node).map { (segment: $0, node: node) } }
      segments = places.map(\.segment)
      if problems.isEmpty { checkTimes(places, of: node) }
    case .scalar(let scalar):
      problems.report(
        "\(subject) must be a mixture, not \(node.summary)", at: node.location,
        hint: scalar.value.string.map { "for just one, write {\($0): 1}" }, notes: node.notes)
    }
  }

  private mutating func reportEmpty(_ node: Node) {
    problems.report("\(subject) mixes nothing", at: node.location, notes: node.notes)
  }

  private mutating func segment(_ node: Node) -> Segment? {
    let form = "write {from: 300, mix: {a: 0.4, b: 0.6}}"
    let entries = node.mapping ?? []
    guard let from = entries.first(where: { $0.key.text == "from" })?.value,
      let mix = entries.first(where: { $0.key.text == "mix" })?.value, entries.count == 2
    else {
      problems.report(
        "each part of \(subject) has 'from' and 'mix', and nothing else", at: node.location, hint: form,
        notes: node.notes)
      return nil
    }
    let time = from.scalar?.value.int
    if (time ?? -1) < 0 {
      problems.report(
        "'from' in \(subject) must be a time step, a whole number of at least 0, not \(from.summary)",
        at: from.location, notes: from.notes)
    }
    guard let entries = mix.mapping else {
      problems.report(
        "'mix' in \(subject) must be a mapping, not \(mix.summary)", at: mix.location, hint: form, notes: mix.notes)
      return nil
    }
    return Segment(from: time ?? 0, weights: weights(entries, of: mix))
  }

  private mutating func weights(_ entries: [Entry], of node: Node) -> [(name: Name, weight: Double)] {
    let before = problems.count
    if entries.isEmpty { reportEmpty(node) }
    let weights = entries.map { entry in
      let weight = entry.value.scalar?.value.double ?? .nan
      if !weight.isFinite {
        problems.report(
          "the weight of '\(entry.key.text)' in \(subject) must be a number, not \(entry.value.summary)",
          at: entry.value.location, notes: entry.value.notes)
      }
      return (name: entry.key, weight: weight)
    }
    guard let normalize, problems.count == before else { return weights }
    let tolerance = Mixture<OutputReference>.tolerance
    let sum = weights.reduce(0) { $0 + $1.weight }
    if normalize {
      let normalized = weights.map { (name: $0.name, weight: $0.weight / sum) }
      if abs(sum) <= tolerance || !normalized.allSatisfy(\.weight.isFinite) || !sum.isFinite {
        problems.report(
          "the weights of \(subject) sum to \(abs(sum) <= tolerance ? "0" : "\(sum)") and cannot be normalized",
          at: node.location, notes: node.notes)
      }
      return normalized
    }
    if abs(sum - 1) > tolerance {
      problems.report(
        "the weights of \(subject) sum to \((sum * 1e6).rounded() / 1e6), not to 1", at: node.location,
        hint: "change a weight, or add 'normalize: true' to the stage", notes: node.notes)
    }
    return weights
  }

  /// Times fall from part to part, down to 0, so that each time step has exactly one mixture.
  private mutating func checkTimes(_ parts: [(segment: Segment, node: Node)], of node: Node) {
    for (part, next) in zip(parts, parts.dropFirst()) where next.segment.from >= part.segment.from {
      problems.report(
        "'from' in \(subject) must fall from part to part, but \(next.segment.from) follows \(part.segment.from)",
        at: next.node.location)
    }
    if parts.last?.segment.from != 0, problems.isEmpty {
      problems.report("the last part of \(subject) must be from 0", at: parts.last?.node.location ?? node.location)
    }
  }
}
