import ArtifactStore
import Foundation
import TestSupport
import Testing

/// Kills, full disks and damage at random, a few of each; `DIFFUSIONCLIP_FAULTS=200` makes it two hundred. Whatever happens, the
/// results in the end are those of an undisturbed run, and the store is in order.
struct FaultTests {
  private static let count = ProcessInfo.processInfo.environment["DIFFUSIONCLIP_FAULTS"].flatMap { Int($0) } ?? 4

  /// What every run here is asked: a fine-tuning of some length, that saves its state at each step.
  private static let change = ["--set", "target=a robot", "--set", "epochs=4", "--set", "checkpoint_every_s=0"]

  private static let undisturbed = Result {
    let repository = try WholeRecipe.finishedCopy()
    let clock = ContinuousClock()
    let start = clock.now
    try #require(try repository.run(["run", "recipe.yaml"] + change).status == 0)
    return (digests: try repository.digests("whole"), microseconds: Int((clock.now - start) / .microseconds(1)))
  }

  @Test func killedAtAnyMoment() throws {
    let (digests, microseconds) = try Self.undisturbed.get()
    var random = SeededGenerator(seed: 1)
    for round in 0..<Self.count {
      let repository = try WholeRecipe.finishedCopy()
      let program = try repository.start(["run", "recipe.yaml"] + Self.change)
      let other = round % 4 == 0 ? try repository.start(["run", "recipe.yaml"] + Self.change) : nil
      usleep(UInt32.random(in: 0..<UInt32(microseconds), using: &random))
      program.end(by: SIGKILL)
      if let other { #expect(try other.outcome().status == 0, "round \(round)") }
      let outcome = try repository.run(["run", "recipe.yaml"] + Self.change)
      #expect(outcome.status == 0, "round \(round): \(outcome.errors)")
      #expect(try repository.digests("whole") == digests, "round \(round)")
      #expect(try repository.run("verify").status == 0, "round \(round)")
      #expect(repository.names(in: ".diffusionclip/attempts").isEmpty, "round \(round)")
    }
  }

  @Test(.enabled(if: SmallDisk.canBeMounted, "mounting a small disk takes root"))
  func aDiskThatIsFullAtAnyMoment() throws {
    let digests = try Self.undisturbed.get().digests
    let place = try WholeRecipe.finishedCopy()
    let disk = try SmallDisk(at: place.path("disk"), kilobytes: 1 << 18)
    defer { disk.unmount() }
    let original = try WholeRecipe.finished().repository
    var random = SeededGenerator(seed: 3)
    let roomy = try Repository(copying: original, to: place.path("disk/0"))
    let before = try disk.usedKilobytes
    try #require(try roomy.run(["run", "recipe.yaml"] + Self.change).status == 0)
    let needed = try disk.usedKilobytes - before
    for round in 1...Self.count {
      try FileManager.default.removeItem(atPath: place.path("disk/\(round - 1)"))
      let repository = try Repository(copying: original, to: place.path("disk/\(round)"))
      try disk.resize(toKilobytes: try disk.usedKilobytes + Int.random(in: 0..<needed, using: &random))
      let full = try repository.run(["run", "recipe.yaml"] + Self.change)
      #expect(full.status == 1 && full.errors.contains("no space left on the disk"), "round \(round): \(full)")
      let verified = try repository.run("verify")
      #expect(verified.status == 0, "round \(round): \(verified)")

      try disk.resize(toKilobytes: 1 << 18)
      let outcome = try repository.run(["run", "recipe.yaml"] + Self.change)
      #expect(outcome.status == 0, "round \(round): \(outcome.errors)")
      #expect(try repository.digests("whole") == digests, "round \(round)")
      #expect(repository.names(in: ".diffusionclip/attempts").isEmpty, "round \(round)")
    }
  }

  @Test func damagedAnywhere() throws {
    let digests = try WholeRecipe.finished().repository.digests("whole")
    var random = SeededGenerator(seed: 2)
    for round in 0..<Self.count {
      let repository = try WholeRecipe.finishedCopy()
      try #require(try repository.run("run", "recipe.yaml").status == 0)
      let store = repository.path(".diffusionclip")
      let parts = ["objects/", "actions/", "sources", "index"]
      let files = try FileManager.default.subpathsOfDirectory(atPath: store).sorted().filter { file in
        parts.contains { file.hasPrefix($0) } && (try? repository.data(".diffusionclip/\(file)")) != nil
      }
      let file = try #require(files.randomElement(using: &random))
      try damage(".diffusionclip/\(file)", in: repository, using: &random)

      let outcome = try repository.run("run", "recipe.yaml")
      #expect(outcome.status == 0, "round \(round), \(file): \(outcome.errors)")
      #expect(try repository.digests("whole") == digests, "round \(round), \(file)")
      let repaired = try repository.run("verify", "--repair")
      #expect(repaired.status == 0, "round \(round), \(file): \(repaired.output)\(repaired.errors)")
      #expect(try repository.run("verify").status == 0, "round \(round), \(file)")
    }
  }

  /// Flips a bit of a file, or cuts it off.
  private func damage(
    _ file: String, in repository: Repository, using random: inout SeededGenerator
  ) throws {
    var data = try repository.data(file)
    let place = Int.random(in: 0..<max(1, data.count), using: &random)
    if Bool.random(using: &random) {
      data = data.prefix(place)
    } else if !data.isEmpty {
      data[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    }
    try FileManager.default.removeItem(atPath: repository.path(file))
    try repository.write(data, to: file)
  }
}
