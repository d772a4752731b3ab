import StageKit
import Testing

struct CSVTests {
  @Test(arguments: [
    [["item", "mae"], ["ada", "0.5"]], [["a"]], [["a", "b"], ["", ""]],
    [["a", "b"], ["one, two", "say \"hi\""], ["line\nbreak", "carriage\r\nreturn"]], [["ü"], ["\""], ["\"\""], [","]],
  ])
  func whatIsWrittenIsReadAgain(lines: [[String]]) {
    let table = CSV(header: lines[0], rows: Array(lines.dropFirst()))
    #expect(CSV(table.text) == table)
  }

  @Test func cellsAreQuotedOnlyWhereTheyMustBe() {
    #expect(CSV(header: ["a", "b c"], rows: [["1,5", "x"]]).text == "a,b c\n\"1,5\",x\n")
  }

  @Test(arguments: ["a,b\r\n1,2\r\n", "a,b\n1,2", "\"a\",\"b\"\n\"1\",2\n"])
  func otherProgramsWriteItDifferently(text: String) {
    #expect(CSV(text) == CSV(header: ["a", "b"], rows: [["1", "2"]]))
  }

  @Test(arguments: ["", "a,b\n1\n", "a\n1,2\n", "a,\"b\n1,2\n"])
  func damagedTextIsNoTable(text: String) { #expect(CSV(text) == nil) }

  @Test func columnsAreFoundByHeading() {
    let table = CSV(header: ["item", "person"], rows: [["ada", "1"], ["bob", "2"]])
    #expect(table.column("person") == ["1", "2"])
    #expect(table.column("age") == nil)
  }
}
