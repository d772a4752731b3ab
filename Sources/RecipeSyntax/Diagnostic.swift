import Escaping
import Foundation
import OrderedCollections

/// One thing wrong with a recipe.
public struct Diagnostic: Error, Sendable, Hashable {
  /// Another place that has to do with it.
  public struct Note: Sendable, Hashable {
    public let location: SourceLocation
    public let message: String
    public init(_ message: String, at location: SourceLocation) {
      self.message = message
      self.location = location
    }

    /// Says what uses the place that an error is at.
    package static func use(at location: SourceLocation) -> Note { Note("used here", at: location) }
    fileprivate var isUse: Bool { message == "used here" }
  }

  /// A file that a recipe names and that is not there.
  public struct MissingFile: Sendable, Hashable {
    /// Its absolute path, or a glob.
    public let path: String
    /// What the recipe says of the stage that loads it.
    public let purpose: String?
    public init(path: String, purpose: String? = nil) {
      self.path = path
      self.purpose = purpose
    }
  }

  public let location: SourceLocation
  /// What is wrong: lower case, no full stop.
  public let message: String
  /// The name that was probably meant.
  public let suggestion: String?
  /// What was expected, or what to do.
  public let hint: String?
  /// The nearest first.
  public private(set) var notes: [Note]
  /// Where the error is that a file is not there: which one.
  public private(set) var missing: MissingFile?

  public init(
    _ message: String, at location: SourceLocation, suggestion: String? = nil, hint: String? = nil, notes: [Note] = [],
    missing: MissingFile? = nil
  ) {
    self.message = message
    self.location = location
    self.suggestion = suggestion
    self.hint = hint
    self.notes = notes
    self.missing = missing
  }

  /// The same error, with more places that have to do with it.
  package func adding(_ more: [Note]) -> Diagnostic {
    var copy = self
    copy.notes += more
    return copy
  }

  /// The same error, with what the missing file is for.
  package func explaining(_ purpose: String?) -> Diagnostic {
    var copy = self
    copy.missing = missing.map { MissingFile(path: $0.path, purpose: purpose) }
    return copy
  }

  fileprivate var withoutUses: Diagnostic {
    var copy = self
    copy.notes.removeAll(where: \.isUse)
    return copy
  }
}

/// Everything wrong with a recipe, in the order of the places.
public struct Diagnostics: Error, Sendable, CustomStringConvertible {
  /// At least one.
  public let errors: [Diagnostic]
  /// The texts whose lines are shown.
  public let sources: [SourceText]

  /// Puts the errors into the order of `sources`, and within one by line and column; each counts once, however many
  /// recipes use its place.
  public init(_ errors: [Diagnostic], sources: [SourceText]) {
    self.sources = sources
    let rank = Dictionary(sources.enumerated().map { ($1.file, $0) }) { first, _ in first }
    let distinct = OrderedDictionary(errors.map { ($0.withoutUses, $0) }) { first, _ in first }.values
    let keyed = distinct.enumerated().map { index, error in
      (key: (rank[error.location.file] ?? .max, error.location.line, error.location.column, index), error: error)
    }
    self.errors = keyed.sorted { $0.key < $1.key }.map(\.error)
  }

  /// All errors as a person reads them, without a line end after the last:
  ///
  ///     quickstart.yaml:9:34: error: unknown stage 'portrait' in 'images'
  ///        9 |   latents:   { invert: { images: portrait, model: base } }
  ///          |                                  ^
  ///          help: did you mean 'portraits'?
  ///
  /// Of very many errors, the first hundred and how many more there are.
  public var description: String {
    let hidden = errors.count - Self.shown
    let atLeast = errors.count < Problems.limit ? "" : "at least "
    let more = hidden > 0 ? ["and \(atLeast)\(hidden) more error\(hidden == 1 ? "" : "s")"] : []
    return (errors.prefix(Self.shown).flatMap(lines) + more + listOfMissing).joined(separator: "\n")
  }

  /// Where all that is wrong is that files are not there: these, one under the other.
  private var listOfMissing: [String] {
    let missing = OrderedSet(errors.compactMap(\.missing))
    guard missing.count > 1, errors.allSatisfy({ $0.missing != nil }) else { return [] }
    let here = FileManager.default.currentDirectoryPath + "/"
    return ["", "\(missing.count) files to obtain:"]
      + missing.map { file in
        let path = file.path.hasPrefix(here) ? String(file.path.dropFirst(here.count)) : file.path
        return "  \(path)" + (file.purpose.map { ": \($0)" } ?? "")
      }
  }

  private static let shown = 100

  private func lines(of error: Diagnostic) -> [String] {
    // Texts from outside that are part of it do not end its line, and are seen as what they are.
    var lines = [Escape.message("\(error.location): error: \(error.message)")] + excerpt(at: error.location)
    if let suggestion = error.suggestion { lines.append(Escape.message("     help: did you mean '\(suggestion)'?")) }
    if let hint = error.hint { lines.append(Escape.message("     help: \(hint)")) }
    for note in error.notes {
      lines += [Escape.message("\(note.location): note: \(note.message)")] + excerpt(at: note.location)
    }
    return lines
  }

  /// The line and a mark below the column. Of a very long line, the part around the column.
  private func excerpt(at location: SourceLocation) -> [String] {
    guard let line = sources.first(where: { $0.file == location.file })?[line: location.line] else { return [] }
    let scalars = line.unicodeScalars
    let width = 160
    let isLong = scalars.prefix(width + 1).count > width
    let start = isLong ? max(0, location.column - 1 - width / 2) : 0
    let rest = scalars.dropFirst(start)
    let shown = rest.prefix(width)
    let before = rest.prefix(location.column - 1 - start)
    let number = String(location.line)
    let gutter = String(repeating: " ", count: max(4, number.count))
    let (left, right) = (start > 0 ? "…" : "", shown.endIndex < scalars.endIndex ? "…" : "")
    let indent = String(repeating: " ", count: left.count + printable(before).count)
    return [
      "\(gutter.dropFirst(number.count))\(number) | \(left)\(printable(shown))\(right)",
      "\(gutter) | \(indent)^",
    ]
  }

  /// Tabs are made visible and control characters harmless, one for one.
  private func printable(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    for scalar in scalars {
      text.append(scalar == "\t" ? "→" : scalar.isTreacherous || scalar.endsLine ? "\u{FFFD}" : scalar)
    }
    return String(text)
  }
}

/// Errors collected while a recipe is read; each once, however often its place is used: the first use is told.
package struct Problems {
  /// With how many errors it is time to stop looking for more.
  package static let limit = 300

  private var found: OrderedDictionary<Diagnostic, Diagnostic> = [:]

  package init() {}

  package var errors: [Diagnostic] { found.values.elements }
  package var count: Int { found.count }
  package var isEmpty: Bool { found.isEmpty }
  package var isFull: Bool { found.count >= Self.limit }

  package mutating func report(_ error: Diagnostic) {
    let key = error.withoutUses
    if found[key] == nil { found[key] = error }
  }

  package mutating func report(
    _ message: String, at location: SourceLocation, suggestion: String? = nil, hint: String? = nil,
    notes: [Diagnostic.Note] = [], missing: Diagnostic.MissingFile? = nil
  ) {
    report(Diagnostic(message, at: location, suggestion: suggestion, hint: hint, notes: notes, missing: missing))
  }

  /// - Throws: everything reported so far, if anything was.
  package func throwIfAny(sources: [SourceText]) throws(Diagnostics) {
    guard isEmpty else { throw Diagnostics(errors, sources: sources) }
  }
}
