import ArtifactStore
import Foundation
import Synchronization
import TestSupport
import Testing

/// Whole command lines at random: every command with whatever options it declares, with numbers, paths and texts that
/// nobody means, files that are none, and signals at random moments. 2,000 of them; `DIFFUSIONCLIP_COMMANDS=100000` makes
/// it so many, and `DIFFUSIONCLIP_COMMAND_SEED` makes others.
///
/// Whatever is asked, the program ends by itself with a status of its contract or by the signal that it was sent, says
/// why where it failed, prints nothing that a terminal obeys, and touches no file but what it was told to.
struct CommandLineFuzzTests {
  private static func number(_ variable: String) -> Int? {
    ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }
  }
  private static let count = number("DIFFUSIONCLIP_COMMANDS") ?? 2000
  private static let seed = UInt64(number("DIFFUSIONCLIP_COMMAND_SEED") ?? 1)
  /// How many command lines follow each other in one place: what one leaves behind, the next one finds.
  private static let roundLength = 50
  private static let prelude = [
    CommandLine("run", "recipe.yaml"), CommandLine("run", "sweep.yaml"),
    CommandLine("plan", "recipe.yaml", "--out", "plan.json", named: "plan.json"),
  ]

  /// What has been found so far, by rounds side by side.
  private final class Findings: Sendable {
    struct State {
      var rounds = 0
      var statuses: [Int32: Int] = [:]
      var faults: [String] = []
    }
    let state = Mutex(State())

    /// The next round to perform; nil once there were enough, or faults enough: one is seldom alone.
    func nextRound(of count: Int) -> Int? {
      state.withLock { state in
        guard state.rounds < count, state.faults.count < 20 else { return nil }
        state.rounds += 1
        return state.rounds - 1
      }
    }
  }

  @Test func anyCommandLine() async throws {
    let interface = try CommandInterface(try Repository("recipe: r").run("--experimental-dump-help").output)
    let rounds = (Self.count + Self.roundLength - 1) / Self.roundLength
    let findings = Findings()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<max(1, ProcessInfo.processInfo.activeProcessorCount) {
        group.addTask {
          while let round = findings.nextRound(of: rounds) {
            do {
              let (statuses, faults) = try Self.perform(round, of: interface)
              findings.state.withLock { state in
                state.statuses.merge(statuses) { $0 + $1 }
                state.faults += faults
              }
            } catch { findings.state.withLock { $0.faults.append("round \(round): \(error)") } }
          }
        }
      }
    }
    let (statuses, faults) = findings.state.withLock { ($0.statuses, $0.faults) }
    print("command lines by exit status: \(statuses.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })")
    #expect(faults.isEmpty, "\(faults.joined(separator: "\n\n"))")
    // Command lines that all fail, or all succeed, would show little.
    for status: Int32 in [0, 2, 64] { #expect(statuses[status, default: 0] * 20 > Self.count, "status \(status)") }
  }

  /// One round in a place of its own: how many command lines ended with which status, and what was wrong.
  private static func perform(
    _ round: Int, of interface: CommandInterface
  ) throws -> (statuses: [Int32: Int], faults: [String]) {
    let place = try FuzzedPlace()
    defer { place.remove() }
    var statuses: [Int32: Int] = [:]
    var found: [String] = []
    for number in 0..<roundLength {
      var random = SeededGenerator(seed: seed << 32 &+ UInt64(round * roundLength + number))
      // Half of the places have a store, results and a plan from the beginning.
      let line =
        round % 2 == 0 && number < prelude.count ? prelude[number] : interface.commandLine(using: &random)
      let before = try place.snapshot()
      let ended = try place.perform(line)
      statuses[ended.status, default: 0] += 1
      let faults = ended.faults(of: line) + (try place.snapshot().changes(since: before, allowing: line))
      if !faults.isEmpty {
        found.append("round \(round), \(number): \(line)\n\(faults.map { "  \($0)" }.joined(separator: "\n"))")
      }
    }
    return (statuses, found)
  }
}
