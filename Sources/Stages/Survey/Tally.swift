import Foundation
import Metrics
import StageKit

/// `tally`: counts the votes on a survey, with confidence intervals.
struct Tally: Stage {
  static let name = "tally"
  static let summary =
    "Counts the votes that a survey's page collected: how often each method was preferred, and how sure that is."
  static let revision = 1

  @Input(help: "The key to the survey, from the same stage as its page.") var key: Whole<Tables>
  @Input(help: "Votes as the page saves them. Of several by the same participant on a trial the last one counts.")
  var votes: [Labeled<Tables>]
  @Parameter(
    0.5...0.999, help: "Of the intervals from 'low' to 'high', which allow for votes of one participant being alike.")
  var confidence = 0.95

  let table = Output<Tables>()
  let preference = Output<Measurements>(measures: ["rate", "low", "high", "votes", "participants"])

  func run(_ context: any StageContext) throws {
    let key = try SurveyKey(context.read(key.artifact.items[0]))
    let votes = try Vote.counted(votes, by: key, context)
    let all = Share(votes.map { ($0.participant, $0.isForFirst) }, confidence: confidence)
    var rows: [[String]] = []
    // Without sweeps there is one group, without a name: all.
    for group in [nil] + key.groups.filter({ !$0.isEmpty }).map(Optional.some) {
      let mine = group.map { group in votes.filter { $0.group == group } } ?? votes
      for (method, isFirst) in [(key.first, true), (key.second, false)] {
        let share = Share(mine.map { ($0.participant, $0.isForFirst == isFirst) }, confidence: confidence)
        rows.append([method, group ?? "all"] + share.cells)
      }
    }
    let counted = CSV(
      header: ["method", "group", "votes", "participants", "preferred", "rate", "low", "high"], rows: rows)
    try context.write(Data(counted.text.utf8), to: table)
    try context.write(Data(all.json.utf8), item: "all", to: preference)
  }
}

/// How many of some votes are for a method.
private struct Share {
  let votes: Int
  let participants: Int
  let preferred: Int
  /// The rate and its interval; nil for no votes.
  let rate: (value: Double, interval: ClosedRange<Double>)?

  init(_ votes: [(participant: String, isFor: Bool)], confidence: Double) {
    // In the order met, as sums in floating point depend on it.
    let people = votes.map(\.participant).uniqued
    let counts = votes.reduce(into: [String: (answers: Int, yes: Int)]()) { counts, vote in
      counts[vote.participant, default: (0, 0)].answers += 1
      counts[vote.participant, default: (0, 0)].yes += vote.isFor ? 1 : 0
    }
    (self.votes, participants, preferred) = (votes.count, people.count, votes.count(where: \.isFor))
    let clustered = votes.isEmpty ? nil : ClusteredRate(people.compactMap { counts[$0] })
    rate = clustered.map { ($0.rate, $0.interval(confidence: confidence)) }
  }

  var cells: [String] {
    let numbers = rate.map { [$0.value, $0.interval.lowerBound, $0.interval.upperBound] }
    return [votes, participants, preferred].map(\.description) + (numbers?.map(\.description) ?? ["", "", ""])
  }

  var json: String {
    let names = ["votes", "participants", "preferred", "rate", "low", "high"]
    return "{" + zip(names, cells).filter { $0.0 != "preferred" }.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
  }
}

/// What the trials of a survey showed.
private struct SurveyKey {
  struct Trial {
    let group: String
    let left: String
    let right: String
  }

  /// The survey's id.
  let survey: String
  let first: String
  let second: String
  /// In the recipe's order.
  let groups: [String]
  let trials: [String: Trial]

