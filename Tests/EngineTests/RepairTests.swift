import ArtifactStore
import EngineTestSupport
import Foundation
import Testing

@Suite struct RepairTests {
  @Test func damagedBytesAreQuarantinedAndMadeAgain() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let latent = workshop.object("~~bob")
    #expect(try String(contentsOfFile: latent, encoding: .utf8) == "~~bob")
    try overwrite(latent, with: "~~b0b")  // The same size: only reading tells.

    let outcome = try await workshop.run(set: "target=merry")
    #expect(outcome.status == .done)
    #expect(outcome.ran.contains("latents/bob") && !outcome.ran.contains("latents/ada"))
    #expect(workshop.stored("quarantine") == [Digest(of: "~~bob").hex])
    #expect(try String(contentsOfFile: latent, encoding: .utf8) == "~~bob")
    #expect(try workshop.read("\(workshop.latest("quick"))/sheet.png").contains("~~bobmerry"))
  }

  @Test func damagedResultsAreNotExported() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let sheet = try workshop.read("\(workshop.latest("quick"))/sheet.png")
    try overwrite(workshop.object(sheet), with: String(sheet.reversed()))
    let outcome = try await workshop.run()
    #expect(outcome.status == .done)
    #expect(outcome.ran == ["sheet"])
    #expect(try workshop.read("\(workshop.latest("quick"))/sheet.png") == sheet)
  }

  @Test func missingAndTruncatedObjectsAreMadeAgain() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try FileManager.default.removeItem(atPath: workshop.object("~~ada"))
    try overwrite(workshop.object("~~cyd"), with: "~")
    let short = (Digest(of: "~~ada").short, Digest(of: "~~cyd").short)
    #expect(
      try workshop.dryRun().toRun.prefix(3) == [
        "latents/ada: its object \(short.0)… is missing from the store",
        "latents/cyd: its object \(short.1)… does not have the size that it was made with",
        "tuned: input 'latents' will be recomputed",
      ])
    #expect(try await workshop.run().ran == ["latents/ada", "latents/cyd"])
  }

  @Test func aBrokenRecordIsNoHit() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let record = try #require(workshop.stored("actions").first)
    try overwrite("\(workshop.store)/actions/\(record)", with: "{\"key\": ")
    #expect(try workshop.dryRun().toRun.contains { $0.hasSuffix("its record in the store cannot be read") })
    #expect(try await workshop.run().ran.count == 1)
  }

  private func overwrite(_ path: String, with text: String) throws {
    try FileManager.default.removeItem(atPath: path)
    try text.write(toFile: path, atomically: false, encoding: .utf8)
  }
}
