import ArtifactStore
import Engine
import Foundation
import Testing

struct StoreLocationTests {
  @Test func theStoreIsWhereItIsSaidToBe() throws {
    let folder = NSTemporaryDirectory() + "location-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let recipe = folder + "/recipes/deep/quick.yaml"
    #expect(Store.location(explicit: "/x", recipe: recipe, environment: ["DIFFUSIONCLIP_STORE": "/y"]) == "/x")
    #expect(Store.location(explicit: nil, recipe: recipe, environment: ["DIFFUSIONCLIP_STORE": "/y"]) == "/y")
    #expect(
      Store.location(explicit: nil, recipe: recipe, environment: [:]) == folder + "/recipes/deep/.diffusionclip")
    try FileManager.default.createDirectory(atPath: folder + "/.git", withIntermediateDirectories: true)
    #expect(Store.location(explicit: nil, recipe: recipe, environment: [:]) == folder + "/.diffusionclip")
  }
}
