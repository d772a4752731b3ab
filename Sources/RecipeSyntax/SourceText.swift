/// The text of a recipe, for showing lines of it in diagnostics.
public struct SourceText: Sendable {
  /// The file as the user named it.
  public let file: String
  public let text: String
  private let lines: [Substring]

  public init(file: String, text: String) {
    self.file = file
    self.text = text
    lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
  }

  /// A line by its number from 1, without its end; nil where there is none.
  public subscript(line number: Int) -> Substring? {
    lines.indices.contains(number - 1) ? lines[number - 1] : nil
  }
}
