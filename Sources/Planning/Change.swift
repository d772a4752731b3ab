import ArtifactStore
import Escaping
import Foundation
import OrderedCollections
import StageKit

/// One respect in which an action differs from an earlier one of its stage.
public struct Change: Sendable, Hashable, CustomStringConvertible {
  /// `params.steps: 40 → 20`, `input latents: 1 item changed, 31 the same`, `kind finetune revision 3 → 4`.
  public let description: String

  /// What changed from one preimage to another, in the order of the later one.
  /// - Parameter sets: the artifacts behind the inputs of both, as far as they are known, by content digest.
  public static func changes(from earlier: String, to later: String, sets: [Digest: Artifact]) -> [Change] {
    let (old, new) = (facts(in: earlier), facts(in: later))
    let subjects = OrderedSet(new.keys).union(old.keys).filter { subject in
      !(old[subject].map { old in new[subject].map { old.isSame(as: $0) } ?? false } ?? false)
    }
    let grouped: OrderedDictionary<String, [String]> = .init(grouping: subjects) { group($0) }
    return grouped.map { group, subjects in
      let pairs = subjects.map { subject -> Pair in (old[subject], new[subject]) }
      let count = OrderedSet(new.keys).union(old.keys).count { Self.group($0) == group }
      return Change(description: text(group, pairs, of: count, kind: new["kind"] ?? "", sets: sets))
    }
  }

  /// A preimage's lines, `subject: fact`.
  private static func facts(in preimage: String) -> OrderedDictionary<String, String> {
    var facts: OrderedDictionary<String, String> = [:]
    for line in preimage.split(separator: "\n") {
      guard let colon = line.firstRange(of: ": ") else { continue }
      facts[String(line[..<colon.lowerBound])] = String(line[colon.upperBound...])
    }
    return facts
  }

  /// `input rows 3` belongs to `input rows`.
  private static func group(_ subject: String) -> String {
    let words = subject.split(separator: " ")
    return words.count > 2 && (words[0] == "input" || words[0] == "source") ? "\(words[0]) \(words[1])" : subject
  }

  private typealias Pair = (old: String?, new: String?)

  private static func text(
    _ group: String, _ pairs: [Pair], of count: Int, kind: String, sets: [Digest: Artifact]
  ) -> String {
    let words = group.split(separator: " ")
    switch words.first {
    case "parameter": return "params.\(words.dropFirst().joined(separator: " ")): " + arrow(pairs[0]) { value($0) }
    case "kind" where words.count > 1: return "kind \(kind) revision " + arrow(pairs[0]) { $0 }
    case "input": return "\(group)" + members(pairs, of: count, sets: sets)
    case "source":
      if let names = named(pairs) { return "\(group): \(names)" }
      return count == 1 ? "\(group) changed" : "\(group): \(pairs.count) of \(count) files changed"
    default: return "\(group) " + arrow(pairs[0]) { $0 }
    }
  }

  private static func arrow(_ pair: Pair, _ show: (String) -> String) -> String {
    "\(pair.old.map(show) ?? "none") → \(pair.new.map(show) ?? "none")"
  }

  /// A parameter's value as a recipe would show it.
  private static func value(_ fact: String) -> String {
    var text = String.UnicodeScalarView()
    var rest = fact.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      // What was escaped is a backslash or, as `n`, a line end.
      let escaped = scalar == "\\" ? rest.popFirst() : nil
      text.append(escaped.map { $0 == "n" ? "\n" : $0 } ?? scalar)
    }
    return Value(canonical: String(text))?.text ?? fact
  }

  /// Which files changed, where the preimages have their names: `blur.py changed, lib.py new`; nil where they have none.
  private static func named(_ pairs: [Pair]) -> String? {
    func files(_ facts: [String]) -> OrderedDictionary<String, Substring>? {
      var files: OrderedDictionary<String, Substring> = [:]
      for fact in facts {
        // `7:blur.py DIGEST`
        guard let colon = fact.utf8.firstIndex(of: UInt8(ascii: ":")), let size = Int(fact[..<colon]),
          let digest = fact.split(separator: " ").last
        else { return nil }
        files[String(decoding: fact.utf8[colon...].dropFirst().prefix(size), as: UTF8.self)] = digest
      }
      return files
    }
    guard let old = files(pairs.compactMap(\.old)), let new = files(pairs.compactMap(\.new)) else { return nil }
    let changes = new.compactMap { name, digest in
      old[name].map { $0 == digest ? nil : "\(name) changed" } ?? "\(name) new"
    }
    let gone = old.keys.filter { new[$0] == nil }.map { "\($0) gone" }
    let all = changes + gone
    return all.isEmpty
      ? nil : all.prefix(5).joined(separator: ", ") + (all.count > 5 ? " and \(all.count - 5) more" : "")
  }

  /// How what is bound to a port is called otherwise: `axis strength → gain`, or its labels; nil where it is called the same.
  private static func renamed(_ pairs: [Pair]) -> String? {
    // `3:ada at 8:strength=f:1 images DIGEST`
    func names(_ fact: String) -> (label: String, axes: [String]) {
      let words = fact.parts(at: " ").dropLast(2).joined(separator: " ")
      var parts = words.components(separatedBy: " at ")
      let label = parts.removeFirst()
      func counted(_ text: String) -> String {
        let sides = text.parts(at: ":", maxSplits: 1, omittingEmpty: false)
        guard sides.count == 2, let count = Int(sides[0]) else { return text }
        return String(decoding: sides[1].utf8.prefix(count), as: UTF8.self)
      }
      return (counted(label), parts.map(counted))
    }
    for case (let old?, let new?) in pairs {
      let (before, after) = (names(old), names(new))
      if before.axes != after.axes {
        func shown(_ axes: [String]) -> String { axes.isEmpty ? "none" : axes.joined(separator: ", ") }
        return "axis \(shown(before.axes)) → \(shown(after.axes)), its content is the same"
      }
      if before.label != after.label { return "label \(before.label) → \(after.label), its content is the same" }
    }
    return nil
  }

  /// What changed at a port: items, where both sets are known; else how many of what is bound to it.
  private static func members(_ pairs: [Pair], of count: Int, sets: [Digest: Artifact]) -> String {
    func set(_ fact: String?) -> Artifact? {
      fact?.split(separator: " ").last.flatMap { Digest(hex: $0) }.flatMap { sets[$0] }
    }
    if pairs.allSatisfy({ $0.old?.split(separator: " ").last == $0.new?.split(separator: " ").last }),
      let names = renamed(pairs)
    {
      return ": \(names)"
    }
    let known = pairs.compactMap { pair in set(pair.old).flatMap { old in set(pair.new).map { (old, $0) } } }
    guard known.count == pairs.count else {
      return count == 1 ? " changed" : ": \(pairs.count) of \(count) changed"
    }
    var counts = (changed: 0, new: 0, gone: 0, same: 0)
    for (old, new) in known {
      let before = Dictionary(old.items.map { ($0.name, $0.object) }) { first, _ in first }
      for item in new.items {
        switch before[item.name] {
        case item.object: counts.same += 1
        case nil: counts.new += 1
        default: counts.changed += 1
        }
      }
      counts.gone += old.items.count - new.items.count { before[$0.name] != nil }
    }
    let parts = [
      counts.changed > 0 ? "\(counts.changed) \(counts.changed == 1 ? "item" : "items") changed" : nil,
      counts.new > 0 ? "\(counts.new) new" : nil, counts.gone > 0 ? "\(counts.gone) gone" : nil,
      "\(counts.same) the same",
    ]
    return ": " + parts.compactMap(\.self).joined(separator: ", ")
  }
}
