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

  @Test(.enabled(if: SmallDisk.canBeMounted, "mounting a small disk takes root"))
  func aFullDiskForTheResultsIsSaidFirst() throws {
    let repository = try Repository(
      "recipe: shown\nstages: { p: { synthesize: { count: 10, size: 64 } } }\noutputs: [p]\n")
    let disk = try SmallDisk(at: repository.path("disk"), kilobytes: 16)
    defer { disk.unmount() }
    let outcome = try repository.run("run", "recipe.yaml", "--json", "--runs", "disk/runs")
    #expect(outcome.status == 1)
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("no space left on the disk while writing disk/runs/shown/"))
    // There is no earlier run to speak of.
    #expect(
      lines[1].hasPrefix("disk/runs/shown: the record of this failed run could not be written"), "\(outcome.errors)")
    #expect(!outcome.output.contains("earlier"))

    try disk.resize(toKilobytes: 1024)
    try #require(try repository.run("run", "recipe.yaml", "--runs", "disk/runs").status == 0)
    try disk.resize(toKilobytes: disk.usedKilobytes)
    try repository.write(
      repository.text("recipe.yaml").replacing("count: 10", with: "count: 20"), to: "recipe.yaml")
    let second = try repository.run("run", "recipe.yaml", "--runs", "disk/runs")
    #expect(second.status == 1)
    let place = try #require(second.errors.firstRange(of: "no space left on the disk while writing disk/runs/shown/"))
    let rest = try #require(second.errors.firstRange(of: "disk/runs/shown has the results of an earlier run"))
    #expect(place.lowerBound < rest.lowerBound)
  }
}
