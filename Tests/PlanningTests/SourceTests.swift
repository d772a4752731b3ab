import ArtifactStore
import Foundation
import Planning
import StageKit
import Testing

/// Path parameters: what they find, and how they fail.
struct SourceTests {
  private let folder: RecipeFolder

  init() throws {
    folder = try RecipeFolder(
      "base.pt", "clip/model.pt", "clip/vocab.json", "clip/.hidden", "clip/deep/x", "faces/b.png", "faces/a.png",
      "faces/.c.png", "faces/10.jpg", "faces/[x].png", "other/d.v2.png", "\u{E9}/\u{E9}1.png")
  }

  private func source(_ parameter: String, _ text: String) throws -> PlannedSource? {
    try folder.plan(stages: "a: { load: { \(parameter): \(text) } }")["a"]?.sources[parameter]
  }

  private func error(_ parameter: String, _ text: String) throws -> [String] {
    try folder.errors(stages: "a: { load: { \(parameter): \(text) } }").split(separator: "\n").map(String.init)
      .filter { !$0.hasPrefix("   3 |") && !$0.hasPrefix("     |") }
  }

  @Test func oneFile() throws {
    let expected = PlannedSource(form: .file, files: [.init(name: "d.v2", path: "\(folder.path)/other/d.v2.png")])
    #expect(try source("images", "other/d.v2.png") == expected)
    #expect(try source("images", "./other/d.v2.png") == expected)
    #expect(try source("images", "other/./d.v2.png") == expected)
    #expect(try source("images", "\(folder.path)/other/d.v2.png") == expected)
    #expect(try source("images", "../\(URL(filePath: folder.path).lastPathComponent)/other/d.v2.png") == expected)
  }

