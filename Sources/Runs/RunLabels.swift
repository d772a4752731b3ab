import Escaping
import StageKit

/// What somebody calls a run by.
public struct RunLabels: Sendable, Hashable {
  public let name: String?
  public let note: String?
  public let tags: [String]

  /// - Throws: `InputError` where a name or a tag is none.
  public init(name: String? = nil, note: String? = nil, tags: [String] = []) throws {
    self.name = try name.map { try Self.checked($0, "--name") }
    self.note = note
    self.tags = try tags.map { try Self.checked($0, "--tag") }.uniqued
  }

  /// Labels that a run has already, whatever they are.
  init(keeping name: String?, note: String?, tags: [String]) { (self.name, self.note, self.tags) = (name, note, tags) }

  /// The same with other tags, and where they are given another name and note.
  public func adding(
    _ tags: [String], removing removed: [String] = [], name: String? = nil, note: String? = nil
  ) -> RunLabels {
    RunLabels(
      keeping: name ?? self.name, note: note ?? self.note,
      tags: (self.tags.filter { !removed.contains($0) } + tags).uniqued)
  }

  /// No labels.
  public init() { (name, note, tags) = (nil, nil, []) }

  /// A word by which a run can be found again.
  /// - Throws: `InputError`.
  public static func checked(_ word: String, _ option: String) throws -> String {
    let isWord = word.unicodeScalars.allSatisfy { scalar in
      scalar.properties.isAlphabetic || scalar.properties.numericType != nil || "._+-:@".unicodeScalars.contains(scalar)
    }
    guard !word.isEmpty, word.utf8.count <= 100, isWord, word.unicodeScalars.first != "-" else {
      throw InputError("\(option) is '\(word.abridged)': a word of letters, digits and . _ - + : @, at most 100 bytes")
    }
    guard word.utf8.contains(where: { !RunID.isDigit($0) && $0 != UInt8(ascii: "-") }),
      !["latest", "previous"].contains(word)
    else {
      throw InputError("\(option) is '\(word)', which reads as the ID of a run or as its latest: choose another word")
    }
    return word
  }
}
