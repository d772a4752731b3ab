import Diffusion
import Foundation
import TestSupport
import Testing

@Suite struct NoiseScheduleTests {
  private struct Times: Decodable {
    struct Sequence: Decodable {
      let steps: Int
      let returnStep: Int
      let times: [Int]
    }
    let sequences: [Sequence]
    /// By number of steps from 1: of the sequences for all return steps below 1000.
    let checksums: [String]
    let alphasCumprod: [String: Double]
  }

  private let times: Times

  init() throws {
    times = try JSONDecoder().decode(
      Times.self, from: Data(contentsOf: URL(fileURLWithPath: fixture("timesteps.json"))))
  }

  private func timesteps(_ steps: Int, _ returnStep: Int) -> [Int] {
    Step.sequence(returnStep: returnStep, steps: steps).map(\.t).reversed()
  }

  @Test func timesAreNumPys() {
    for sequence in times.sequences {
      let found = timesteps(sequence.steps, sequence.returnStep)
      #expect(found == sequence.times, "(\(sequence.steps), \(sequence.returnStep))")
    }
    // Where exact fractions would give 250 and 215.
    #expect(timesteps(7, 300) == [0, 50, 100, 150, 200, 249, 300])
    #expect(timesteps(8, 301) == [0, 43, 86, 129, 172, 214, 258, 301])
    #expect(timesteps(1, 500) == [0])
  }

  @Test func timesAreNumPysForAllReturnSteps() {
    #expect(times.checksums.count == 60)
    for (index, expected) in times.checksums.enumerated() {
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
      for returnStep in 0..<1000 {
        for t in timesteps(index + 1, returnStep) {
          for byte in [t & 255, t >> 8] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
      }
      let digits = String(hash, radix: 16)
      #expect(String(repeating: "0", count: 16 - digits.count) + digits == expected, "\(index + 1) steps")
    }
  }

  @Test func alphasCumprodAreNumPys() {
    let schedule = NoiseSchedule.linear()
    #expect(schedule.count == 1000 && schedule.betas[0] == 1e-4 && abs(schedule.betas[999] - 0.02) < 1e-17)
    #expect(times.alphasCumprod.count == 8)
    for (t, expected) in times.alphasCumprod {
      let found = schedule.alphaCumprod(Int(t) ?? 0)
      // A thousand roundings, at most.
      #expect(abs(found - expected) <= 1e-13 * expected, "ᾱ at \(t): \(found), expected \(expected)")
    }
    #expect(schedule.alphaCumprod(-1) == 1)
  }

  @Test func alphasCumprodAreTheOfficialOnes() throws {
    // The official code's are in float32.
    let official = try OracleFixture.diffusion()["official/alphasCumprod"].doubleValues
    #expect(official.count == 1000)
    for (found, expected) in zip(NoiseSchedule.linear().alphasCumprod, official) {
      #expect(abs(found - expected) <= 1e-6 * expected)
    }
  }
}
