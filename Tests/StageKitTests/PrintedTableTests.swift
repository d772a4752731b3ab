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

  @Test func latexHasSignsForWhatIsNotFinite() {
    let latex = PrintedTable(CSV(header: ["a"], rows: [["inf"], ["-inf"], ["nan"], ["1"]])).latex
    #expect(latex.contains("$\\infty$ \\\\\n$-\\infty$ \\\\\n$\\mathrm{NaN}$ \\\\\n$1$"))
    #expect(latex.contains("{r}"))
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
        | &%$#_{}~^\\ |
        | one<br>two<br>three |
        | a\\\|b \*c\* \`d\` \<e> |
        | [x]\* |

        """#)
    let latex = PrintedTable(nasty).latex
    #expect(
      latex.contains(
        ##"\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}\textbackslash{} \\"## + "\none two three \\\\\n"))
    #expect(latex.contains("{[}x]{*} \\\\\n"))
    #expect(latex.contains("a|b\\_c \\\\\n"))
  }

  @Test func aNameThatEndsLikeNothingIsKept() {
    #expect(PrintedTable(CSV(header: ["a.", ".", ""], rows: [])).markdown.hasPrefix("| a | . |  |\n"))
  }
}
