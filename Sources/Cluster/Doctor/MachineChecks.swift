import ArtifactStore
import Foundation

/// What two machines find out about a folder that they share.
struct MachineChecks {
  typealias Found = FolderChecks.Found

  let folder: String
  let other: OtherMachine

  /// Every check, and how far locks reach.
  func all() throws(UnreachableMachine) -> (checks: [Examination.Check], reach: Mount.Reach) {
    var checks: [Examination.Check] = []
    func take(_ name: String, _ check: () throws(Problem) -> Found) throws(UnreachableMachine) {
      var found: Found
      do { found = try check() } catch {
        switch error {
        case .unreachable(let problem): throw problem
        case .store(let problem): found = (.unsafe, "\(problem)")
        }
      }
      checks.append(.init(name: "\(name) (\(other.name))", finding: found.finding, detail: found.detail))
    }
    var reach = Mount.Reach.oneMachine
    try take("flock") { () throws(Problem) in
      let isSeen = try locks()
      if isSeen { reach = .everywhere }
      return (.ok, isSeen ? "reaches from one to the other" : "does not reach: work may be done twice")
    }
    try take("visibility") { () throws(Problem) in try appearance(after: "nothing") }
    try take("visibility after absence") { () throws(Problem) in try appearance(after: "absence") }
    try take("visibility from there") { () throws(Problem) in try appearanceHere() }
    try take("replaced content") { () throws(Problem) in try appearance(after: "content") }
    try take("hard link") { () throws(Problem) in try race() }
    try take("clock") { () throws(Problem) in try clock() }
    return (checks, reach)
  }

  private enum Problem: Error {
    case store(StoreError)
    case unreachable(UnreachableMachine)
  }

  private func place(_ name: String) -> Place { Place("\(folder)/\(name)") }

  private func here<Made>(_ work: () throws(StoreError) -> Made) throws(Problem) -> Made {
    do { return try work() } catch { throw .store(error) }
  }

  private func ask(_ question: String, within seconds: Double = 60) throws(Problem) -> [String] {
    let answer: [String]
    do { answer = try other.ask(question, within: seconds) } catch { throw .unreachable(error) }
    if answer.first == "error" {
      throw .unreachable(
        UnreachableMachine(description: "on \(other.name): " + answer.dropFirst().joined(separator: " ")))
    }
    return answer
  }

  /// Whether each sees what the other has locked.
  private func locks() throws(Problem) -> Bool {
    let mine = try here { () throws(StoreError) in try FileLock.exclusive(place("locked-here")) }
    let seenThere = try ask("lock locked-here") == ["busy"]
    withExtendedLifetime(mine) {}
    let theirs = try ask("lock locked-there") == ["had"]
    let seenHere = try here { () throws(StoreError) in try FileLock.exclusive(place("locked-there")) } == nil
    _ = try ask("unlock")
    return seenThere && theirs && seenHere
  }

  /// How long it takes until what is put in place here is seen there: after nothing, its absence or other content.
  private func appearance(after before: String) throws(Problem) -> Found {
    let name = "after-\(before)"
    if before == "content" {
      try here { () throws(StoreError) in try Files.replace(place(name), with: Data("old".utf8)) }
      guard try ask("await \(name) old", within: Answerer.patience + 30).first == "seen" else { return judged(nil) }
    } else if before == "absence" {
      guard try ask("look \(name)") == ["absent"] else { return (.unsafe, "a file is there that nobody made") }
    }
    try here { () throws(StoreError) in try Files.replace(place(name), with: Data("new".utf8)) }
    let answer = try ask("await \(name) new", within: Answerer.patience + 30)
    return judged(answer.last.flatMap { Double($0) })
  }

  /// The other way round.
  private func appearanceHere() throws(Problem) -> Found {
    guard try here({ () throws(StoreError) in try Files.status(of: place("from-there")) }) == nil else {
      return (.unsafe, "a file is there that nobody made")
    }
    _ = try ask("make from-there new")
    return judged(
      try here { () throws(StoreError) in
        try Answerer.wait(for: place("from-there"), Data("new".utf8), in: folder)
      })
  }

  private func judged(_ seconds: Double?) -> Found {
    guard let seconds else {
      return (.unsafe, "not seen within \(Int(Answerer.patience)) seconds: put the store on another file system")
    }
    let text = "seen within \(FolderChecks.seconds(seconds))"
    return seconds < 5 ? (.ok, text) : (.slow, "\(text): give `exec --wait` more than that")
  }

  /// Both want the same name, again and again, and each time one of them waits a little longer.
  private func race() throws(Problem) -> Found {
    try here { () throws(StoreError) in try Files.replace(place("draft-here"), with: Data("here".utf8)) }
    _ = try ask("make draft-there there")
    var wins = (here: 0, there: 0)
    for round in 0..<40 {
      let (waitHere, waitThere) = round % 2 == 0 ? (round * 50, 0) : (0, round * 50)
      other.say("link draft-there race-\(round) \(waitThere)")
      usleep(UInt32(waitHere))
      let wonHere = Files.link(place("draft-here"), to: place("race-\(round)")) == .given
      let answer: [String]
      do { answer = try other.answer(within: 60) } catch { throw .unreachable(error) }
      let wonThere = answer == ["won"]
      if wonHere, wonThere { return (.unsafe, "both got the same name: put the store on another file system") }
      if wonHere { wins.here += 1 }
      if wonThere { wins.there += 1 }
    }
    if wins == (0, 0) { return (.ok, "there are none") }
    return (.ok, "of two who want a name one gets it (\(wins.here) times here, \(wins.there) times there)")
  }

  private func clock() throws(Problem) -> Found {
    let before = FolderChecks.now
    guard let there = try ask("now").first.flatMap({ Double($0) }) else {
      return (.unsafe, "it does not tell the time")
    }
    let after = FolderChecks.now
    let skew = max(0, before - there, there - after)
    if skew <= FolderChecks.tolerance { return (.ok, "at most \(FolderChecks.seconds(skew + after - before)) apart") }
    return (.unsafe, "\(FolderChecks.seconds(skew)) apart: set the clocks right (NTP)")
  }
}
