import Foundation
import Imaging
import JSONSyntax
import Testing

/// Photographs as a user has them: `align` in recipes.
struct AligningTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static let recipe = """
    recipe: aligned
    stages:
      detector: { load: { detector: face-detector.safetensors } }
      photos: { load: { images: photos/*.* } }
      faces: { align: { images: photos, detector: detector, size: 64 } }
      sheet: { figure: { rows: [faces] } }
    outputs: [faces, sheet]
    """

  /// Two photographs with one face each, of two sizes.
  private func repository(_ recipe: String = Self.recipe) throws -> Repository {
    let repository = try Repository(recipe, faces: [])
    try FileManager.default.createDirectory(atPath: repository.path("photos"), withIntermediateDirectories: true)
    for (from, to) in [
      ("Fixtures/models/face-detector.safetensors", "face-detector.safetensors"),
      ("Fixtures/photos/astronaut.png", "photos/eileen.png"),
      ("Fixtures/photos/photographer.png", "photos/man.png"),
    ] {
      try repository.write(Data(contentsOf: Self.root.appending(path: from)), to: to)
    }
    return repository
  }

  private func picture(_ name: String) throws -> Data {
    try Data(contentsOf: Self.root.appending(path: "Tests/NetworksTests/Fixtures/detection/\(name).png"))
  }

  @Test func eachPhotographIsAlignedOnce() throws {
    let repository = try repository()
    #expect(try repository.run("check", "recipe.yaml").status == 0)
    let first = try repository.run("run", "recipe.yaml", "--json")
    #expect(first.status == 0, "\(first.errors)")
    try repository.write(picture("rotated"), to: "photos/turned.png")
    let second = try repository.run("run", "recipe.yaml", "--json")
    #expect(try second.ran.sorted() == ["faces/turned", "photos/turned", "sheet"])
    #expect(try repository.run("export", "recipe.yaml", "faces", "--to", "out").status == 0)
    #expect(repository.names(in: "out/faces") == ["eileen.png", "man.png", "turned.png"])
    let face = try Image(decoding: repository.data("out/faces/turned.png"), name: "turned")
    #expect(face.width == 64 && face.height == 64)
    #expect(try repository.run("export", "recipe.yaml", "faces.placements", "--to", "places").status == 0)
    let place = try repository.json("places/faces.placements/turned.json")
    #expect(place["source"] == "turned" && place["size"] == [64, 64] && place["source_size"] == [224, 224])
  }

  @Test func allFacesAreItemsOfTheirOwn() throws {
    let repository = try repository(Self.recipe.replacing("size: 64", with: "size: 64, face: all"))
    try repository.write(picture("pair"), to: "photos/two.png")
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    #expect(try repository.run("export", "recipe.yaml", "faces", "--to", "out").status == 0)
    #expect(repository.names(in: "out/faces") == ["eileen-1.png", "man-1.png", "two-1.png", "two-2.png"])
  }

  /// A photograph of two, one of nobody, and one that is damaged, beside two that are in order.
  @Test func oneBadPhotographLeavesTheOthersAlone() throws {
    let repository = try repository()
    try repository.write(picture("pair"), to: "photos/two.png")
    try repository.write(
      Image(width: 80, height: 60, color: Color(red: 20, green: 90, blue: 40)).pngData(), to: "photos/wall.png")
    let outcome = try repository.run("run", "recipe.yaml", "--keep-going")
    #expect(outcome.status == 2, "\(outcome.errors)")
    for text in [
      "stage 'faces' failed on 'two': picture 'two' (260×150) shows 2 faces: 1 at [46, 49, 98, 115] (1.00), 2 at [184,",
      "stage 'faces' failed on 'wall': picture 'wall' (80×60) shows no face: lower `min_face` (it is 40)",
    ] { #expect(outcome.errors.contains(text), "\(outcome.errors)") }
    try FileManager.default.removeItem(atPath: repository.path("photos/two.png"))
    try FileManager.default.removeItem(atPath: repository.path("photos/wall.png"))
    let rest = try repository.run("run", "recipe.yaml", "--json")
    #expect(try rest.status == 0 && rest.ran == ["sheet"])
  }

  /// Photographs of one, of two, of nobody: those with faces come back whole, the other is said to be missing.
  @Test func photographsWithoutAFaceLeaveTheOthersToBePasted() throws {
    let recipe = """
      recipe: pasted
      stages:
        detector: { load: { detector: face-detector.safetensors } }
        photos: { load: { images: photos/*.* } }
        faces: { align: { images: photos, detector: detector, size: 64, face: largest } }
        masks: { mask: { images: faces, box: [0, 0, 32, 32] } }
        pasted: { paste: { into: photos, images: faces, placements: faces.placements, mask: masks } }
      outputs: [pasted]
      """
    let repository = try repository(recipe)
    try repository.write(picture("pair"), to: "photos/two.png")
    try repository.write(
      Image(width: 80, height: 60, color: Color(red: 20, green: 90, blue: 40)).pngData(), to: "photos/wall.png")
    let outcome = try repository.run("run", "recipe.yaml", "--keep-going")
    #expect(outcome.status == 2 && outcome.errors.contains("'wall' (80×60) shows no face"), "\(outcome.errors)")
    let whole = try repository.run("export", "recipe.yaml", "pasted", "--to", "out")
    #expect(
      whole.status == 2
        && whole.errors.contains("'pasted' is not whole: 3 of 4 items are made") && whole.errors.contains("--partial"),
      "\(whole.errors)")
    let part = try repository.run("export", "recipe.yaml", "pasted", "--partial", "--to", "out")
    #expect(part.status == 0 && part.errors.contains("pasted is not whole: 'wall' could not be made"), "\(part)")
    #expect(repository.names(in: "out/pasted") == ["eileen.png", "man.png", "two.png"])
    // Another photograph costs its own alone.
    try repository.write(picture("rotated"), to: "photos/wall.png")
    let rest = try repository.run("run", "recipe.yaml", "--json")
    #expect(
      try rest.status == 0 && rest.ran.sorted() == ["faces/wall", "masks/wall", "pasted/wall", "photos/wall"],
      "\(rest.errors)")
    // A photograph that is called like a part of another.
    try FileManager.default.removeItem(atPath: repository.path("photos/wall.png"))
    try repository.write(
      Image(width: 80, height: 60, color: Color(red: 20, green: 90, blue: 40)).pngData(), to: "photos/two-1.png")
    let all = recipe.replacing("face: largest", with: "face: all")
    try repository.write(all, to: "recipe.yaml")
    let alike = try repository.run("run", "recipe.yaml")
    #expect(alike.status == 0, "\(alike.errors)")
    #expect(try repository.run("export", "recipe.yaml", "pasted", "--to", "alike").status == 0)
    let untouched = try Image(decoding: repository.data("alike/pasted/two-1.png"), name: "two-1")
    #expect(untouched == Image(width: 80, height: 60, color: Color(red: 20, green: 90, blue: 40)))
    // A part of a part comes back into the part first.
    let within = all.replacing(
      "images: faces, placements: faces.placements, mask: masks", with: "images: eyes, placements: eyes.placements"
    )
    .replacing("  masks:", with: "  eyes: { crop: { images: faces, box: [0, 0, 32, 32] } }\n  masks:")
    try repository.write(within, to: "recipe.yaml")
    let skipped = try repository.run("check", "recipe.yaml")
    #expect(
      skipped.status == 2
        && skipped.errors.contains(
          "the parts were cut out of 'faces', which was itself made of 'photos': paste them into 'faces' first"),
      "\(skipped.errors)")
    try repository.write(within.replacing("into: photos", with: "into: faces"), to: "recipe.yaml")
    #expect(try repository.run("check", "recipe.yaml").status == 0)
    // A mask of something else.
    try repository.write(
      all.replacing("mask: { images: faces,", with: "mask: { images: photos,"), to: "recipe.yaml")
    let foreign = try repository.run("check", "recipe.yaml")
    #expect(
      foreign.status == 2
        && foreign.errors.contains("'masks' is not made of the parts that 'faces' tells of: give what is"),
      "\(foreign.errors)")
    // Parts of nothing.
    try repository.write(
      recipe.replacing("into: photos,", with: "into: others,").replacing(
        "  photos:", with: "  others: { load: { images: photos/m*.* } }\n  photos:"), to: "recipe.yaml")
    let stray = try repository.run("check", "recipe.yaml")
    #expect(
      stray.status == 2
        && stray.errors.contains("'images' (from 'faces') has 'eileen', 'two', 'two-1', of no picture of 'into'"),
      "\(stray.errors)")
  }

  @Test func whatCanBeKnownIsSaidBefore() throws {
    let repository = try repository(Self.recipe.replacing("size: 64", with: "size: 64, min_face: 200, face: no"))
    let outcome = try repository.run("check", "recipe.yaml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("expected one, largest, all, or a number from 1, the largest"), "\(outcome.errors)")
    try repository.write(Self.recipe.replacing("size: 64", with: "size: 64, min_face: 200"), to: "recipe.yaml")
    let small = try repository.run("check", "recipe.yaml")
    #expect(
      small.status == 2
        && small.errors.contains(
          "picture 'man' is 192×192: smaller than the smallest faces that are looked for: lower `min_face`"),
      "\(small.errors)")
    try repository.write(
      """
      recipe: masked
      stages:
        photos: { load: { images: photos/*.* } }
        masks: { mask: { images: photos, box: [192, 0, 200, 9] } }
        others: { mask: { images: photos, polygon: [0, 0, 0.5, 9, 9, 9] } }
      """, to: "recipe.yaml")
    let mixed = try repository.run("check", "recipe.yaml")
    #expect(
      mixed.status == 2 && mixed.errors.contains("'polygon' has 0.5 beside 9: give all in pixels"),
      "\(mixed.errors)")
    try repository.write(repository.text("recipe.yaml").replacing("0.5, 9, 9", with: "5, 9, 9"), to: "recipe.yaml")
    let distant = try repository.run("check", "recipe.yaml")
    #expect(
      distant.status == 2
        && distant.errors.contains("'box' lies outside of 'man', which is 192×192 from its top left corner"),
      "\(distant.errors)")
    try repository.write(
      """
      recipe: trained
      stages:
        faces: { synthesize: { count: 2 } }
        detector: { train: { network: detector, images: faces, steps: 1 } }
      """, to: "recipe.yaml")
    let trained = try repository.run("check", "recipe.yaml")
    #expect(
      trained.status == 2 && trained.errors.contains("a detector cannot be trained here: load one"), "\(trained.errors)"
    )
  }
}
