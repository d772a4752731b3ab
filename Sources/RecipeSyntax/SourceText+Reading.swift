import FileSystem
import Foundation

extension SourceText {
  /// More bytes than any recipe needs.
  package static let sizeLimit = 1 << 20

  /// Reads a recipe file.
  /// - Throws: where there is no such file, it is too large, or it is not UTF-8.
  package static func read(_ path: String) throws(Diagnostics) -> SourceText {
    let whole = SourceLocation(file: path, line: 0, column: 0)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      let url = URL(filePath: path)
      let folder = url.deletingLastPathComponent().path
      let siblings = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      let suggestion = Suggestion.nearest(to: url.lastPathComponent, in: siblings.sorted())
      throw Diagnostics([Diagnostic("no such recipe file", at: whole, suggestion: suggestion)], sources: [])
    }
    guard !isFolder.boolValue else {
      throw Diagnostics([Diagnostic("a folder, not a recipe", at: whole)], sources: [])
    }
    let data: Data
    do { data = try bytes(of: path) } catch {
      throw Diagnostics([Diagnostic("cannot be read as a recipe: \(error.reason)", at: whole)], sources: [])
    }
    return try SourceText(file: path, data: data)
  }

  /// The bytes of the file, or enough of them to know that they are too many.
  private static func bytes(of path: String) throws(InputFile.Refusal) -> Data {
    let (file, _) = try InputFile.open(path)
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: sizeLimit + 1)
    let count = bytes.withUnsafeMutableBytes { InputFile.fill($0, from: file) }
    guard count >= 0 else { throw .system(code: errno) }
    return Data(bytes.prefix(count))
  }

  /// The text in `data`.
  /// - Throws: where that is too much or not UTF-8.
  package init(file: String, data: some Collection<UInt8>) throws(Diagnostics) {
    guard data.count <= Self.sizeLimit else {
      let whole = SourceLocation(file: file, line: 0, column: 0)
      throw Diagnostics(
        [Diagnostic("larger than a recipe may be (\(Self.sizeLimit >> 20) MiB)", at: whole)], sources: [])
    }
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let bytes = data.starts(with: byteOrderMark) ? data.dropFirst(byteOrderMark.count) : data[...]
    self.init(file: file, text: String(decoding: bytes, as: UTF8.self))
    if let valid = Self.invalidOffset(in: bytes) {
      // Up to there the lenient decoding above changed nothing.
      let error = Diagnostic(
        "the file is not UTF-8", at: location(ofByte: valid), hint: "save the recipe with the encoding UTF-8")
      throw Diagnostics([error], sources: [self])
    }
  }

  /// How many bytes stand before the first one that is not UTF-8; nil where all are.
  private static func invalidOffset(in bytes: some Collection<UInt8>) -> Int? {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): offset += UTF8.width(scalar)
      case .emptyInput: return nil
      case .error: return offset
      }
    }
  }

  /// The place of the byte at `offset` from the start. O(offset).
  package func location(ofByte offset: Int) -> SourceLocation {
    let before = String(decoding: text.utf8.prefix(offset), as: UTF8.self)
    let lines = before.split(omittingEmptySubsequences: false) { $0.isNewline }
    return SourceLocation(file: file, line: lines.count, column: (lines.last?.unicodeScalars.count ?? 0) + 1)
  }
}