  init(_ data: Data) throws {
    let table = try Columns(data, of: "key")
    let rows = try table.rows(["survey", "trial", "group", "left", "right", "first"])
    guard let row = rows.first else {
      throw InputError("'key' has no trials: give it the output 'key' of the survey whose votes these are")
    }
    (survey, first) = (row[0], row[5])
    second = row[3] == first ? row[4] : row[3]
    let sides = [first, second].sorted()
    var trials: [String: Trial] = [:]
    for (index, row) in rows.enumerated() {
      let isNew = trials.updateValue(Trial(group: row[2], left: row[3], right: row[4]), forKey: row[1]) == nil
      guard isNew, row[0] == survey, row[5] == first, [row[3], row[4]].sorted() == sides, first != second else {
        throw InputError(
          "\(Columns.place(index, of: "key")) is of another survey, of other methods, or of a trial that there is already: take one survey's key as it was made"
        )
      }
    }
    (self.trials, groups) = (trials, rows.map { $0[2] }.uniqued)
  }
}

/// One participant's choice on one trial.
private struct Vote {
  let participant: String
  let group: String
  let isForFirst: Bool

  /// A participant's trial.
  private struct Ballot: Hashable {
    let participant: String
    let trial: String
  }

  /// The votes that count, in the order in which they were given first. A page's votes may have been saved twice, with
  /// corrections: the last vote of a participant on a trial counts.
  /// - Throws: ``InputError`` for a vote that is not on this survey.
  static func counted(
    _ tables: [Labeled<Tables>], by key: SurveyKey, _ context: any StageContext
  ) throws -> [Vote] {
    var votes: [Ballot: Vote] = [:]
    var order: [Ballot] = []
    for member in tables {
      for item in member.artifact.items {
        let rows = try Columns(context.read(item), of: member.label).rows(["survey", "participant", "trial", "choice"])
        for (index, row) in rows.enumerated() {
          let ballot = Ballot(participant: row[1], trial: row[2])
          let vote = try Vote(row, at: Columns.place(index, of: member.label), by: key)
          if votes.updateValue(vote, forKey: ballot) == nil { order.append(ballot) }
        }
      }
    }
    guard !order.isEmpty else {
      throw InputError("there are no votes in 'votes': load the files that participants saved from the survey's page")
    }
    return order.compactMap { votes[$0] }
  }

  private init(_ row: [String], at place: String, by key: SurveyKey) throws {
    let (survey, participant, trial, choice) = (row[0], row[1], row[2], row[3])
    let person = participant.isEmpty ? place : "\(place), by '\(participant)',"
    guard survey == key.survey else {
      throw InputError(
        "\(person) is a vote on survey '\(survey)', but the key is of '\(key.survey)': take the key that was made with the page, or leave these votes out"
      )
    }
    guard !participant.isEmpty else {
      throw InputError("\(person) has no participant: name one, as votes of one person are counted together")
    }
    guard let shown = key.trials[trial] else {
      throw InputError(
        "\(person) is a vote on trial '\(trial)', but the survey has only \(key.trials.count): mend the row, or leave it out"
      )
    }
    guard choice == "left" || choice == "right" else {
      throw InputError("\(person) chose '\(choice)': expected left or right; mend the row, or leave it out")
    }
    (self.participant, group) = (participant, shown.group)
    isForFirst = (choice == "left" ? shown.left : shown.right) == key.first
  }
}

/// A table from which some columns are taken.
private struct Columns {
  let table: CSV
  let name: String

  init(_ data: Data, of name: String) throws {
    guard let table = CSV(data) else {
      throw InputError("'\(name)': expected a table as CSV: a header, then rows of as many cells, quotes closed")
    }
    (self.table, self.name) = (table, name)
  }

  /// The cells of each row under `headings`.
  func rows(_ headings: [String]) throws -> [[String]] {
    let missing = headings.filter { !table.header.contains($0) }
    guard missing.isEmpty else {
      throw InputError(
        "'\(name)' lacks \(missing.joined(separator: ", ")): expected a table with the columns \(headings.joined(separator: ", ")), as the survey made it"
      )
    }
    let places = headings.compactMap { table.header.firstIndex(of: $0) }
    return table.rows.map { row in places.map { row[$0] } }
  }

  /// A row as a spreadsheet counts it, the header being row 1: `row 2 of 'votes'`
  static func place(_ index: Int, of name: String) -> String { "row \(index + 2) of '\(name)'" }
}
