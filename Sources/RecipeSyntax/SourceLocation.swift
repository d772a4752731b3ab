/// A place in a recipe: what every message about it starts with.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
  /// The file as the user named it.
  public let file: String
  /// From 1; 0 where the file as a whole is meant.
  public let line: Int
  /// From 1, in Unicode scalars.
  public let column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  /// `quickstart.yaml:9:40`
  public var description: String { line > 0 ? "\(file):\(line):\(column)" : file }
}
