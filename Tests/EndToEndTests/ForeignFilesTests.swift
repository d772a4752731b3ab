import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import Testing

/// What lies in a checkout, and may have come with it, leads nowhere else and is not waited for.
struct ForeignFilesTests {
  private static let recipe = """
    recipe: small
    stages:
      faces: { load: { images: faces/*.png, size: 16 } }
      sheet: { figure: { rows: { faces: faces } } }
    outputs: [sheet, faces]
    """

  /// Something that was done.
  private static let finished = Result {
    let repository = try Repository(recipe)
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    try #require(try repository.run("plan", "recipe.yaml", "--out", "plan.json").status == 0)
    return repository
  }

  private static func finishedCopy() throws -> Repository {
    let original = try finished.get()
    let copy = try Repository(copying: original)
    // What the store and the plan tell of the recipe is told of the one here.
    for file in ["plan.json"] + copy.names(in: ".diffusionclip/runs").map({ ".diffusionclip/runs/\($0)" }) {
      try copy.write(try copy.text(file).replacing(original.folder, with: copy.folder), to: file)
    }
    return copy
  }

  private static let commands = [
    ["plan", "recipe.yaml"], ["show", "recipe.yaml", "sheet"], ["verify"],
    ["export", "recipe.yaml", "sheet", "--to", "exported"],
    ["compare", "runs/small", "small", "--page", "compared.html"],
    ["gallery", "runs/small", "--to", "page"], ["runs", "list"], ["runs", "show", "small", "--page", "page.html"],
    ["runs", "tag", "small", "seen"], ["run", "recipe.yaml"],
    ["exec", "--plan", "plan.json", "--action", "sheet"], ["exec", "--plan", "plan.json", "--finish"],
    ["push", "recipe.yaml", "--cache", "http://127.0.0.1:9"], ["gc", "--keep", "0", "--grace", "0"],
    ["verify", "--repair"], ["run", "recipe.yaml", "--force", "sheet"], ["runs", "tag", "small", "--remove", "seen"],
    ["runs", "remove", "--keep", "0"],
  ]

  /// What somebody may put in a file's or a folder's place.
  enum Plant: String, CaseIterable {
    case linkToFile, linkToFolder, danglingLink, pipe, socket, hardLink, device, folder

    /// - Parameter outside: a folder that nothing may be changed in.
    func put(at path: String, outside: String) throws {
      let files = FileManager.default
      try? files.removeItem(atPath: path)
      try files.createDirectory(
        atPath: path.parentFolder, withIntermediateDirectories: true)
      switch self {
      case .linkToFile: try files.createSymbolicLink(atPath: path, withDestinationPath: outside + "/file")
      case .linkToFolder: try files.createSymbolicLink(atPath: path, withDestinationPath: outside)
      case .danglingLink: try files.createSymbolicLink(atPath: path, withDestinationPath: outside + "/none")
      case .pipe: try #require(mkfifo(path, 0o666) == 0)
      case .socket: try #require(mknod(path, S_IFSOCK | 0o666, 0) == 0)
      case .hardLink: try files.linkItem(atPath: outside + "/file", toPath: path)
      case .device: try #require(mknod(path, S_IFCHR | 0o666, 0x103) == 0 || geteuid() != 0)
      case .folder: try files.createDirectory(atPath: path, withIntermediateDirectories: false)
      }
    }
  }

