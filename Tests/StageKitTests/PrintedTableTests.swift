import Foundation
import StageKit
import Testing

struct PrintedTableTests {
  private let table = CSV(
    header: ["name", "edit.return_step", "mae", "a.loss", "b.loss"],
    rows: [["ours", "300", "0.0240123", "1234567.0", "-0.5"], ["theirs", "40", "", "0.00001234", "9.996"]])

  @Test func markdownIsShort() {
    #expect(
      PrintedTable(table).markdown == """
        | name | return_step | mae | a.loss | b.loss |
        | --- | ---: | ---: | ---: | ---: |
        | ours | 300 | 0.0240 | 1.23e6 | -0.500 |
        | theirs | 40 |  | 1.23e-5 | 10.0 |

        """)
  }

  @Test func latexHasTheRulesOfBooktabs() {
    #expect(
      PrintedTable(table).latex == #"""
        % needs \usepackage{booktabs}
        \begin{tabular}{lrrrr}
        \toprule
        name & return\_step & mae & a.loss & b.loss \\
        \midrule
        ours & $300$ & $0.0240$ & $1.23 \times 10^{6}$ & $-0.500$ \\
        theirs & $40$ &  & $1.23 \times 10^{-5}$ & $10.0$ \\
        \bottomrule
        \end{tabular}

        """#)
  }

  @Test(arguments: [
    ("0.0", "0.00"), ("0.5", "0.500"), ("12.345", "12.3"), ("123.456", "123"), ("1234.5", "1234"),
    ("99999.9", "100000"),
    ("1e6", "1.00e6"), ("0.0001", "0.000100"), ("123456789", "123456789"), ("007", "007"), ("-3", "-3"), ("nan", "nan"),
    ("-inf", "-inf"),
  ])
  func numbersHaveThreeSignificantDigits(cell: String, shown: String) {
    let lines = PrintedTable(CSV(header: ["a"], rows: [[cell]])).markdown.split(separator: "\n")
    #expect(lines[1] == "| ---: |")
    #expect(lines[2] == "| \(shown) |")
  }

  @Test func aNumberAndItsIntervalAreOneColumn() {
    let table = CSV(
      header: ["name", "mae", "mae_low", "mae_high", "mae_p", "t", "t_low"],
      rows: [
        ["a", "0.15321", "0.1230", "0.18342", "0.04", "1", "2"], ["b", "12345.6", "12300", "12500", "", "1", "2"],
        ["c", "0.5", "", "", "1", "1", "2"], ["d", "inf", "", "", "1", "1", "2"],
        ["e", "0.5", "0.5", "0.5", "1", "1", "2"],
        ["f", "-0.00012", "-0.00032", "0.00008", "1", "1", "2"],
      ])
    #expect(
      PrintedTable(table).markdown == """
        | name | mae | mae_p | t | t_low |
        | --- | ---: | ---: | ---: | ---: |
        | a | 0.153 ± 0.030 | 0.0400 | 1 | 2 |
        | b | 12346 [12300, 12500] |  | 1 | 2 |
        | c | 0.500 | 1 | 1 | 2 |
        | d | inf | 1 | 1 | 2 |
        | e | 0.500 ± 0.000 | 1 | 1 | 2 |
        | f | -0.00012 ± 0.00020 | 1 | 1 | 2 |

        """)
    let latex = PrintedTable(table).latex
    #expect(latex.contains(#"a & $0.153 \pm 0.030$ & $0.0400$"#) && latex.contains("$12346 [12300, 12500]$"))
  }

  @Test func latexHasSignsForWhatIsNotFinite() {
    let latex = PrintedTable(CSV(header: ["a"], rows: [["inf"], ["-inf"], ["nan"], ["1"]])).latex
    #expect(latex.contains("$\\infty$ \\\\\n$-\\infty$ \\\\\n$\\mathrm{NaN}$ \\\\\n$1$"))
    #expect(latex.contains("{r}"))
  }

  /// Different numbers of a column do not read the same.
  @Test func asManyDigitsAsTellNumbersApart() {
    func shown(_ cells: String...) -> [Substring] {
      PrintedTable(CSV(header: ["lr"], rows: cells.map { [$0] })).markdown.split(separator: "\n").dropFirst(2).map {
        $0
      }
    }
    #expect(shown("0.0012345", "0.0012346") == ["| 0.001234 |", "| 0.001235 |"])
    #expect(shown("1.0001e-6", "1.0002e-6", "0.5") == ["| 1.0001e-6 |", "| 1.0002e-6 |", "| 0.50000 |"])
    #expect(shown("0.5", "0.25", "nan", "inf", "") == ["| 0.500 |", "| 0.250 |", "| nan |", "| inf |", "|  |"])
    #expect(shown("0.1", "0.10000000000000002").count == 2)
  }

  @Test func aColumnWithATextIsNoColumnOfNumbers() {
    let lines = PrintedTable(CSV(header: ["a"], rows: [["0.12345"], ["x"]])).markdown.split(separator: "\n")
    #expect(lines[1...] == ["| --- |", "| 0.12345 |", "| x |"])
    #expect(PrintedTable(CSV(header: ["a"], rows: [[""]])).latex.contains("{l}"))
  }

  @Test func whatMeansSomethingIsEscaped() {
    let nasty = CSV(header: ["a|b_c"], rows: [["&%$#_{}~^\\"], ["one\ntwo\r\nthree"], ["a\\|b *c* `d` <e>"], ["[x]*"]])
    #expect(
      PrintedTable(nasty).markdown == #"""
        | a\|b_c |
        | --- |
        | \&%\$#\_{}\~^\\ |
        | one<br>two<br>three |
        | a\\\|b \*c\* \`d\` \<e> |
        | [x]\* |

        """#)
    let latex = PrintedTable(nasty).latex
    #expect(
      latex.contains(
        ##"\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}\textbackslash{} \\"## + "\none two three \\\\\n"))
    #expect(latex.contains("{[}x]{*} \\\\\n"))
    #expect(latex.contains("a\\textbar{}b\\_c \\\\\n"))
    #expect(latex.contains("\\textless{}e\\textgreater{}"))
    // A sign with marks around it is one all the same.
    let marked = CSV(header: ["\u{600}|\u{301}"], rows: [["&\u{301}"]])
    let (row, cell) = ("| \u{600}\\|\u{301} |\n", "\\&\u{301} \\\\\n")
    #expect(Array(PrintedTable(marked).markdown.utf8).starts(with: row.utf8))
    #expect(Data(PrintedTable(marked).latex.utf8).range(of: Data(cell.utf8)) != nil)
  }

  @Test func aNameThatEndsLikeNothingIsKept() {
    #expect(PrintedTable(CSV(header: ["a.", ".", ""], rows: [])).markdown.hasPrefix("| a | . |  |\n"))
  }

  /// Where a row stands in sweeps reads as the recipe has it.
  @Test func placesInSweepsAreNotRounded() {
    let swept = CSV(
      header: ["name", "tuned.lr", "mae"],
      rows: [["a", "0.0001", "0.0001"], ["a", "0.0003125", "0.5"], ["a", "1e-05", ""], ["a", "", "1"]])
    let printed = PrintedTable(swept, axes: ["tuned.lr"])
    let cells = printed.markdown.split(separator: "\n").dropFirst(2).map { $0.split(separator: "|")[1...2].joined() }
    #expect(cells == [" 0.0001  0.000100 ", " 0.0003125  0.500 ", " 1e-05   ", "   1 "])
    #expect(printed.latex.contains("$0.0001$ & $0.000100$") && printed.latex.contains("$1 \\times 10^{-5}$"))
  }
}
