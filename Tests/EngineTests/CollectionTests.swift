import ArtifactStore
import EngineTestSupport
import Foundation
import Testing

/// `gc` and `verify`: what is needed stays, what is damaged is found.
@Suite struct CollectionTests {
  private func collect(
    _ workshop: Workshop, keeping count: Int = 1, grace: Double = 0, isDry: Bool = false
  ) throws -> Garbage {
    try Store(at: workshop.store, for: .alone).collect(keeping: count, grace: grace, isDry: isDry)
  }

  @Test func theLatestRunOfARecipeStays() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let first = workshop.stored("objects").count
    try await workshop.run(set: "target=merry")
    let both = workshop.stored("objects").count

    let dry = try collect(workshop, isDry: true)
    // What depends on the first target: the model with its losses, three pictures, their scores, the sheet.
    #expect(dry.actions == 8)
    #expect(dry.bytes > 0 && dry.objects > 0)
    #expect(workshop.stored("objects").count == both, "a dry run removes nothing")
    #expect(try collect(workshop, keeping: 2).keptObjects == both)
    #expect(try collect(workshop, grace: 3600).actions == 0, "nothing young is removed")
    #expect(try collect(workshop) == dry)
    #expect(workshop.stored("objects").count == both - dry.objects && both - dry.objects <= first)

    #expect(try workshop.dryRun(set: "target=merry").toRun.isEmpty)
    #expect(try workshop.dryRun().toRun.count == 8)
    #expect(try await workshop.run().status == .done)
  }

  @Test func aRecipeThatHasGoneKeepsNothing() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    try FileManager.default.removeItem(atPath: workshop.recipe)
    let garbage = try collect(workshop)
    #expect(garbage.actions == 14 && garbage.keptObjects == 0)
    #expect(workshop.stored("objects").isEmpty && workshop.stored("actions").isEmpty && workshop.stored("runs").isEmpty)
  }

  @Test func aStoreInUseIsLeftAlone() async throws {
    let workshop = try Workshop()
    let store = try Store(at: workshop.store)
    #expect(throws: StoreError.busy(workshop.store)) { try Store(at: workshop.store, for: .alone) }
    withExtendedLifetime(store) {}
  }

  @Test func verificationFindsWhatIsDamagedOrMissing() async throws {
    let workshop = try Workshop()
    try await workshop.run()
    let store = try Store(at: workshop.store)
    #expect(try store.verify().isClean)
    let (latent, picture) = (workshop.object("~~bob"), workshop.object("~~adaangry"))
    try FileManager.default.removeItem(atPath: picture)
    try FileManager.default.removeItem(atPath: latent)
    try "~~b0b".write(toFile: latent, atomically: false, encoding: .utf8)
    let records = workshop.stored("actions").map { "\(workshop.store)/actions/\($0)" }
    let sheet = try records.first { try String(contentsOfFile: $0, encoding: .utf8).contains("\"kind\": \"figure\"") }
    try "{".write(toFile: try #require(sheet), atomically: true, encoding: .utf8)

    let found = try store.verify()
    #expect(found.damaged == [Digest(of: "~~bob")])
    #expect(found.missing == [Digest(of: "~~bob"), Digest(of: "~~adaangry")])
    #expect(found.broken.count == 3, "the latent's, the picture's and the sheet's")
    #expect(workshop.stored("quarantine") == [Digest(of: "~~bob").hex])
    #expect(try store.registeredRuns().map(\.recipe) == [workshop.recipe])

    try store.forget(found.broken)
    #expect(try await workshop.run().ran == ["latents/bob", "edited/ada", "sheet"])
    #expect(try store.verify().isClean)
  }
}