  /// Everything in a folder: bytes, mode and times.
  private func snapshot(_ folder: String) throws -> [String: String] {
    var found: [String: String] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder) + ["."] {
      var status = stat()
      try #require(lstat("\(folder)/\(name)", &status) == 0)
      let bytes = FileManager.default.contents(atPath: "\(folder)/\(name)")?.base64EncodedString() ?? ""
      found[name] = "\(status.st_mode) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(bytes)"
    }
    return found
  }

  /// Names in a store for which there may be something else: an object, a record, and what work leaves.
  private static let places = [
    "OBJECT", "RECORD", "objects", "objects/SHELF", "actions/SHELF", "attempts", "attempts/12-345", "attempts/12-345/x",
    "receipts", "receipts/PLAN", "submissions/PLAN", "state/KEY", "quarantine/OBJECTNAME", "quarantine",
    "downloads/OBJECTNAME", "downloads/OBJECTNAME.part", "locks/store", "locks/KEY", "runs/REGISTERED", "index",
    "sources",
    "RUNS/small", "RUNS/small/latest", "RUNS/small/ID", "RUNS/small/ID/sheet.png", "RUNS/small/ID/faces",
    "RUNS/small/ID/faces/ada.png", "RUNS/small/ID/run.json", "RUNS/small/ID/report.html", "RUNS/small/run.json",
  ]

  @Test(arguments: places) func nothingOutsideIsTouched(_ place: String) throws {
    let original = try Self.finished.get()
    let object = try #require(
      original.json("\(original.latest("small"))/run.json")["artifacts"]?.array?.last?["items"]?.array?.first)
    let digest = try #require(object["object"]?.string)
    let key = try #require(
      original.json("\(original.latest("small"))/actions.json")["actions"]?.array?.first?["key"]?.string)
    // Every kind of thing where bytes are read, written and removed; elsewhere the harmful ones.
    let isFile = ["OBJECT", "downloads/OBJECTNAME.part", "RUNS/small/ID/sheet.png"].contains(place)
    for plant in isFile ? Plant.allCases : [.linkToFolder, .linkToFile, .pipe] {
      let repository = try Self.finishedCopy()
      let outside = repository.folder + "-outside"
      for name in ["", "/faces", "/ab"] {
        try FileManager.default.createDirectory(atPath: outside + name, withIntermediateDirectories: true)
      }
      for name in ["file", "faces/old.png", "x", "sheet.png", "run.json", "ab/\(digest)"] {
        try Data("\(name) of the user".utf8).write(to: URL(filePath: "\(outside)/\(name)"))
      }
      // As a run would have it that wrote more than the next one will.
      let run = repository.latest("small")
      var record = try repository.text("\(run)/run.json")
      record.replace("\"files\": [", with: "\"files\": [\"faces/old.png\", \"../small/../../x\", ")
      try repository.write(record, to: "\(run)/run.json")
      let store = repository.path(".diffusionclip")
      let registered = try #require(repository.names(in: ".diffusionclip/runs").first)
      let path =
        switch place {
        case "OBJECT": "\(store)/objects/\(digest.prefix(2))/\(digest)"
        case "RECORD": "\(store)/actions/\(key.prefix(2))/\(key)"
        case "objects/SHELF": "\(store)/objects/\(digest.prefix(2))"
        case "actions/SHELF": "\(store)/actions/\(key.prefix(2))"
        case let name where name.hasPrefix("RUNS"):
          repository.path("runs" + name.dropFirst(4).replacing("ID", with: run.fileName))
        default:
          store + "/"
            + place.replacing("PLAN", with: key).replacing("KEY", with: key)
            .replacing("OBJECTNAME", with: digest).replacing("REGISTERED", with: registered)
        }
      try plant.put(at: path, outside: outside)
      let before = try snapshot(outside)
      let few = [
        ["run", "recipe.yaml"], ["verify", "--repair"], ["gc", "--keep", "0", "--grace", "0"], ["runs", "list"],
        ["runs", "remove", run.fileName],
      ]
      for command in plant == .linkToFolder ? Self.commands : few {
        let outcome = try repository.start(command).outcome(within: 20)
        let what: Comment = "\(plant) at \(place), \(command.joined(separator: " ")): \(outcome)"
        #expect((0...2).contains(outcome.status), what)
        #expect(outcome.status == 0 || !outcome.errors.isEmpty || !outcome.output.isEmpty, what)
        #expect(try snapshot(outside) == before, what)
      }
    }
  }

  @Test(arguments: Plant.allCases) func inAFolderThatIsNotOurs(_ plant: Plant) throws {
    for place in [".diffusionclip", "runs"] {
      let repository = try Self.finishedCopy()
      let outside = repository.folder + "-outside"
      try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
      try Data("the user's".utf8).write(to: URL(filePath: outside + "/file"))
      try plant.put(at: repository.path(place), outside: outside)
      let before = try snapshot(outside)
      for command in Self.commands {
        let outcome = try repository.start(command).outcome(within: 20)
        #expect((0...2).contains(outcome.status), "\(plant) \(place) \(command) \(outcome)")
        #expect(try snapshot(outside) == before, "\(plant) \(place) \(command)")
        if plant == .linkToFolder, place == "runs", command == ["run", "recipe.yaml"] {
          #expect(outcome.status == 2 && outcome.errors.contains("\(place) is a symbolic link"), "\(outcome)")
        }
      }
    }
  }

  @Test func aLinkInAStoreIsNamedAndTakenOut() throws {
    let repository = try Self.finishedCopy()
    let object = try #require(
      repository.json("\(repository.latest("small"))/run.json")["artifacts"]?.array?.last?["items"]?.array?.first)
    let digest = try #require(object["object"]?.string)
    let path = repository.path(".diffusionclip/objects/\(digest.prefix(2))/\(digest)")
    try Plant.linkToFile.put(at: path, outside: repository.folder)
    let run = try repository.run("run", "recipe.yaml")
    #expect(run.status == 2)
    #expect(run.errors.contains("\(path) is a symbolic link: none is followed in a store"))
    let verified = try repository.run("verify")
    #expect(verified.status == 1 && verified.output.contains("\(digest) is damaged"), "\(verified)")
    #expect(try repository.run("verify", "--repair").status == 0)
    #expect(try repository.run("run", "recipe.yaml").status == 0)
  }

  // MARK: Whose store it is

  @Test(arguments: ["sha1", "sha256"], [2, 4]) func aStoreThatGitTracksIsNotBelieved(
    _ format: String, _ version: Int
  )
    throws
  {
    let repository = try Self.finishedCopy()
    try FileManager.default.removeItem(atPath: repository.path(".git"))
    try repository.git("init", "--object-format=\(format)")
    try repository.git("add", ".")
    try repository.git("update-index", "--index-version", "\(version)")
    #expect(try repository.run("run", "recipe.yaml").status == 0, "a store keeps itself out of git")
    try repository.git("add", "--force", ".")
    try repository.git("update-index", "--index-version", "\(version)")
    for command in Self.commands where !["compare", "gallery", "runs"].contains(command[0]) {
      let outcome = try repository.run(command)
      #expect(outcome.status == 2, "\(command): \(outcome)")
      #expect(
        outcome.errors.hasPrefix(
          "the store \(repository.path(".diffusionclip")) came with the repository: git tracks it"),
        "\(command): \(outcome.errors)")
    }
    #expect(try repository.run("run", "recipe.yaml", "--store", ".diffusionclip").status == 0)
    let named = ["DIFFUSIONCLIP_STORE": repository.path(".diffusionclip")]
    #expect(try repository.run(["run", "recipe.yaml"], with: named).status == 0)
  }

  /// What git says in ways that are seldom met: the store is refused where it is tracked, and where nobody can tell.
  @Test func aStoreThatGitTracksInAnIndexOfAnotherKind() throws {
    let repository = try Self.finishedCopy()
    try FileManager.default.removeItem(atPath: repository.path(".git"))
    try repository.git("init")
    try repository.git("add", "--force", ".")
    try repository.git("update-index", "--split-index")
    try repository.write("x", to: "more")
    try repository.git("add", "more")
    #expect(repository.names(in: ".git").contains { $0.begins(with: "sharedindex.") })
    let split = try repository.run("run", "recipe.yaml")
    #expect(split.status == 2 && split.errors.contains("git tracks it"), "\(split)")

    for name in repository.names(in: ".git") where name.begins(with: "sharedindex.") {
      try FileManager.default.removeItem(atPath: repository.path(".git/\(name)"))
    }
    let counted: [UInt8] = Array("DIRC".utf8) + [0, 0, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 20)
    let later: [UInt8] = Array("DIRC".utf8) + [0, 0, 0, 9, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 20)
    for index in [nil, counted, later, Array("DIRC".utf8), []] {
      if let index { try repository.write(Data(index), to: ".git/index") }
      let outcome = try repository.run("run", "recipe.yaml")
      #expect(outcome.status == 2 && outcome.errors.contains("whose git index cannot be read"), "\(outcome)")
    }
    #expect(try repository.run("run", "recipe.yaml", "--store", ".diffusionclip").status == 0)
  }

  /// A record of a run that came with a checkout names files of the user, and some that a run wrote and the user changed:
  /// neither the next run, which gives a run of the old form a folder of its own, nor `runs remove` touches them.
  @Test(arguments: [true, false]) func aRecordThatNamesFilesOfTheUser(_ isOld: Bool) throws {
    let repository = try Self.finishedCopy()
    let run = repository.latest("small")
    let folder = isOld ? "runs/small" : run
    let files = ["notes.txt", "sub/x.csv", ".hidden", "old.csv", "edited.csv", "../../recipe.yaml", "/etc/hostname"]
    try FileManager.default.createDirectory(
      atPath: repository.path("\(folder)/sub"), withIntermediateDirectories: true)
    for file in files.prefix(5) { try repository.write("mine", to: "\(folder)/\(file)") }
    let record = try repository.text("\(run)/run.json")
    let digests = files.map {
      let text = $0 == "old.csv" ? "mine" : "not mine"
      return $0 == "notes.txt" ? "" : "\"\($0)\": \"\(Digest(of: text).hex)\", "
    }
    let names = files.map { "\"\($0)\", " }.joined()
    try repository.write(
      record.replacing("\"files\": [", with: "\"files\": [\(names)")
        .replacing("\"digests\": {", with: "\"digests\": {\(digests.joined())"), to: "\(folder)/run.json")
    let outcome = try isOld ? repository.run("run", "recipe.yaml") : repository.run("runs", "remove", run.fileName)
    #expect(outcome.status == 0, "\(outcome)")
    #expect(repository.names(in: "\(folder)/sub") == ["x.csv"])
    for file in files.prefix(5) {
      #expect((try? repository.text("\(folder)/\(file)")) == (file == "old.csv" ? nil : "mine"), "\(file)")
    }
    #expect(try repository.text("recipe.yaml") == Self.recipe)
    if !isOld {
      #expect(repository.names(in: run) == [".hidden", "edited.csv", "notes.txt", "sub"])
      #expect(outcome.errors.contains("\(run)/notes.txt is not as the run wrote it, and stays"), "\(outcome)")
    }
  }

  /// What runs of earlier versions left is in the history, before and after the next run.
  @Test func aRunOfTheOldFormIsAdopted() throws {
    let repository = try Self.finishedCopy()
    let run = repository.latest("small")
    let files = FileManager.default
    let record = try repository.json("\(run)/run.json")
    // Such a record knows no ID, and its folder is that of the recipe.
    let members = (record.members ?? []).filter { !["id", "started", "host", "git", "changed"].contains($0.name) }
    try files.removeItem(atPath: repository.path("\(run)/events.jsonl"))
    for name in repository.names(in: run) {
      try files.moveItem(atPath: repository.path("\(run)/\(name)"), toPath: repository.path("runs/small/\(name)"))
    }
    // In the order that they had.
    let last: [JSON.Member] = [
      .init("actions", []), .init("artifacts", record["artifacts"] ?? []),
      .init("measures", [["stage": "s", "measure": "m", "mean": 1]]), .init("expectations", []),
    ]
    let old = members.filter { member in !last.contains { $0.name == member.name } } + last
    try repository.write(JSON.object(old).prettyText, to: "runs/small/run.json")
    try files.removeItem(atPath: repository.path(run))
    try files.removeItem(atPath: repository.path("runs/small/latest"))
    let digits = (record["provenance"]?["date"]?.string ?? "").filter(\.isNumber)
    let id = "\(digits.prefix(8))-\(digits.suffix(6))-000"
    #expect(try repository.run("runs", "--json").lines[0].array?.map { $0["id"]?.string } == [id])
    #expect(try repository.run("runs", "show", "small").output.contains(id))
    #expect(try repository.run("runs", "list", "--json").lines[0].array?[0]["measures"]?.members?.count == 1)
    #expect(try repository.run("compare", "runs/small", id).errors.contains("are the same run small/\(id)"))

    #expect(try repository.run("run", "recipe.yaml").status == 0)
    #expect(repository.names(in: "runs/small").count == 3 && repository.names(in: "runs/small").contains("latest"))
    #expect(
      repository.names(in: "runs/small/\(id)")
        == ["actions.json", "faces", "recipe.json", "report.html", "run.json", "sheet.png", "sheet.svg"])
    #expect(try repository.run("runs", "--json").lines[0].array?.count == 2)
  }

  /// As in a worktree or a submodule, and with marks that hide a sign from who compares characters.
  @Test(arguments: ["git", "\u{301}git", "git\u{600}"]) func aRepositoryWhoseIndexLiesElsewhere(_ name: String) throws {
    let repository = try Self.finishedCopy()
    try FileManager.default.removeItem(atPath: repository.path(".git"))
    try repository.git("init")
    try repository.git("add", "--force", ".")
    try FileManager.default.moveItem(atPath: repository.path(".git"), toPath: repository.path(name))
    try repository.write("gitdir: \(name)\n", to: ".git")
    let outcome = try repository.run("run", "recipe.yaml")
    #expect(outcome.status == 2 && outcome.errors.contains("git tracks it"), "\(outcome)")
  }

  @Test(.enabled(if: geteuid() == 0, "giving files away takes root")) func aStoreOfSomebodyElseIsNotBelieved() throws {
    let repository = try Self.finishedCopy()
    try #require(chown(repository.path(".diffusionclip"), 12345, 12345) == 0)
    let outcome = try repository.run("run", "recipe.yaml")
    #expect(outcome.status == 2 && outcome.errors.contains("belongs to another user"), "\(outcome)")
  }

  /// Whoever owns a folder in it says what is there.
  @Test(
    .enabled(if: geteuid() == 0, "giving files away takes root"),
    arguments: ["actions", "objects", "state", "runs", nil])
  func aPartOfAStoreThatIsSomebodyElsesIsNotBelieved(_ part: String?) throws {
    let repository = try Self.finishedCopy()
    let shelf = "actions/" + (repository.names(in: ".diffusionclip/actions").first ?? "")
    let name = part ?? shelf
    try #require(chown(repository.path(".diffusionclip/\(name)"), 12345, 12345) == 0)
    let outcome = try repository.run("run", "recipe.yaml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("has '\(name)' in it, which belongs to another user"), "\(outcome)")
    #expect(try repository.run("run", "recipe.yaml", "--store", ".diffusionclip").status == 0)
  }

  // MARK: Looking only

  @Test func lookingMakesNoStore() throws {
    let repository = try Repository(Self.recipe)
    let commands = [
      ["show", "recipe.yaml", "sheet"], ["export", "recipe.yaml", "sheet", "--to", "out"], ["verify"],
      ["verify", "--repair"], ["gc"], ["gc", "--dry-run"],
    ]
    for command in commands {
      let outcome = try repository.run(command)
      #expect(outcome.status == 2, "\(command): \(outcome)")
      #expect(outcome.errors.hasPrefix("there is no store at \(repository.path(".diffusionclip")): run a recipe first"))
    }
    #expect(!repository.names(in: "").contains(".diffusionclip"))
  }

  @Test(.enabled(if: SmallDisk.canBeMounted, "mounting a small disk takes root")) func aStoreThatCannotBeWritten()
    throws
  {
    let place = try Repository(Self.recipe)
    let disk = try SmallDisk(at: place.path("disk"), kilobytes: 1 << 15)
    defer { disk.unmount() }
    let repository = try Repository(copying: try Self.finished.get(), to: place.path("disk/copy"))
    let object = try #require(
      repository.json("\(repository.latest("small"))/run.json")["artifacts"]?.array?.last?["items"]?.array?.first)
    let digest = try #require(object["object"]?.string)
    try disk.makeReadOnly()
    #expect(try repository.run("show", "recipe.yaml", "sheet").status == 0)
    #expect(try repository.run("export", "recipe.yaml", "sheet", "--to", place.path("out")).status == 0)
    #expect(try repository.run("verify").output.contains("all is well"))
    _ = digest
  }

  @Test func emptyNamesAreNone() throws {
    let repository = try Repository(Self.recipe)
    for option in ["--store", "--runs"] {
      let outcome = try repository.run("run", "recipe.yaml", option, "")
      #expect(outcome.status == 64 && outcome.errors.contains("a path must not be empty"), "\(outcome)")
    }
    #expect(repository.names(in: "") == [".git", "faces", "recipe.yaml"])
  }

  @Test func numbersWithoutMeasure() throws {
    let repository = try Self.finishedCopy()
    for grace in ["9999999", "1e300", "inf"] {
      #expect(try repository.run("gc", "--grace", grace).status == 0, "\(grace)")
    }
    // Files may say that they are from any year.
    let registered = try #require(repository.names(in: ".diffusionclip/runs").first)
    for year in [Int(1e11), -Int(1e11)] {
      for file in [".diffusionclip/runs/\(registered)", "faces/ada.png"] {
        let times = [timespec(tv_sec: year, tv_nsec: 999_999_999), timespec(tv_sec: year, tv_nsec: 0)]
        try #require(utimensat(AT_FDCWD, repository.path(file), times, 0) == 0)
      }
      for command in [["gc", "--dry-run"], ["run", "recipe.yaml"], ["plan", "recipe.yaml"], ["verify"]] {
        #expect(try repository.run(command).status == 0, "\(year) \(command)")
      }
    }
  }

  @Test func aPlanDoesNotBringOtherFilesIntoAReport() throws {
    let repository = try Self.finishedCopy()
    #expect(try repository.text("\(repository.latest("small"))/report.html").contains("outputs: [sheet, faces]"))
    try repository.write("a secret", to: "secret.yaml")
    let plan = try repository.text("plan.json")
    try repository.write(plan.replacing("recipe.yaml\"", with: "secret.yaml\""), to: "other.json")
    try #require(try repository.text("other.json") != plan)
    #expect(try repository.run("exec", "--plan", "other.json", "--finish", "--runs", "others").status == 0)
    #expect(try !repository.text("\(repository.latest("small", in: "others"))/report.html").contains("a secret"))
    #expect(try repository.run("exec", "--plan", "plan.json", "--finish").status == 0)
    #expect(try repository.text("\(repository.latest("small"))/report.html").contains("outputs: [sheet, faces]"))
  }

  @Test(arguments: [0o002, 0o027, 0o077]) func modesFollowTheMask(_ mask: Int) throws {
    let repository = try Repository(Self.recipe)
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    let program = try #require(Bundle.main.executableURL).deletingLastPathComponent().appending(path: "diffusionclip")
    process.arguments = ["-c", "umask \(String(mask, radix: 8)); exec '\(program.path)' run recipe.yaml 2>&1 >out"]
    process.currentDirectoryURL = URL(filePath: repository.folder)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    let files = try FileManager.default.subpathsOfDirectory(atPath: repository.path(".diffusionclip"))
    for name in files {
      var status = stat()
      try #require(lstat(repository.path(".diffusionclip/\(name)"), &status) == 0)
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      let full = isFolder ? 0o777 : name.hasPrefix("objects/") ? 0o444 : 0o666
      #expect(Int(status.st_mode & 0o777) == full & ~mask, "\(name)")
    }
  }
}
