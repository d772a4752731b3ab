import Foundation
import StageKit
import Testing

struct CSVTests {
  @Test(arguments: [
    [["item", "mae"], ["ada", "0.5"]], [["a"]], [["a", "b"], ["", ""]],
    [["a", "b"], ["one, two", "say \"hi\""], ["line\nbreak", "carriage\r\nreturn"]], [["ü"], ["\""], ["\"\""], [","]],
    [["a"], [""], ["  "], ["1"]],
  ])
  func whatIsWrittenIsReadAgain(lines: [[String]]) {
    let table = CSV(header: lines[0], rows: Array(lines.dropFirst()))
    #expect(CSV(table.text) == table)
  }

  @Test func cellsAreQuotedOnlyWhereTheyMustBe() {
    #expect(CSV(header: ["a", "b c"], rows: [["1,5", "x"]]).text == "a,b c\n\"1,5\",x\n")
  }

  @Test(arguments: [
    "a,b\r\n1,2\r\n", "a,b\n1,2", "\"a\",\"b\"\n\"1\",2\n", "\u{FEFF}a,b\n1,2\n", "\u{FEFF}\"a\",b\r\n1,2",
    "\na,b\n\n1,2\n\n", "a,b\r\n\r\n1,2\r\n\r\n", "a,b\n  \t\n1,2\n ", "a,b\r1,2\r",
  ])
  func otherProgramsWriteItDifferently(text: String) {
    #expect(CSV(text) == CSV(header: ["a", "b"], rows: [["1", "2"]]))
  }

  @Test func spreadsheetsWriteUTF16() throws {
    let table = CSV(header: ["a", "b"], rows: [["é", "2"]])
    for encoding in [String.Encoding.utf16, .utf8] {
      #expect(CSV(try #require("a,b\r\né,2\r\n".data(using: encoding))) == table)
    }
  }

  @Test(arguments: [
    ("inf", Double.infinity), ("-inf", -.infinity), ("Infinity", .infinity), ("-Infinity", -.infinity), ("1e-3", 0.001),
    ("-4", -4),
  ])
  func numbersThatAreNotFiniteAreNumbers(cell: String, value: Double) { #expect(CSV.number(cell) == value) }

  @Test func whatIsNoNumberIsOne() {
    for cell in ["nan", "NaN", "-nan"] { #expect(CSV.number(cell)?.isNaN == true) }
    #expect(CSV.cell(-Double.nan) == "nan" && CSV.cell(-Double.infinity) == "-inf" && CSV.cell(0.25) == "0.25")
    for text in ["", "Nan", "0x10", "infinite", "1 ", "٣"] { #expect(CSV.number(text) == nil) }
    #expect(CSV.areNumeric(["inf", "", "1"]) && !CSV.areNumeric(["inf", "x"]))
  }

  @Test(arguments: ["", "a,b\n1\n", "a\n1,2\n", "a,\"b\n1,2\n"])
  func damagedTextIsNoTable(text: String) { #expect(CSV(text) == nil) }

  @Test func columnsAreFoundByHeading() {
    let table = CSV(header: ["item", "person"], rows: [["ada", "1"], ["bob", "2"]])
    #expect(table.column("person") == ["1", "2"])
    #expect(table.column("age") == nil)
  }

  /// Too large for 64 bits is not infinite.
  @Test(arguments: ["1e309", "-1e309", "1e99999"])
  func whatOverflowsStaysText(cell: String) {
    #expect(CSV.number(cell) == nil && !CSV.areNumeric(["1", cell]))
    let printed = PrintedTable(CSV(header: ["a"], rows: [["1"], [cell]]))
    #expect(printed.markdown.hasSuffix("| --- |\n| 1 |\n| \(cell) |\n"))
    #expect(printed.latex.contains("\n\(cell) \\\\\n") && !printed.latex.contains("infty"))
  }
}