  @Test func folderGivesItsFiles() throws {
    #expect(
      try source("clip", "clip")
        == PlannedSource(
          form: .folder,
          files: [
            .init(name: "model.pt", path: "\(folder.path)/clip/model.pt"),
            .init(name: "vocab.json", path: "\(folder.path)/clip/vocab.json"),
          ]))
    #expect(try source("clip", "base.pt")?.form == .file)
  }

  @Test(arguments: [
    ("faces/*.png", ["[x]", "a", "b"]), ("faces/?.png", ["a", "b"]), ("faces/[ab].png", ["a", "b"]),
    ("faces/[!b].*", ["a"]), ("faces/[a-z].png", ["a", "b"]), ("faces/.c*", [".c"]), ("*/*.jpg", ["10"]),
    ("*s/*.png", ["[x]", "a", "b"]), ("faces/1*0.jpg", ["10"]), ("faces/*a*.*", ["a"]), ("\u{E9}/?1.png", ["\u{E9}1"]),
    // A path that exists is no pattern.
    ("faces/[x].png", ["[x]"]), ("faces/[[]x].png", ["[x]"]),
    ("faces/*.{png,jpg}", ["10", "[x]", "a", "b"]), ("faces/{a,b}.png", ["a", "b"]),
    ("{faces,other}/{a*,d*}.png", ["a", "d.v2"]),
    ("faces/{[ab],{1,2}0}.*", ["10", "a", "b"]), ("faces/{*,a}.png", ["[x]", "a", "b"]),
  ])
  func globs(pattern: String, names: [String]) throws {
    #expect(try source("images", "\"\(pattern)\"")?.files.map(\.name) == names)
  }

  /// Only what the recipe writes is a pattern, not the folder that it stands in.
  @Test func theFolderOfTheRecipeIsLiteral() throws {
    for name in ["proj [v2]", "proj 2", "p*", "{a,b}", "a"] {
      try folder.add("\(name)/pics/\(name.utf8.count).png")
      try folder.add(
        "\(name)/r.yaml",
        Data(
          "recipe: r\nstages: { a: { load: { images: pics/*.png } }, b: { load: { images: ../a/pics/1.png } } }".utf8))
    }
    for name in ["proj [v2]", "proj 2", "p*", "{a,b}", "a"] {
      let plan = try Planner.plan(recipeAt: "\(folder.path)/\(name)/r.yaml", kinds: TestKinds.all)
      #expect(plan["a"]?.sources["images"]?.files.map(\.path) == ["\(folder.path)/\(name)/pics/\(name.utf8.count).png"])
      #expect(plan["b"]?.sources["images"]?.files.map(\.path) == ["\(folder.path)/a/pics/1.png"])
    }
  }

  @Test func lettersAreScalars() throws {
    try folder.add("marks/e\u{301}.png")
    try folder.add("marks/\u{E9}.png")
    try folder.add("marks/._x.png")
    try folder.add("marks/*.txt")
    try folder.add("marks/b.txt")
    func found(_ pattern: String) throws -> [[UInt8]]? {
      try source("images", "\"\(pattern)\"")?.files.map { Array($0.name.utf8) }
    }
    #expect(try found("marks/?.png") == [Array("\u{E9}".utf8)])
    #expect(try found("marks/e*.png") == [Array("e\u{301}".utf8)])
    // Items of names that are the same letters would be taken for each other.
    #expect(try error("images", "marks/*.png")[0].contains("their names differ only in how letters are composed"))
    #expect(try found("marks/[*].txt") == [Array("*".utf8)])
    #expect(
      try error("images", "\"marks/*.txt\"") == [
        "r.yaml:3:24: error: 'marks/*.txt' is a file and matches 1 more in 'images' of 'load'",
        "     help: write 'marks/[*].txt' for the file alone",
      ])
  }

  @Test func whatIsNoFileIsNotLeftOut() throws {
    try folder.add("mixed/a.png")
    let link = "\(folder.path)/mixed/b.png"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "gone/b.png")
    let dangling = [
      "r.yaml:3:24: error: 'mixed/*.png' in 'images' of 'load' takes a link to what is not there: mixed/b.png -> gone/b.png",
      "     help: repair the link, or remove it: mixed/b.png",
    ]
    #expect(try error("images", "mixed/*.png") == dangling)
    #expect(try error("images", "mixed/b.png")[0].contains("takes a link to what is not there"))
    #expect(try error("clip", "mixed")[0].contains("takes a link to what is not there"))
    try FileManager.default.removeItem(atPath: link)
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "a.png")
    #expect(try source("images", "mixed/*.png")?.files.count == 2)
    try FileManager.default.removeItem(atPath: link)
    #expect(mkfifo(link, 0o600) == 0)
    #expect(try error("images", "mixed/*.png")[0].contains("takes a named pipe (FIFO), not a plain file: mixed/b.png"))
    try FileManager.default.removeItem(atPath: link)
    let bytes: [CChar] =
      Array("\(folder.path)/mixed/caf".utf8CString.dropLast()) + [CChar(truncatingIfNeeded: 0xE9)]
      + Array(".png".utf8CString)
    let file = open(bytes, O_CREAT | O_WRONLY, 0o600)
    try #require(file >= 0)
    close(file)
    #expect(
      try error("images", "mixed/*.png") == [
        "r.yaml:3:24: error: the name of the file caf\\xE9.png, which 'mixed/*.png' takes in 'images' of 'load', is not UTF-8",
        "     help: rename it: mixed/caf\\xE9.png",
      ])
    unlink(bytes)
  }

  @Test func helpForAFolderTakesAllItsPictures() throws {
    for name in ["1.png", "2.png", "3.JPG", "4.jpeg", "notes.txt", ".hidden.png"] {
      try folder.add("photos [1]/\(name)")
    }
    #expect(
      try error("images", "\"photos [1]\"") == [
        "r.yaml:3:24: error: 'photos [1]' is a folder, not a file, in 'images' of 'load'",
        "     help: name files in it: 'photos [[]1]/*.{JPG,jpeg,png}' takes 4 of its 5 files, and leaves out notes.txt",
      ])
    #expect(try source("images", "\"photos [[]1]/*.{JPG,jpeg,png}\"")?.files.count == 4)
    try folder.add("texts/a.txt")
    #expect(
      try error("images", "texts")[1] == "     help: it has no file that ends in jpeg, jpg, png")
  }

  @Test func bracesAreBounded() throws {
    let many = String(repeating: "{a,b}", count: 30)
    #expect(try error("images", "\"\(many)\"")[0].contains("stands for more than 1000 patterns"))
    #expect(
      try error("images", "\"faces/{a,c}.png\"")[0].contains("no such file 'faces/c.png'"),
      "what is written out is there")
  }

  @Test func mappingFollowsTheForm() throws {
    #expect(try source("images", "faces/a.png")?.form == .file)
    #expect(try source("images", "[faces/a.png]")?.form == .several)
    #expect(try source("images", "[other/*.png, faces/b.png]")?.files.map(\.name) == ["b", "d.v2"])
    let plan = try folder.plan(
      stages: """
        one: { load: { images: faces/a.png } }
        listed: { load: { images: [faces/a.png] } }
        model: { load: { diffusion: base.pt } }
        """)
    #expect(plan["one"]?.mapping == .whole)
    #expect(plan["listed"]?.mapping == .files(of: "images"))
    #expect(plan["model"]?.mapping == .whole)
  }

  @Test(
    arguments: [
      ("diffusion", "bsae.pt", "no such file 'bsae.pt'", ["did you mean 'base.pt'?", "looked for bsae.pt"]),
      (
        "images", "faces/a.jpg", "no such file 'faces/a.jpg'",
        ["did you mean 'faces/a.png'?", "looked for faces/a.jpg"]
      ),
      (
        "images", "face/*.png", "no such file 'face/*.png'", ["did you mean 'faces/*.png'?", "there is no folder face"]
      ),
      // A folder is suggested where the path goes on in it.
      ("images", "face/new/*.png", "no such file 'face/new/*.png'", ["there is no folder face"]),
      ("images", "other/*.pgn", "no file matches 'other/*.pgn'", ["the folder other has d.v2.png"]),
      (
        "images", "\"~/*.png\"", "no such file '~/*.png'",
        ["'~' is not expanded: write the path from the recipe's folder, or an absolute one"]
      ),
      (
        "images", "faces", "'faces' is a folder, not a file,",
        ["name files in it: 'faces/*.{jpg,png}' takes all its 4 files"]
      ),
      ("diffusion", "clip", "'clip' is a folder, not a file,", ["name a file in it"]),
      ("diffusion", "base.pt/x", "no such file 'base.pt/x'", ["base.pt is not a folder"]),
      ("diffusion", "/nowhere/x", "no such file '/nowhere/x'", ["there is no folder /nowhere"]),
      ("images", "faces/**", "'**' is not supported", ["a * stands for names in one folder: '*/*.png'"]),
    ] as [(String, String, String, [String])])
  func notFound(parameter: String, path: String, message: String, help: [String]) throws {
    let column = 16 + parameter.count + 2
    #expect(
      try error(parameter, path) == ["r.yaml:3:\(column): error: \(message) in '\(parameter)' of 'load'"]
        + help.map { "     help: \($0)" })
  }

  @Test func noFileAtAll() throws {
    #expect(try error("clip", "''") == ["r.yaml:3:22: error: the path in 'clip' of 'load' is empty"])
    #expect(try error("images", "[]") == ["r.yaml:3:24: error: 'images' of 'load' names no file"])
    #expect(
      try error("images", "3") == [
        "r.yaml:3:24: error: 'images' of 'load' must be a path, a glob such as faces/*.png, {url: …, sha256: …}, "
          + "or a list of those, not 3"
      ])
    #expect(
      try error("images", "[faces/a.png, 3]") == [
        "r.yaml:3:38: error: a path in 'images' of 'load' must be a text, not 3"
      ])
    try FileManager.default.createDirectory(atPath: "\(folder.path)/empty", withIntermediateDirectories: true)
    #expect(
      try error("images", "empty/*.png") == [
        "r.yaml:3:24: error: no file matches 'empty/*.png' in 'images' of 'load'",
        "     help: the folder empty is empty",
      ])
    #expect(
      try error("clip", "empty") == [
        "r.yaml:3:22: error: the folder 'empty' in 'clip' of 'load' has no files", "     help: looked in empty",
      ])
  }

  @Test func twoFilesOfOneName() throws {
    try folder.add("faces/a.jpg")
    #expect(
      try folder.errors(stages: "a: { load: { images: faces/* } }") == """
        r.yaml:3:24: error: two files would be the item 'a' in 'images' of 'load'
           3 |   a: { load: { images: faces/* } }
             |                        ^
             help: they are faces/a.jpg and faces/a.png: rename one, or load them apart
        """)
    #expect(
      try error("images", "[faces/b.png, faces/*.png]") == [
        "r.yaml:3:38: error: 'images' of 'load' names a file twice", "     help: it is faces/b.png",
      ])
  }

  @Test func recipeBehindALinkFindsItsFiles() throws {
    let link = folder.path + "-link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.path)
    defer { try? FileManager.default.removeItem(atPath: link) }
    try folder.add("sub/r.yaml", Data("recipe: r\nstages: { a: { load: { images: ../faces/a.png } } }".utf8))
    let plan = try Planner.plan(recipeAt: "\(link)/sub/r.yaml", kinds: TestKinds.all)
    #expect(plan.file == "\(folder.path)/sub/r.yaml")
    #expect(plan.stages[0].sources["images"]?.files[0].path == "\(folder.path)/faces/a.png")
  }

  @Test func recipeIsNamedFromTheCurrentFolder() throws {
    try folder.add("r.yaml", Data("recipe: r\nstages: { a: { load: { images: faces/a.png } } }".utf8))
    let current = URL(filePath: FileManager.default.currentDirectoryPath).resolvingSymlinksInPath()
    let toRoot = String(repeating: "../", count: current.pathComponents.count - 1)
    let relative = toRoot + folder.path.dropFirst() + "/r.yaml"
    let plan = try Planner.plan(recipeAt: relative, kinds: TestKinds.all)
    #expect(plan.file == "\(folder.path)/r.yaml")
    #expect(plan.stages[0].location.file == relative)
    #expect(plan.stages[0].sources["images"]?.files[0].path == "\(folder.path)/faces/a.png")
  }

  // MARK: Downloads

  private static let pin = String(repeating: "a0", count: 32)

  @Test func aDownloadIsKnownByItsDigest() throws {
    let found = try source("diffusion", "{ url: \"https://a.org/deep/b%20c.pt?x=1#y\", sha256: \(Self.pin) }")
    let digest = try #require(Digest(hex: Self.pin))
    let place = SourcePath.Place.url("https://a.org/deep/b%20c.pt?x=1#y", sha256: digest)
    #expect(found == PlannedSource(form: .file, files: [.init(name: "b c", place: place)]))
  }

  @Test func severalDownloadsAreAFolder() throws {
    let list = ["model.pt", "vocab.json"].map { "{ url: \"http://a.org/\($0)\", sha256: \(Self.pin) }" }
    let found = try source("clip", "[\(list.joined(separator: ", "))]")
    #expect(found?.form == .folder)
    #expect(found?.files.map(\.name) == ["model.pt", "vocab.json"])
    #expect(try source("images", "[faces/a.png, \(list[1])]")?.files.map(\.name) == ["a", "vocab"])
  }

  @Test(arguments: [
    ("{ url: \"https://a.org/b\" }", "needs both 'url' and 'sha256'"),
    ("{ url: \"https://a.org/b\", sha256: \(pin), size: 0 }", "must be how many bytes the file has, not 0"),
    ("{ url: \"https://a.org/b\", sha256: \(pin), size: 1e3 }", "must be how many bytes the file has, not 1e3"),
    ("{ url: \"https://a.org/b\", sha256: \(pin), size: 9223372036854775807 }", "must be how many bytes the file has"),
    ("{ sha256: a0 }", "needs both 'url' and 'sha256'"),
    ("{ url: \"https://a.org/b\", sha256: a0 }", "must be 64 hexadecimal digits, not the text 'a0'"),
    ("{ url: \"ftp://a.org/b\", sha256: \(pin) }", "must be an address that starts with https:// or http://"),
    ("{ url: b.pt, sha256: \(pin) }", "must be an address that starts with https:// or http://"),
    ("{ url: \"https://ann:secret@a.org/b\", sha256: \(pin) }", "holds a user's name or password"),
    ("{ url: \"https://a.org/\", sha256: \(pin) }", "names no file"),
    ("{ url: \"https://a.org/b/..\", sha256: \(pin) }", "names no file"),
    ("{ uri: \"https://a.org/b\", sha256: \(pin) }", "unknown 'uri'"),
    ("[{ url: \"https://a.org/b\", sha256: \(pin) }, base.pt]", "must be the path of a file, or {url: …, sha256: …}"),
  ])
  func downloadsThatAreNone(text: String, message: String) throws {
    #expect(try error("diffusion", text).contains { $0.contains(message) })
  }

  /// A folder that is called like a file of the pattern was hardly meant to be left out.
  @Test func aFolderCalledLikeAFileIsNamed() throws {
    for name in ["a.png", "sub.png/x.png", "deep/y.png"] { try folder.add("sorted/\(name)") }
    #expect(
      try error("images", "sorted/*.png") == [
        "r.yaml:3:24: error: 'sorted/*.png' in 'images' of 'load' takes a folder, not a file: sorted/sub.png",
        "     help: rename it, or move it elsewhere: sorted/sub.png",
      ])
    #expect(try error("images", "\"sorted/*.{jpg,png}\"")[0].contains("takes a folder, not a file: sorted/sub.png"))
    for pattern in ["sorted/*", "sorted/*.*"] {
      #expect(try source("images", pattern)?.files.map(\.name) == ["a"])
    }
    #expect(try source("images", "sorted/*/*.png")?.files.map(\.name) == ["x", "y"])
  }
}
