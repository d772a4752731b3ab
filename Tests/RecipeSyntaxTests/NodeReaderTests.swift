import RecipeSyntax
import Testing

struct NodeReaderTests {
  /// The tree of a text, or all errors as they are shown.
  private func read(_ text: String) throws -> Node {
    let source = SourceText(file: "r.yaml", text: text)
    var problems = Problems()
    let root: Node
    do throws(Diagnostic) {
      root = try NodeReader.read(source, into: &problems)
    } catch {
      problems.report(error)
      throw Diagnostics(problems.errors, sources: [source])
    }
    try problems.throwIfAny(sources: [source])
    return root
  }

  private func errors(_ text: String) throws -> String {
    do {
      _ = try read(text)
      return "no errors"
    } catch let error as Diagnostics {
      return error.description
    }
  }

  @Test func everyNodeKnowsItsPlace() throws {
    let root = try read("a: [1, 'x']\n\u{E9}b:\n  c: yes\n")
    let entries = try #require(root.mapping)
    #expect(entries.map(\.key.text) == ["a", "\u{E9}b"])
    #expect(entries.map(\.key.location.description) == ["r.yaml:1:1", "r.yaml:2:1"])
    let list = try #require(entries[0].value.sequence)
    #expect(list.map(\.location.description) == ["r.yaml:1:5", "r.yaml:1:8"])
    #expect(list.compactMap(\.scalar) == [Scalar("1", isPlain: true), Scalar("x", isPlain: false)])
    #expect(entries[1].value.mapping?.first?.value.location.description == "r.yaml:3:6")
  }

  @Test func aliasStandsForItsAnchor() throws {
    let entries = try #require(try read("a: &x {b: 1}\nc: *x\n").mapping)
    #expect(entries[1].value.mapping?.first?.value.scalar == Scalar("1", isPlain: true))
    #expect(entries[1].value.location.description == "r.yaml:2:4")
    #expect(entries[1].value.notes.map(\.location.description) == ["r.yaml:1:4"])
  }

  @Test func mergeKeyBringsInWhatIsNotThereYet() throws {
    let text = "a: &x {b: 1, c: 2}\nd: &y {b: 3, e: 4}\nf: {<<: [*x, *y], c: 5}\ng: {'<<': 6}\n"
    let entries = try #require(try read(text).mapping)
    let merged = try #require(entries[2].value.mapping)
    #expect(merged.map(\.key.text) == ["c", "b", "e"])
    #expect(merged.compactMap(\.value.scalar?.text) == ["5", "1", "4"])
    #expect(merged[1].value.location.description == "r.yaml:1:11")
    #expect(entries[3].value.mapping?.first?.key.text == "<<")
  }

