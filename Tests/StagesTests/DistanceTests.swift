import ArtifactStore
import Foundation
import JSONSyntax
import StageKit
import Stages
import Testing

/// `distance` between portraits.
struct DistanceTests {
  private static let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/models")

  private func portraits(_ count: Int, seed: Int, _ styles: [String] = ["photo"]) throws -> [(name: String, data: Data)]
  {
    let context = try BenchContext(
      "synthesize", ["count": .int(count), "seed": .int(seed), "styles": .list(styles.map(Value.string))])
    return try #require(context.run()["images"])
  }

  private func distance(
    _ images: [(name: String, data: Data)], _ reference: [(name: String, data: Data)]
  ) throws -> [Double] {
    let network = try Data(contentsOf: Self.models.appending(path: "portraits-perceptual.safetensors"))
    let context = try BenchContext(
      "distance", [:],
      inputs: [
        "images": .one(.images, images), "reference": .one(.images, reference),
        "perceptual": .one(.perceptual, [("", network)]),
      ])
    let written = try #require(context.run()["metrics"]?.first)
    #expect(written.name == "all")
    let numbers = try JSON(parsing: written.data)
    return ["kid", "kid_low", "kid_high", "precision", "recall"].compactMap { numbers[$0]?.double }
  }

  @Test func otherPortraitsAreNearAndOtherStylesAreFar() throws {
    let photos = try portraits(12, seed: 1)
    let near = try distance(photos, portraits(9, seed: 2))
    let far = try distance(photos, portraits(9, seed: 2, ["zombie"]))
    #expect(near[1] < 0 && near[2] > 0 && near[2] < 1, "\(near)")
    #expect(far[1] > 0 && far[0] > near[2] && far[2] > far[0], "\(far)")
    #expect(near[3] > 0.5 && near[4] > 0.5 && far[3] == 0 && far[4] < near[4], "\(near), \(far)")
  }

  @Test func setsMustBeComparable() throws {
    let photos = try portraits(4, seed: 1)
    #expect(
      issue { _ = try distance(photos, Array(photos.prefix(3))) }
        == "'reference' has 3 pictures: with 'neighbors' 3 it needs at least 4, and many to tell something")
    let large = try plainPicture(90, side: 80)
    #expect(
      issue { _ = try distance(photos, ["a", "b", "c", "d"].map { ($0, large) }) }
        == "picture 'a' of 'reference' is 80×80, picture '\(photos[0].name)' of 'images' 64×64: load them with one `size`"
    )
  }
}
