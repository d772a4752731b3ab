import Foundation
import Runs
import Testing

@Suite struct RunIDTests {
  @Test func timesAndNames() throws {
    let id = RunID(milliseconds: 1_796_137_495_312)
    #expect(id.text == "20261201-150455-312" || RunID(id.text) == id)
    #expect(RunID(milliseconds: 0).text == "19700101-000000-000")
    #expect(RunID(milliseconds: .max).text == "99991231-235959-999")
    #expect(RunID(milliseconds: .min).text == "19700101-000000-000")
    #expect(RunID(date: "2026-11-29T15:04:55Z")?.text == "20261129-150455-000")
    #expect(RunID("20261129-150455-000")! < RunID("20261129-150455-001")!)
  }

  @Test(arguments: [
    "", "x", "20261129-150455", "20261129-150455-0001", "20261129-150455-00a", "20261129_150455_000",
    "20261129-150455-٠٠", "20261129-150455-00\u{301}", "../../../../../../..",
  ]) func whatIsNone(_ text: String) { #expect(RunID(text) == nil) }

  @Test(arguments: ["", "yesterday", "2026-11-29 15:04:55", "2026-11-29T15:04:55+01:00"])
  func datesThatAreNone(_ text: String) { #expect(RunID(date: text) == nil) }
}
