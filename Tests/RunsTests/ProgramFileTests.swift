import ArtifactStore
import Foundation
import Runs
import Testing

/// What was edited in the programs that a recipe starts.
@Suite struct ProgramFileTests {
  private func texts(_ files: [String: String]) -> RecipeTexts {
    RecipeTexts(
      [.init(file: "r.yaml", text: "recipe: r\n")],
      programs: files.sorted { $0.key < $1.key }.map { name, text in
        ProgramFile(file: name, digest: Digest(of: text).hex, data: Data(text.utf8))
      })
  }

  private func edits(_ old: String, _ new: String) -> [String] {
    texts(["a.py": new]).edits(since: texts(["a.py": old])).map {
      "\($0.line) \($0.path): \($0.before ?? "-") → \($0.after ?? "-")"
    }
  }

  @Test func linesThatDiffer() {
    #expect(edits("a\nb = 0.5\nc\n", "a\nb = 0.45\nc\n") == ["2 line: b = 0.5 → b = 0.45"])
    #expect(edits("a\nc\n", "a\n  b\nc\n") == ["2 line: - → b"])
    #expect(edits("a\nb\nc\n", "a\nc\n") == ["2 line: b → -"])
    #expect(edits("a\nb\nc\nd\n", "a\nx\nc\ny\nz\n") == ["2 line: b → x", "4 line: d → y", "5 line: - → z"])
    #expect(edits("a", "a").isEmpty && edits("a\n\nb", "a\nb") == ["2 line: (empty) → -"])
    let many = (0..<40).map { "line \($0)" }.joined(separator: "\n")
    let found = edits("", many)
    #expect(found.count == 13 && found.last == "1 file: - → 28 more lines changed")
  }

  @Test func filesThatComeAndGo() {
    let (none, some) = (texts([:]), texts(["a.py": "x\ny"]))
    #expect(some.edits(since: none).map { "\($0.file) \($0.path)" } == ["a.py file"])
    #expect(some.edits(since: none)[0].before == nil && none.edits(since: some)[0].after == nil)
    #expect(some.edits(since: some).isEmpty)
  }

  /// What is no text, or large, is known by its digest.
  @Test func whatIsNoText() throws {
    func program(_ data: Data) -> RecipeTexts {
      RecipeTexts([], programs: [ProgramFile(file: "w.bin", digest: Digest(of: data).hex, data: data)])
    }
    let (first, second) = (program(Data([0, 1, 2])), program(Data([0, 1, 3])))
    let edit = try #require(second.edits(since: first).first)
    #expect(edit.path == "file" && edit.before?.utf8.count == 12 && edit.before != edit.after)
    #expect(program(Data([0xFF, 0xFE])).programs[0].text == nil)
    #expect(program(Data(repeating: 0x61, count: ProgramFile.longest + 1)).programs[0].text == nil)
    let (written, kept) = (texts(["a.py": "x"]), RecipeTexts(texts(["a.py": "x"]).data))
    #expect(kept == written && RecipeTexts(second.data) == second)
    #expect(try #require(kept).edits(since: written).isEmpty)
  }
}
