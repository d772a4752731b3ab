import ArtifactStore
import Engine
import EngineTestSupport
import StageKit
import Synchronization
import Testing

/// Where actions compute: on the processor, or each graphics card one at a time.
struct DeviceTests {
  /// A graphics card that notes what goes on there.
  private final class Card: Sendable {
    private let state = Mutex((running: 0, most: 0, done: 0))
    private let failure: DeviceFailure?
    /// Whoever is there waits here for others to come.
    private let gate: Gate?
    var most: Int { state.withLock { $0.most } }
    var done: Int { state.withLock { $0.done } }

    init(failing failure: DeviceFailure? = nil, gate: Gate? = nil) {
      self.failure = failure
      self.gate = gate
    }

    func device(_ number: Int, megabytes: Int = 1000) -> Device {
      Device(number: number, name: "card \(number), test", memory: megabytes << 20) { _, work in
        self.state.withLock {
          $0.running += 1
          $0.most = max($0.most, $0.running)
        }
        defer {
          self.state.withLock {
            $0.running -= 1
            $0.done += 1
          }
        }
        self.gate?.pass()
        if let failure = self.failure { throw failure }
        try work()
      }
    }
  }

  /// Lets nobody through before so many are there.
  private final class Gate: Sendable {
    private let missing: Mutex<Int>
    init(_ count: Int) { missing = Mutex(count) }
    func pass() {
      missing.withLock { $0 -= 1 }
      while missing.withLock({ $0 > 0 }) {}
    }
  }

  @Test func provenanceNamesTheCardAndKeysDoNot() async throws {
    let workshop = try Workshop()
    let card = Card()
    let outcome = try await workshop.run(device: .gpu(nil), devices: [card.device(0)])
    #expect(outcome.error == nil && card.done == 3 && card.most == 1)
    for action in outcome.actions {
      let isOnCard = action.id.stage.hasPrefix("latents")
      #expect(action.record?.provenance.device == (isOnCard ? "card 0, test" : nil), "\(action.id)")
    }
    let machines = try workshop.json("\(workshop.latest("quick"))/actions.json")["machines"]?.array ?? []
    #expect(machines.compactMap { $0["device"]?.string } == ["card 0, test"])
    #expect(try workshop.json("\(workshop.latest("quick"))/run.json")["provenance"]?["device"] == "card 0, test")
    #expect(try workshop.read("\(workshop.latest("quick"))/report.html").contains("card 0, test"))
    // What a card has made is there for the processor, also where the index of the store is gone.
    #expect(try await workshop.run().ran == [])
    try workshop.write("", to: ".diffusionclip/index")
    #expect(try await workshop.run().ran == [])
  }

  @Test func severalCardsWorkSideBySideWhateverTheJobs() async throws {
    let workshop = try Workshop()
    let gate = Gate(2)
    let cards = [Card(gate: gate), Card(gate: gate)]
    let devices = cards.enumerated().map { $1.device($0) }
    let outcome = try await workshop.run(options: RunOptions(jobs: 1), device: .gpu(nil), devices: devices)
    #expect(outcome.error == nil)
    #expect(cards.map(\.most) == [1, 1] && cards.map(\.done).reduce(0, +) == 3)
  }

  @Test func whatDoesNotFitIsLeftToTheProcessorAndSaidOnce() async throws {
    let notices = EventLog { if case .notice(let text) = $0 { text } else { nil } }
    let workshop = try Workshop()
    let card = Card()
    // The kind declares 64 MB and more.
    let outcome = try await workshop.run(device: .auto, devices: [card.device(0, megabytes: 63)], emit: notices.report)
    #expect(outcome.error == nil && card.done == 0)
    #expect(
      notices.lines == [
        "latents: computes on the processor: it is taken to need 64 MB, the graphics card has 63 MB"
      ])
    // Who asks for cards alone gets these.
    let other = try Workshop()
    _ = try await other.run(device: .gpu(nil), devices: [card.device(0, megabytes: 63)])
    #expect(card.done == 3)
    // Of several, one that has the memory.
    let third = try Workshop()
    let large = Card()
    _ = try await third.run(device: .auto, devices: [card.device(0, megabytes: 63), large.device(1)])
    #expect(large.done == 3 && card.done == 3)
  }

  @Test func aCardsFailureNamesTheStageAndWhatHelps() async throws {
    for (failure, advice) in [
      (
        DeviceFailure("gpu:0 (x) has 8192 MB", isOutOfMemory: true),
        ": lower 'steps', or compute on the processor with --device cpu"
      ),
      (DeviceFailure("gpu:0 (x): lost", isOutOfMemory: false), "; with --device cpu it is computed on the processor"),
    ] {
      let workshop = try Workshop()
      let card = Card(failing: failure)
      let outcome = try await workshop.run(device: .auto, devices: [card.device(0)])
      #expect(outcome.status == .stageFailed)
      #expect(
        outcome.issues == [
          "\(workshop.recipe):6:3: error: stage 'latents' failed on 'ada': \(failure.description)\(advice)"
        ])
      // Nothing is lost: the processor goes on from there.
      #expect(try await workshop.run().error == nil)
    }
  }
}
