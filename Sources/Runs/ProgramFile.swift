import Escaping
import Foundation
import OrderedCollections
import StageKit

/// A file of a program that a recipe starts, as it was when a run began.
public struct ProgramFile: Sendable, Hashable {
  /// Its path in the repository.
  public let file: String
  /// Of its bytes, in hex.
  public let digest: String
  /// Nil for a large one, and for one that is no text.
  public let text: String?

  /// No more bytes of text than these are kept of one file.
  package static let longest = 1 << 18
  /// More lines than these are counted.
  private static let most = 12

  /// - Parameter data: its bytes; nil for one that is too large to be kept.
  package init(file: String, digest: String, data: Data?) {
    let bytes = data.flatMap { $0.count <= Self.longest && !$0.contains(0) ? $0 : nil }
    self.init(file: file, digest: digest, text: bytes.flatMap { String(validating: $0, as: UTF8.self) })
  }

  init(file: String, digest: String, text: String?) {
    self.file = file
    self.digest = digest
    self.text = text
  }

  // MARK: Edits

  /// What was edited, line by line; of a file whose text is not kept, that it was.
  static func edits(from old: [ProgramFile], to new: [ProgramFile]) -> [RecipeTexts.Edit] {
    let before = OrderedDictionary(old.map { ($0.file, $0) }) { first, _ in first }
    let after = OrderedDictionary(new.map { ($0.file, $0) }) { first, _ in first }
    return after.values.flatMap { $0.edits(since: before[$0.file]) }
      + before.values.filter { after[$0.file] == nil }.map { $0.edit(before: $0.summary, after: nil) }
  }

  private func edits(since earlier: ProgramFile?) -> [RecipeTexts.Edit] {
    guard let earlier else { return [edit(before: nil, after: summary)] }
    guard earlier.digest != digest else { return [] }
    let changes = earlier.text.flatMap { old in text.flatMap { Self.changes(from: old, to: $0) } }
    guard let changes, !changes.isEmpty else { return [edit(before: earlier.summary, after: summary)] }
    let shown = changes.prefix(Self.most).map { change in
      RecipeTexts.Edit(file: file, line: change.line, path: "line", before: change.old, after: change.new)
    }
    let rest = changes.count - shown.count
    return rest == 0 ? shown : shown + [edit(before: nil, after: "\(rest) more lines changed")]
  }

  private func edit(before: String?, after: String?) -> RecipeTexts.Edit {
    RecipeTexts.Edit(file: file, line: 1, path: "file", before: before, after: after)
  }

  /// What is said of it where its lines are not.
  private var summary: String {
    let length = text.map { ", \(Readable.count(Self.lines(of: $0).count, "line"))" } ?? ""
    return String(digest.prefix(12)) + length
  }

  private static func lines(of text: String) -> [String] { text.parts(at: "\n", omittingEmpty: false) }

  private typealias LineChange = (line: Int, old: String?, new: String?)

  /// The lines that differ; nil where there are too many to be compared.
  private static func changes(from old: String, to new: String) -> [LineChange]? {
    var (old, new) = (lines(of: old)[...], lines(of: new)[...])
    while let first = old.first, first == new.first { (old, new) = (old.dropFirst(), new.dropFirst()) }
    while let last = old.last, last == new.last { (old, new) = (old.dropLast(), new.dropLast()) }
    guard old.count <= 2000, new.count <= 2000 else { return nil }
    let difference = Array(new).difference(from: Array(old))
    let gone = Set(difference.removals.map { place(of: $0) + old.startIndex })
    let come = Set(difference.insertions.map { place(of: $0) + new.startIndex })
    var changes: [LineChange] = []
    var (from, to) = (old.startIndex, new.startIndex)
    while from < old.endIndex || to < new.endIndex {
      let (isGone, isCome) = (gone.contains(from), come.contains(to))
      if isGone || isCome {
        // What stands in the place of what was is shown beside it.
        changes.append((to + 1, isGone ? shown(old[from]) : nil, isCome ? shown(new[to]) : nil))
      }
      if isGone || !isCome { from += 1 }
      if isCome || !isGone { to += 1 }
    }
    return changes
  }

  private static func place(of change: CollectionDifference<String>.Change) -> Int {
    switch change {
    case .insert(let offset, _, _), .remove(let offset, _, _): offset
    }
  }

  private static func shown(_ line: String) -> String {
    let line = line.trimmed
    return line.isEmpty ? "(empty)" : line.abridged
  }
}
