import Foundation
import Imaging
import Testing

/// Parts of photographs, edited and brought back.
struct PastingTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The astronaut twice, on 3000×2000 pixels, as JPEG with EXIF and a color profile.
  private static func photograph() throws -> (image: Image, file: Data) {
    let path = root.appending(path: "Fixtures/photos/astronaut.png")
    let face = try Image(decoding: Data(contentsOf: path), name: "astronaut")
      .resized(width: 1000, height: 1000, filter: .bicubic)
    var image = Image(width: 3000, height: 2000, color: Color(0x506070))
    for y in 0..<1000 {
      for x in 0..<1000 {
        image[x + 300, y + 500] = face[x, y]
        image[2799 - x, y + 300] = face[x, y]
      }
    }
    let fixture = root.appending(path: "Tests/ImagingTests/Fixtures/metadata.jpg")
    let metadata = try PictureMetadata(ofFile: [UInt8](Data(contentsOf: fixture)), name: "metadata")
    return (image, try image.jpegData(quality: 90, metadata: metadata))
  }

  @Test func editedFacesComeBackIntoALargePhotograph() throws {
    let repository = try WholeRecipe.finishedCopy()
    let (_, file) = try Self.photograph()
    try repository.write(file, to: "two.jpg")
    try repository.write(
      """
      recipe: two
      stages:
        base: { load: { diffusion: out/base.safetensors } }
        photos: { load: { images: two.jpg, metadata: keep } }
        left: { crop: { images: photos, box: [500, 550, 1100, 1150], size: 16 } }
        right: { crop: { images: photos, box: [0.66, 0.16, 0.9, 0.46], size: [24, 16] } }
        left_latents: { invert: { images: left, model: base, steps: 2 } }
        right_latents: { invert: { images: right, model: base, steps: 2 } }
        left_edit: { sample: { latents: left_latents, model: base, steps: 2 } }
        right_edit: { sample: { latents: right_latents, model: base, steps: 2 } }
        one: { paste: { into: photos, images: left_edit, placements: left.placements } }
        both: { paste: { into: one, images: right_edit, placements: right.placements, originals: right } }
      outputs: [both]
      """, to: "two.yaml")
    let outcome = try repository.run("run", "two.yaml", "--json")
    try #require(outcome.status == 0, "\(outcome)")
    #expect(try repository.run("export", "two.yaml", "both", "--to", "files").status == 0)
    let data = try repository.data("files/both/two.png")
    let (before, after) = (try Image(decoding: file, name: "two"), try Image(decoding: data, name: "two"))
    var changed = (inside: 0, outside: 0)
    for y in 0..<2000 {
      for x in 0..<3000 where before[x, y] != after[x, y] {
        let isLeft = (500..<1100).contains(x) && (550..<1150).contains(y)
        let isRight = (1980..<2700).contains(x) && (320..<920).contains(y)
        if isLeft || isRight { changed.inside += 1 } else { changed.outside += 1 }
      }
    }
    #expect(changed.outside == 0 && changed.inside > 100_000, "\(changed)")
    // What the camera said is still there, and how the picture was made.
    let metadata = try PictureMetadata(ofFile: [UInt8](data), name: "two")
    #expect(try metadata == PictureMetadata(ofFile: [UInt8](file), name: "two") && metadata.exif != nil)
    let report = try repository.run("inspect", "files/both/two.png")
    #expect(report.status == 0)
    for line in [
      "picture: 3000×2000\n", "EXIF: ", "color profile: 588 bytes\n", "made: recipe: two\n", "made: kind: paste\n",
      "made: stage: both\n",
    ] { #expect(report.output.contains(line), "\(report.output)") }
    #expect(!report.output.contains(repository.folder) && !report.output.contains("two.jpg"))
    let key = try #require(repository.run("inspect", "files/both/two.png", "--json").lines[0]["made"]?["key"]?.string)
    #expect(try repository.text(repository.latest("two") + "/actions.json").contains(key))

    #expect(
      try repository.run("export", "two.yaml", "both", "--to", "small", "--format", "jpeg", "--quality", "60").status
        == 0)
    let small = try repository.data("small/both/two.jpg")
    #expect(small.count < data.count / 4)
    #expect(try PictureMetadata(ofFile: [UInt8](small), name: "two") == metadata)
    // Without being asked for, nothing of it is kept.
    try repository.write(repository.text("two.yaml").replacing(", metadata: keep", with: ""), to: "two.yaml")
    #expect(try repository.run("run", "two.yaml").status == 0)
    #expect(try repository.run("export", "two.yaml", "both", "--to", "plain").status == 0)
    #expect(try PictureMetadata(ofFile: [UInt8](repository.data("plain/both/two.png")), name: "two") == .none)
  }

  @Test func whatDoesNotFitIsToldOfItsPictureAlone() throws {
    let repository = try Repository(
      """
      recipe: parts
      stages:
        photos: { load: { images: photos/*.png } }
        parts: { crop: { images: photos, box: [4, 4, 20, 20] } }
        masks: { load: { masks: masks/*.png } }
        back: { paste: { into: photos, images: parts, placements: parts.placements, mask: masks } }
      outputs: [back]
      """)
    for name in ["photos", "masks"] {
      try FileManager.default.createDirectory(atPath: repository.path(name), withIntermediateDirectories: true)
    }
    func add(_ name: String, side: Int, mask: Image) throws {
      try repository.write(Image(width: side, height: side, color: Color(0x336699)).pngData(), to: "photos/\(name).png")
      try repository.write(mask.pngData(), to: "masks/\(name).png")
    }
    try add("ada", side: 32, mask: Image(width: 16, height: 16, color: .white))
    try add("bob", side: 32, mask: Image(width: 8, height: 16, color: .white))
    try add("cyd", side: 32, mask: Image(width: 16, height: 16, color: .black))
    let tests = Self.root.appending(path: "Tests/ImagingTests/Fixtures")
    // Gray ones, and those that one can look through, are pictures like others; here they are too small.
    for name in ["gray", "rgba", "gray-alpha"] {
      try repository.write(Data(contentsOf: tests.appending(path: "\(name).png")), to: "photos/\(name).png")
      try repository.write(Image(width: 16, height: 16, color: .white).pngData(), to: "masks/\(name).png")
    }
    let checked = try repository.run("check", "recipe.yaml")
    #expect(checked.status == 2)
    #expect(
      checked.errors.contains(
        "recipe.yaml:4:3: error: stage 'parts': 'box' reaches beyond 'gray', which is 13×9: give one inside of it, or leave the picture out"
      ), "\(checked.errors)")
    for name in ["gray", "rgba", "gray-alpha"] {
      try repository.write(
        Image(decoding: Data(contentsOf: tests.appending(path: "\(name).png")), name: name)
          .resized(width: 40, height: 30, filter: .bicubic).pngData(), to: "photos/\(name).png")
    }
    let outcome = try repository.run("run", "recipe.yaml", "--keep-going")
    #expect(outcome.status == 2)
    for message in [
      "failed on 'bob': mask 'bob' is 8×16, the picture 16×16: make the mask of the same pictures",
      "failed on 'cyd': mask 'cyd' is empty: nothing would be edited; choose another region, or leave the picture out",
    ] { #expect(outcome.errors.contains(message), "\(outcome.errors)") }
    let plan = try #require(repository.run("plan", "recipe.yaml", "--json").lines[0]["actions"]?.array)
    let back = plan.filter { $0["stage"] == "back" }
    #expect(back.filter { $0["status"] == "cached" }.count == 4 && back.count == 6)
  }

  @Test func sizesAndQualityAreChecked() throws {
    let repository = try Repository("recipe: r\nstages:\n  p: { load: { images: faces/*.png, size: 16 } }\n")
    for size in ["[16]", "[16, 7]", "[16, 16, 16]", "wide", "16.5"] {
      try repository.write(
        "recipe: r\nstages:\n  p: { load: { images: faces/*.png, size: \(size) } }\n", to: "bad.yaml")
      let outcome = try repository.run("check", "bad.yaml")
      #expect(outcome.status == 2)
      #expect(
        outcome.errors.contains(
          "'size' of 'load' must be a whole number, or [width, height], each from 8 to 4096, not "), "\(outcome.errors)"
      )
    }
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    for options in [
      ["--quality", "50"], ["--format", "jpeg", "--quality", "0"], ["--format", "jpeg", "--quality", "x"],
    ] {
      #expect(try repository.run(["export", "recipe.yaml", "p", "--to", "x"] + options).status == 64)
    }
    // A square is the same by one number and by two; other sizes are other actions.
    try repository.write(
      "recipe: r\nstages:\n  p: { load: { images: faces/*.png, size: [16, 16] } }\n", to: "same.yaml")
    #expect(try repository.run("plan", "same.yaml").output.contains("3 cached, 0 to run"))
    let report = try repository.run("inspect", "faces/ada.png")
    let bytes = try repository.data("faces/ada.png").count
    #expect(report.status == 0 && report.output == "faces/ada.png: PNG, \(bytes) bytes\npicture: 24×24\n")
  }
}
