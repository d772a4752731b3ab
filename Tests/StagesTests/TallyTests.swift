import Foundation
import StageKit
import Stages
import Testing

/// `tally`: numbers, and every way in which votes can be wrong. The survey has twelve trials, whose odd ones have
/// "ours" on the left.
struct TallyTests {
  private static let survey = "0123456789abcdef"

  private static let key = CSV(
    header: ["survey", "trial", "item", "group", "left", "right", "first"],
    rows: (1...12).map { trial in
      let sides = trial.isMultiple(of: 2) ? ["theirs", "ours"] : ["ours", "theirs"]
      return [survey, "\(trial)", "face \(trial)", trial <= 6 ? "tan" : "gray hair"] + sides + ["ours"]
    })

  private static let heads = ["survey", "participant", "trial", "choice", "seconds"]

  /// The votes of one who prefers ours in the first trials.
  private func votes(_ participant: String, ours: Int, of trials: Int = 12) -> [[String]] {
    (1...trials).map { trial in
      let isLeft = trial.isMultiple(of: 2) != (trial <= ours)
      return [Self.survey, participant, "\(trial)", isLeft ? "left" : "right", "1.5"]
    }
  }

  private func tally(
    _ votes: [[String]], _ values: [String: Value] = [:], key: CSV = key, heads: [String] = heads
  ) throws -> BenchContext {
    try BenchContext(
      "tally", values,
      inputs: [
        "key": .one(.table, [("", Data(key.text.utf8))]),
        "votes": .list(.table, [("votes", [("", Data(CSV(header: heads, rows: votes).text.utf8))])]),
      ])
  }

  private func result(_ context: BenchContext) throws -> (table: CSV, preference: String) {
    try context.run()
    let preference = try #require(context.written["preference"]?.first)
    #expect(preference.name == "all")
    return (try context.table("table"), String(decoding: preference.data, as: UTF8.self))
  }

  private func isClose(_ row: [String], _ values: [Double]) -> Bool {
    zip(row[5...], values).allSatisfy { abs((Double($0) ?? .nan) - $1) < 1e-12 }
  }

  /// Intervals as in ClusteredRateTests, by statsmodels.
  @Test func methodsAreCountedInEachGroupAndInAll() throws {
    let all = votes("ann", ours: 9) + votes("bob", ours: 6) + votes("cyd", ours: 11)
    let (table, preference) = try result(tally(all))
    #expect(table.header == ["method", "group", "votes", "participants", "preferred", "rate", "low", "high"])
    #expect(
      table.rows.map { Array($0[..<5]) } == [
        ["ours", "all", "36", "3", "26"], ["theirs", "all", "36", "3", "10"],
        ["ours", "tan", "18", "3", "18"], ["theirs", "tan", "18", "3", "0"],
        ["ours", "gray hair", "18", "3", "8"], ["theirs", "gray hair", "18", "3", "10"],
      ])
    #expect(isClose(table.rows[0], [26.0 / 36, 0.4617759219057538, 0.8873764150717092]))
    #expect(isClose(table.rows[1], [10.0 / 36, 0.11262358492829086, 0.5382240780942463]))
    #expect(isClose(table.rows[2], [1, 0.8241207763533425, 1]))
    #expect(isClose(table.rows[4], [8.0 / 18, 0.13112422653589112, 0.8091919010108353]))
    let first = table.rows[0]
    #expect(
      preference == "{\"votes\":36,\"participants\":3,\"rate\":\(first[5]),\"low\":\(first[6]),\"high\":\(first[7])}")
    let narrow = try result(tally(all, ["confidence": .double(0.8)])).table
    #expect(isClose(narrow.rows[0], [26.0 / 36, 0.5523649754963089, 0.8456381591172817]))
  }

  @Test func theLastVoteOnATrialCounts() throws {
    let corrected = try result(tally(votes("ann", ours: 2) + votes("ann", ours: 9)))
    #expect(try corrected == result(tally(votes("ann", ours: 9))))
    // Somebody who has not come to the end.
    let part = try result(tally(votes("ann", ours: 3, of: 4))).table
    #expect(
      part.rows[0][2...4] == ["4", "1", "3"] && part.rows[4] == ["ours", "gray hair", "0", "0", "0", "", "", ""])
  }

  @Test func aSurveyWithoutSweepsHasOneGroup() throws {
    let key = CSV(header: Self.key.header, rows: Self.key.rows.map { Array($0[..<3]) + [""] + Array($0[4...]) })
    #expect(try result(tally(votes("ann", ours: 9), key: key)).table.rows.map { $0[1] } == ["all", "all"])
  }

  @Test func whatCannotBeCountedIsNamed() throws {
    func message(_ change: (inout [[String]]) -> Void) -> String? {
      var rows = votes("ann", ours: 9)
      change(&rows)
      return issue { try tally(rows).run() }
    }
    #expect(
      message { $0[3][0] = "fedcba9876543210" }
        == "row 5 of 'votes', by 'ann', is a vote on survey 'fedcba9876543210', but the key is of '0123456789abcdef': "
        + "take the key that was made with the page, or leave these votes out")
    #expect(
      message { $0[0][2] = "13" }
        == "row 2 of 'votes', by 'ann', is a vote on trial '13', but the survey has only 12: "
        + "correct the row, or leave it out")
    #expect(
      message { $0[11][3] = "Left" }
        == "row 13 of 'votes', by 'ann', chose 'Left': expected left or right; correct the row, or leave it out")
    #expect(
      message { $0[1][1] = "" }
        == "row 3 of 'votes' has no participant: name one, as votes of one person are counted together")
    #expect(
      message { $0 = [] }
        == "there are no votes in 'votes': load the files that participants saved from the survey's page")
    #expect(
      issue {
        try tally(votes("ann", ours: 1).map { Array($0[..<3]) }, heads: ["survey", "participant", "x"]).run()
      }
        == "'votes' lacks trial, choice: expected a table with the columns survey, participant, trial, choice, "
        + "as the survey made it")
  }

  @Test func theKeyIsThatOfOneSurvey() throws {
    func message(_ key: CSV) -> String? { issue { try tally(votes("ann", ours: 9), key: key).run() } }
    #expect(
      message(CSV(header: Self.key.header, rows: []))
        == "'key' has no trials: give it the output 'key' of the survey whose votes these are")
    for (place, cell) in [(0, "another"), (1, "1"), (4, "others"), (6, "theirs")] {
      var rows = Self.key.rows
      rows[2][place] = cell
      #expect(
        message(CSV(header: Self.key.header, rows: rows))
          == "row 4 of 'key' is of another survey, of other methods, or of a trial that there is already: "
          + "take one survey's key as it was made")
    }
    #expect(
      message(CSV(header: ["a"], rows: []))?.hasPrefix("'key' lacks survey, trial, group, left, right, first: ") == true
    )
  }
}