  @Test func duplicateKeysAreAllReported() throws {
    #expect(
      try errors("a: 1\nb: {c: 1, c: 2}\na: 2\n") == """
        r.yaml:2:11: error: 'c' stands here twice
           2 | b: {c: 1, c: 2}
             |           ^
        r.yaml:2:5: note: first here
           2 | b: {c: 1, c: 2}
             |     ^
        r.yaml:3:1: error: 'a' stands here twice
           3 | a: 2
             | ^
        r.yaml:1:1: note: first here
           1 | a: 1
             | ^
        """)
  }

  @Test func tab() throws {
    #expect(
      try errors("a:\n\tb: 1\n") == """
        r.yaml:2:1: error: a tab cannot stand here
           2 | →b: 1
             | ^
             help: indent with spaces
        """)
  }

  @Test func syntaxErrorPointsBackToItsStart() throws {
    #expect(
      try errors("a: [1\nb: 2\n") == """
        r.yaml:2:2: error: not YAML: did not find expected ',' or ']'
           2 | b: 2
             |  ^
        r.yaml:1:4: note: while parsing a flow sequence
           1 | a: [1
             |    ^
        """)
  }

  @Test(arguments: [
    ("a: *.png\n", "quote a text that starts with '*'"),
    ("a:\n  b: 1\n c: 2\n", "the keys of one mapping start in one column"),
  ])
  func slips(text: String, help: String) throws {
    #expect(try errors(text).contains("\n     help: \(help)\n"))
  }

  @Test func partsOfAnAliasSayWhereItIsUsed() throws {
    var problems = Problems()
    let source = SourceText(file: "r.yaml", text: "a: &a [1, [2]]\nb: *a\n")
    let used = try NodeReader.read(source, into: &problems).mapping?[1].value
    let part = try #require(used?.sequence?[1].sequence?[0])
    #expect(part.location.description == "r.yaml:1:12")
    #expect(part.notes == [.use(at: SourceLocation(file: "r.yaml", line: 2, column: 4))])
  }

  @Test func unquotedParameterInBraces() throws {
    #expect(
      try errors("a: {b: ${x}}\n") == """
        r.yaml:1:9: error: not YAML: did not find expected ',' or '}'
           1 | a: {b: ${x}}
             |         ^
             help: inside { } and [ ], write "${name}" with its quotes
        r.yaml:1:4: note: while parsing a flow mapping
           1 | a: {b: ${x}}
             |    ^
        """)
  }

  @Test func unquotedComparison() throws {
    #expect(
      try errors("expect:\n  mae: > 0.2\n") == """
        r.yaml:2:10: error: not YAML: did not find expected comment or line break
           2 |   mae: > 0.2
             |          ^
             help: write a comparison in quotes: "> 0.15"
        r.yaml:2:8: note: while scanning a block scalar
           2 |   mae: > 0.2
             |        ^
        """)
  }

  @Test func controlCharacter() throws {
    #expect(
      try errors("a: b\nc: \u{1}d\n") == """
        r.yaml:2:4: error: not YAML: control characters are not allowed
           2 | c: \u{FFFD}d
             |    ^
             help: remove the character that is marked
        """)
  }

  @Test(arguments: [
    ("", "r.yaml:1:1: error: the recipe is empty"),
    ("# only this\n", "r.yaml:1:1: error: the recipe is empty"),
    ("a: 1\n---\nb: 1\n", "r.yaml:2:1: error: a second document starts here"),
    ("a: !!str 1\n", "r.yaml:1:4: error: tags such as '!!str' are not supported"),
    ("? [a]\n: 1\n", "r.yaml:1:3: error: a key must be a name, not a list"),
    ("a: *b\n", "r.yaml:1:4: error: '*b' refers to nothing"),
    ("a: &b [*b]\n", "r.yaml:1:8: error: '*b' stands inside what it refers to"),
    ("a: &b 1\nc: {<<: *b}\n", "r.yaml:2:9: error: '<<' merges mappings, not 1"),
    ("a: \"b\nc: d\n", "r.yaml:1:4: error: this quote is never closed"),
    ("a: &base 1\nb: *bsae\n", "r.yaml:2:4: error: '*bsae' refers to nothing"),
  ])
  func located(text: String, error: String) throws {
    #expect(try errors(text).split(separator: "\n").first.map(String.init) == error)
  }

  @Test func depthIsBounded() throws {
    let limit = NodeReader.depthLimit
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(try errors(nested(limit)) == "no errors")
    #expect(try errors(nested(limit + 1)).hasPrefix("r.yaml:1:65: error: nested more than 64 levels deep\n"))
    #expect(try errors(nested(100_000)).hasPrefix("r.yaml:1:65: error: nested more than 64 levels deep\n"))
  }

  @Test func depthIsBoundedThroughAliases() throws {
    var text = "l0: &l0 [x]\n"
    for level in 1...70 { text += "l\(level): &l\(level) [*l\(level - 1)]\n" }
    #expect(
      try errors(text).hasPrefix("r.yaml:63:12: error: nested more than 64 levels deep once '*l61' is expanded\n"))
  }

  @Test func aliasBomb() throws {
    var text = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...9 {
      let aliases = Array(repeating: "*l\(level - 1)", count: 10).joined(separator: ", ")
      text += "l\(level): &l\(level) [\(aliases)]\n"
    }
    #expect(
      try errors(text) == """
        r.yaml:6:10: error: the recipe grows beyond 200000 nodes here, aliases expanded
           6 | l5: &l5 [*l4, *l4, *l4, *l4, *l4, *l4, *l4, *l4, *l4, *l4]
             |          ^
        """)
  }

  @Test func manyAliasesOfOneAnchorAreFine() throws {
    let text = "a: &a [1, 2]\nb: [" + Array(repeating: "*a", count: 10_000).joined(separator: ", ") + "]\n"
    #expect(try errors(text) == "no errors")
  }
}
