import Foundation
import Imaging
import Testing

/// `gallery`: runs as a page to be checked in.
struct GalleryTests {
  @Test func aPageOfFiguresAndTables() throws {
    let repository = try WholeRecipe.finishedCopy()
    let outcome = try repository.run("gallery", "runs/whole", "--to", "gallery", "--title", "In little")
    #expect(outcome.status == 0, "\(outcome)")
    #expect(
      outcome.output == """
        gallery/whole-sheet.jpg
        gallery/whole-curves.jpg
        gallery/README.md

        """)
    let page = try repository.text("gallery/README.md")
    #expect(page.hasPrefix("# In little\n\n## whole\n\nEvery kind of stage, in little.\n\n| name | mae |"))
    #expect(page.contains("\n![whole-sheet](whole-sheet.jpg)\n"))
    #expect(page.hasSuffix("\n\nHeld: 1 expectation.\n"))
    for name in ["sheet", "curves"] {
      let path = repository.path("gallery/whole-\(name).jpg")
      let picture = try Image(decoding: Data(contentsOf: URL(filePath: path)), name: name)
      #expect(picture.width <= 800 && picture.width > 300)
    }
  }

  @Test func whatDidNotHoldIsSaid() throws {
    let repository = try WholeRecipe.finishedCopy()
    #expect(try repository.run("run", "recipe.yaml", "--set", "limit=< 0").status == 3)
    #expect(try repository.run("gallery", "runs/whole", "--to", "gallery").status == 0)
    let page = try repository.text("gallery/README.md")
    #expect(page.contains("Not held, of 1 expectation:\n\n- `scores`: mae \\< 0, but 0."))
  }

  @Test func onlyRunsHaveAPlaceInIt() throws {
    let repository = try WholeRecipe.finishedCopy()
    let outcome = try repository.run("gallery", "runs/whole", "faces", "--to", "gallery")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors
        == "faces is no run: name a recipe, an ID or a tag, as `diffusionclip runs list` shows them, or the folder of a run\n"
    )
    #expect(!FileManager.default.fileExists(atPath: repository.path("gallery")))
  }
}
