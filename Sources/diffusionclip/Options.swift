import ArgumentParser
import ArtifactStore
import Execution
import Foundation
import Planning

/// Which recipe, and what to change in it.
struct RecipeOptions: ParsableArguments {
  @Argument(help: "The recipe file.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Set a parameter of the recipe anew; may be given several times.", valueName: "name=value"))
  var overlays: [String] = []

  @Option(help: ArgumentHelp("Take the values that the recipe's profile of this name gives.", valueName: "name"))
  var profile: String?

  func plan() throws -> Plan {
    try Planner.plan(recipeAt: recipe, kinds: Engine.kinds, overlays: overlays, profile: profile)
  }
}

/// Where artifacts are kept.
struct StoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The folder of the store; else $DIFFUSIONCLIP_STORE, else .diffusionclip in the recipe's repository.",
      valueName: "folder"))
  var store: String?

  func open(for plan: Plan, access: Store.Access = .shared) throws -> Store {
    try Store(at: Store.location(explicit: store, recipe: plan.file), for: access)
  }

  /// The store of the repository around the current folder.
  func openHere(access: Store.Access) throws -> Store {
    let here = FileManager.default.currentDirectoryPath + "/recipe"
    return try Store(at: Store.location(explicit: store, recipe: here), for: access)
  }
}

/// For whom output is made.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON for programs.")
  var json = false
}
