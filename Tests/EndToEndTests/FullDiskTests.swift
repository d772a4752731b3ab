import Foundation
import Testing

struct FullDiskTests {
  @Test(.enabled(if: SmallDisk.canBeMounted, "mounting a small disk takes root"))
  func aFullDiskIsSaidAndTheStoreGoesOnLater() throws {
    let repository = try Repository(
      """
      recipe: many
      stages:
        few: { synthesize: { count: 10, size: 64 } }
        many: { synthesize: { count: 200, size: 64, seed: 2 } }
      """)
    let disk = try SmallDisk(at: repository.path("disk"), kilobytes: 1024)
    defer { disk.unmount() }
    let command = ["run", "recipe.yaml", "--json", "--store", "disk/store"]
    let outcome = try repository.run(command)
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.hasPrefix("recipe.yaml:4:3: error: stage 'many' failed: no space left on the disk while writing "))
    #expect(outcome.errors.hasSuffix("; free some, then run again: finished work is kept\n"))
    #expect(try outcome.finished["ran"] == 1)
    #expect(try outcome.finished["failed"] == 1)

    try disk.resize(toKilobytes: 20_480)
    let second = try repository.run(command)
    #expect(second.status == 0)
    #expect(try second.finished["cached"] == 1)
    #expect(try second.finished["ran"] == 1)
  }

  @Test func outputThatCannotBeWrittenIsSaid() throws {
    let repository = try WholeRecipe.finishedCopy()
    for arguments in [["kinds"], ["run", "recipe.yaml", "--json"], ["plan", "recipe.yaml"]] {
      let outcome = try repository.run(arguments, outputTo: "/dev/full")
      #expect(outcome.status == 1)
      #expect(outcome.errors.hasSuffix("the output could not be written: No space left on device\n"))
    }
  }
}
