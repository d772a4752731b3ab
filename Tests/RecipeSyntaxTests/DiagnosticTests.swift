import RecipeSyntax
import Testing

struct DiagnosticTests {
  private let source = SourceText(file: "r.yaml", text: "first\n  second: \tline\nlast")

  private func place(_ line: Int, _ column: Int, file: String = "r.yaml") -> RecipeSyntax.SourceLocation {
    RecipeSyntax.SourceLocation(file: file, line: line, column: column)
  }

  @Test func allParts() {
    let error = Diagnostic(
      "wrong", at: place(2, 3), suggestion: "right", hint: "do better", notes: [.init("as said", at: place(1, 1))])
    #expect(
      Diagnostics([error], sources: [source]).description == """
        r.yaml:2:3: error: wrong
           2 |   second: →line
             |   ^
             help: did you mean 'right'?
             help: do better
        r.yaml:1:1: note: as said
           1 | first
             | ^
        """)
  }

  @Test func anErrorCountsOnceHoweverOftenItsPlaceIsUsed() {
    var problems = Problems()
    for line in 1...3 { problems.report("wrong", at: place(9, 1), notes: [.use(at: place(line, 1))]) }
    problems.report("wrong", at: place(9, 1), notes: [.init("given here", at: place(1, 1))])
    #expect(problems.errors.map(\.notes) == [[.use(at: place(1, 1))], [.init("given here", at: place(1, 1))]])
  }

  @Test func tooManyToCount() {
    var problems = Problems()
    for line in 1...Problems.limit { problems.report("wrong", at: place(line, 1)) }
    #expect(problems.isFull)
    #expect(Diagnostics(problems.errors, sources: []).description.hasSuffix("\nand at least 200 more errors"))
  }

  @Test func inTheOrderOfThePlaces() {
    let errors = [place(3, 1), place(1, 4), place(1, 2), place(1, 1, file: "--set")].map { Diagnostic("x", at: $0) }
    let overlay = SourceText(file: "--set", text: "a=b")
    #expect(
      Diagnostics(errors, sources: [overlay, source]).errors.map(\.location.description)
        == ["--set:1:1", "r.yaml:1:2", "r.yaml:1:4", "r.yaml:3:1"])
  }

  @Test func placeWithoutALine() {
    #expect(
      Diagnostics([Diagnostic("wrong", at: place(9, 1))], sources: [source]).description == "r.yaml:9:1: error: wrong")
    #expect(Diagnostics([Diagnostic("wrong", at: place(0, 0))], sources: []).description == "r.yaml: error: wrong")
  }

  @Test func longLineIsCutAroundTheColumn() {
    let (before, after) = (String(repeating: "a", count: 500), String(repeating: "b", count: 500))
    let long = SourceText(file: "r.yaml", text: "\(before)X\(after)")
    let lines = Diagnostics([Diagnostic("wrong", at: place(1, 501))], sources: [long]).description.split(
      separator: "\n")
    #expect(lines[1] == "   1 | …\(before.suffix(80))X\(after.prefix(79))…")
    #expect(lines[2] == "     | \(String(repeating: " ", count: 81))^")
  }
}
