import Foundation
import RecipeSyntax
import Testing

struct SourceTextTests {
  private func error(_ body: () throws -> SourceText) throws -> String {
    do {
      _ = try body()
      return "no errors"
    } catch let error as Diagnostics {
      return error.description
    }
  }

  @Test func invalidUTF8IsLocated() throws {
    let bytes = Array("a: \u{E9}\nb: ".utf8) + [0xFF] + Array("x\n".utf8)
    #expect(
      try error { try SourceText(file: "r.yaml", data: bytes) } == """
        r.yaml:2:4: error: the file is not UTF-8
           2 | b: \u{FFFD}x
             |    ^
             help: save the recipe with the encoding UTF-8
        """)
  }

  @Test func utf16IsNotUTF8() throws {
    let bytes: [UInt8] = [0xFF, 0xFE, 0x61, 0x00]
    #expect(
      try error { try SourceText(file: "r.yaml", data: bytes) }.hasPrefix("r.yaml:1:1: error: the file is not UTF-8\n"))
  }

  @Test func byteOrderMarkIsDropped() throws {
    let source = try SourceText(file: "r.yaml", data: [0xEF, 0xBB, 0xBF] + Array("a: 1".utf8))
    #expect(source.text == "a: 1")
  }

  @Test func sizeIsBounded() throws {
    let limit = SourceText.sizeLimit
    #expect(try error { try SourceText(file: "r.yaml", data: [UInt8](repeating: 35, count: limit)) } == "no errors")
    #expect(
      try error { try SourceText(file: "r.yaml", data: [UInt8](repeating: 35, count: limit + 1)) }
        == "r.yaml: error: larger than a recipe may be (1 MiB)")
  }

  @Test func missingFileSuggestsASibling() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "syntax-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data().write(to: folder.appending(path: "quickstart.yaml"))
    let path = folder.appending(path: "quickstart.yml").path
    #expect(
      try error { try SourceText.read(path) } == """
        \(path): error: no such recipe file
             help: did you mean 'quickstart.yaml'?
        """)
    #expect(
      try error { try SourceText.read(folder.path) } == "\(folder.path): error: a folder, not a recipe")
  }

  @Test func linesOfEveryEnding() {
    let source = SourceText(file: "r.yaml", text: "a\r\nb\nc")
    #expect((0...4).map { source[line: $0].map(String.init) } == [nil, "a", "b", "c", nil])
  }
}
