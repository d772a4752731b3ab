import ArtifactStore
import Escaping
import Foundation
import FoundationXML
import JSONSyntax
import StageKit
import TestSupport
import Testing

/// Hostile texts in whatever a recipe, a file's name, a run's record or a tensor's name can carry, and all that the program
/// makes of them.
struct InjectionTests {
  /// Those that the program takes for different, as it has it for names.
  private static let texts = HostileTexts.all.filter { !$0.isEmpty }.reduce(into: (all: [String](), met: Set<String>()))
  {
    if $0.met.insert($1).inserted { $0.all.append($1) }
  }.all

  private static let names = texts.filter { !$0.has("/") && !$0.begins(with: ".") && $0.utf8.count < 200 }

  /// YAML has Python's escapes.
  private static func yaml(_ text: String) -> String { Escape.python(text) }

  /// Values that are swept, each the title of a figure: what a shell, a page and a file's name would take for theirs.
  private static let swept = texts.filter { $0.has("'") || $0.has("/") || $0.has("<") || $0.has("\n") }.suffix(14)

  /// Tables with more than 199 rows are not printed.
  private static let printedCount = 150

  private static func repository() throws -> Repository {
    func rows(_ stage: String, _ texts: some Sequence<String>) -> String {
      "{ " + texts.map { "\(yaml($0)): \(stage)" }.joined(separator: ", ") + " }"
    }
    let labels = texts.filter { $0.utf8.count < 300 }
    let repository = try Repository(
      """
      recipe: hostile
      description: \(yaml(texts.joined(separator: " · ")))
      params: { text: { sweep: [\(swept.map(yaml).joined(separator: ", "))] } }
      stages:
        faces: { load: { images: faces/*.png } }
        others: { load: { images: faces/*.png } }
        scores:
          description: \(yaml(texts.joined(separator: "\n")))
          metric: { images: others, reference: faces, measures: [mae] }
          expect: { mae: "< 1" }
        means: { table: { rows: \(rows("scores", labels)) } }
        few: { table: { rows: \(rows("scores", labels.suffix(printedCount))) } }
        numbers: { load: { table: numbers.csv } }
        curves: { plot: { curves: [numbers], x: x, title: \(yaml(labels[3])), x_label: \(yaml(labels[4])) } }
        sheet: { figure: { rows: { "${text}": faces }, title: "${text}", items: 1 } }
        labels: { figure: { rows: \(rows("faces", labels.prefix(12))), items: 1, columns: [\(yaml(labels[5]))] } }
        study:
          survey:
            images: [faces]
            first: [faces]
            second: [others]
            names: [a, b]
            title: \(yaml(texts.joined(separator: " ")))
            question: \(yaml(texts[0] + texts[1]))
            instructions: \(yaml(texts.reversed().joined(separator: "\n")))
            trials: 2
      outputs: [faces, scores, means, few, numbers, curves, sheet, labels, study, study.key]

      """, faces: [])
    for name in names { try repository.addFace(name) }
    let header = ["x"] + labels.prefix(40)
    try repository.write(
      CSV(header: header, rows: (0..<3).map { row in header.indices.map { "\(row + $0)" } }).text, to: "numbers.csv")
    return repository
  }

  /// One run for all tests.
  private static let finished = Result<(repository: Repository, outcome: Outcome), any Error> {
    let made = try repository()
    return (made, try made.run("run", "recipe.yaml", "--junit", "report.xml"))
  }

  private static func isHarmless(_ outcome: Outcome) -> Bool {
    !(outcome.output + outcome.errors).unicodeScalars.contains { $0.isTreacherous || $0 == "\r" }
  }

  private static func isUntouched(_ repository: Repository) -> Bool {
    let files = FileManager.default.enumerator(atPath: repository.folder)?.compactMap { $0 as? String } ?? []
    return !files.contains { $0.fileName == HostileTexts.file }
  }

  // MARK: Files and terminals

  @Test func filesAreInTheirFoldersAndHoldTheTexts() throws {
    let (repository, outcome) = try Self.finished.get()
    #expect(outcome.status == 0, "\(outcome)")
    #expect(Self.isHarmless(outcome) && Self.isUntouched(repository))
    let files = try #require(repository.json("\(repository.latest("hostile"))/run.json")["files"]?.array).compactMap(
      \.string)
    #expect(Set(files.map { Array($0.utf8) }).count == files.count)
    for file in files {
      #expect(
        FileManager.default.fileExists(atPath: repository.path("\(repository.latest("hostile"))/\(file)")), "\(file)")
      #expect(
        file.unicodeScalars.allSatisfy { scalar in
          !scalar.isASCII || Escape.isLetterOrDigit(UInt8(scalar.value)) || "/._-+@=~".has(scalar)
        }, "\(file)")
    }
    #expect(files.count { $0.begins(with: "faces/") } == Self.names.count)
    #expect(files.count { $0.begins(with: "sheet") && $0.ends(with: ".svg") } == Self.swept.count)

    // CSV is read back as it was, by the program and, for whoever quotes by RFC 4180, with its rows and cells.
    let labels = Self.texts.filter { $0.utf8.count < 300 }
    let means = try #require(CSV(repository.data("\(repository.latest("hostile"))/means.csv")))
    #expect(means.rows.map { Array($0[0].utf8) } == labels.map { Array($0.utf8) })
    let scores = try #require(CSV(repository.data("\(repository.latest("hostile"))/scores.csv")))
    #expect(Set(scores.rows.map { Array($0[0].utf8) }) == Set(Self.names.map { Array($0.utf8) }))
    for format in ["md", "tex"] {
      let text = try repository.text("\(repository.latest("hostile"))/few.\(format)")
      let lines = text.unicodeScalars.split { $0.endsLine }
      #expect(lines.count == Self.printedCount + (format == "md" ? 2 : 7))
    }
  }

  private static let latex = ["lualatex", "xelatex"].map { "/usr/bin/\($0)" }
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  /// LaTeX sets the table without an issue, and reads and writes no file for it.
  @Test(.enabled(if: latex != nil, "there is no LuaLaTeX or XeLaTeX in /usr/bin")) func tablesAreSetByLaTeX() throws {
    let (repository, _) = try Self.finished.get()
    try FileManager.default.createDirectory(atPath: repository.path("set"), withIntermediateDirectories: true)
    try repository.write(
      """
      \\documentclass{article}
      \\usepackage{booktabs}
      \\begin{document}
      \\input{../\(repository.latest("hostile"))/few.tex}
      \\end{document}
      """, to: "set/main.tex")
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.latex))
    process.arguments = ["-recorder", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    process.currentDirectoryURL = URL(filePath: repository.path("set"))
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    process.waitUntilExit()
    let log = String(decoding: try repository.data("set/main.log"), as: UTF8.self)
    #expect(process.terminationStatus == 0, "\(log.suffix(2000))")
    #expect(try repository.data("set/main.pdf").starts(with: Data("%PDF".utf8)))
    let files = try repository.text("set/main.fls").parts(at: "\n")
    let input = "INPUT ../\(repository.latest("hostile"))/few.tex"
    #expect(files.contains(input) && !files.contains { $0.contains("passwd") })
    #expect(Self.isUntouched(repository))
  }

  /// A figure's SVG and the run's JUnit report are XML, in which the texts are texts.
  @Test func documentsAreXML() throws {
    let (repository, _) = try Self.finished.get()
    let drawings = repository.names(in: repository.latest("hostile")).filter { $0.ends(with: ".svg") }.map {
      repository.latest("hostile") + "/" + $0
    }
    #expect(drawings.count == Self.swept.count + 2)
    for file in drawings + ["report.xml"] {
      final class Names: NSObject, XMLParserDelegate {
        var names: Set<String> = []
        func parser(
          _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
          attributes: [String: String]
        ) {
          names.insert(name)
          for attribute in attributes.keys where attribute.begins(with: "on") { names.insert(attribute) }
        }
      }
      let (parser, names) = (XMLParser(data: try repository.data(file)), Names())
      parser.delegate = names
      #expect(parser.parse(), "\(file): \(parser.parserError.map { "\($0)" } ?? "")")
      let known: Set = [
        "svg", "rect", "text", "image", "polyline", "circle", "testsuite", "testcase", "failure", "error",
      ]
      #expect(names.names.isSubset(of: known), "\(names.names)")
    }
  }

  @Test func terminalsShowTextsAsTheyAre() throws {
    let (repository, _) = try Self.finished.get()
    for arguments in [
      ["plan", "recipe.yaml", "--json"], ["plan", "recipe.yaml"], ["show", "recipe.yaml", "faces"], ["verify"],
      ["show", "recipe.yaml", "means"], ["why", "recipe.yaml", "sheet"], ["dag", "recipe.yaml", "--format", "text"],
      ["dag", "recipe.yaml", "--format", "mermaid"], ["dag", "recipe.yaml", "--format", "dot"],
      ["plan", "recipe.yaml", "--set", "text=\(Self.texts[1])"], ["show", "recipe.yaml", Self.texts.joined()],
    ] {
      let outcome = try repository.run(arguments)
      #expect([0, 2].contains(outcome.status), "\(arguments): \(outcome)")
      #expect(Self.isHarmless(outcome), "\(arguments)")
    }
    // What is wrong is said with the line of the recipe, and on one line.
    try repository.write(
      "recipe: x\nstages: { a: { load: { images: \(Self.yaml("no\u{1B}[2J\nsuch\u{85}")) } } }\n", to: "bad.yaml")
    let outcome = try repository.run("check", "bad.yaml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.begins(with: "bad.yaml:2:32: error: no file matches 'no\\u{1B}[2J\\u{A}such\\u{85}' in "))
    try repository.write("recipe: x\nstages: { a: { laod: { images: \"\u{202E}\u{301}\" } } }\n", to: "bad.yaml")
    #expect(Self.isHarmless(try repository.run("check", "bad.yaml")))

    // A checkpoint's tensors.
    let tensors = Self.texts.prefix(60).map {
      JSON.Member($0, ["dtype": "F32", "shape": .array([.int(1)]), "data_offsets": .array([.int(0), .int(4)])])
    }
    let header = Data(JSON.object([tensors[0]]).text.utf8)
    for member in tensors.prefix(20) {
      let header = Data(JSON.object([member]).text.utf8)
      var size = UInt64(header.count).littleEndian
      try repository.write(Data(bytes: &size, count: 8) + header + Data(count: 4), to: "x.safetensors")
      let outcome = try repository.run("inspect", "x.safetensors", "--tensors")
      #expect(outcome.status == 0 && Self.isHarmless(outcome), "\(outcome)")
    }
    #expect(!header.isEmpty)
  }

  // MARK: Pages

  /// The page is shown whole and executes nothing but its own: by its policy, and without one as well.
  @Test(.enabled(if: Browser.isThere, Browser.absence)) func pagesExecuteNothing() throws {
    let (repository, _) = try Self.finished.get()
    for (file, end) in [("report.html", "Provenance"), ("study.html", "Next participant")] {
      let page = try repository.text("\(repository.latest("hostile"))/\(file)")
      #expect(
        page.contains("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:;"))
      #expect(!page.contains("unsafe-inline"))
      let policy = try #require(page.firstMatch(of: /<meta http-equiv="Content-Security-Policy"[^>]*>/)?.0)
      try repository.write(page.replacing(policy, with: "", maxReplacements: 1), to: "lax.html")
      let seen = try Browser.page(of: "lax.html", in: repository)
      #expect(seen.contains("<html lang=\"en\"><head>") && seen.contains(end), "\(file)")
      let attack = "<script>\(HostileTexts.script)</script><img src=x onerror=\(HostileTexts.script)>"
      try repository.write(
        page.replacing("</main>", with: attack + "</main>").replacing("</header>", with: attack + "</header>"),
        to: "strict.html")
      #expect(try Browser.page(of: "strict.html", in: repository).contains("<html lang=\"en\"><head>"))
    }
    try repository.write("<!doctype html><html lang=\"en\"><p>\(HostileTexts.all[0])</p></html>", to: "trap.html")
    #expect(try Browser.page(of: "trap.html", in: repository).contains("class=\"1\""), "the trap works")
  }

  // MARK: Scripts

  /// What is handed to Slurm and to Snakemake names the stages, and executes nothing of their names.
  @Test func scriptsExecuteNothing() throws {
    let repository = try Self.repository()
    try FileManager.default.createDirectory(atPath: repository.path("bin"), withIntermediateDirectories: true)
    func program(_ body: String, at name: String) throws {
      try repository.write("#!/usr/bin/env bash\n\(body)\n", to: name)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: repository.path(name))
    }
    // A job is executed where it is submitted, with a stand-in for the program that notes what it is asked to do.
    try program("SLURM_CPUS_PER_TASK=1 SLURM_ARRAY_TASK_ID=1 bash -s >/dev/null\necho 1", at: "bin/sbatch")
    try program("true", at: "bin/squeue")
    try program("true", at: "bin/scancel")
    let runs = Self.swept.first { !$0.has("/") && $0.has("'") } ?? "'"
    let path = ["PATH": "\(repository.path("bin")):\(ProcessInfo.processInfo.environment["PATH"] ?? "")"]
    func submit(_ more: String...) throws -> Outcome {
      try repository.start(["submit", "recipe.yaml", "--task", "1000", "--runs", runs] + more, with: path).outcome()
    }
    let written = try submit()
    #expect(written.status == 0 && Self.isHarmless(written), "\(written)")
    let folder =
      ".diffusionclip/submissions/" + (try #require(repository.names(in: ".diffusionclip/submissions").first))
    try program("printf '%s\\0' \"$@\" >>'\(repository.path("asked"))'", at: "\(folder)/exec.sh")
    let bash = Process()
    bash.executableURL = URL(filePath: "/bin/bash")
    bash.arguments = [repository.path("\(folder)/submit.sh")]
    bash.environment = path
    bash.currentDirectoryURL = URL(filePath: repository.folder)
    (bash.standardOutput, bash.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try bash.run()
    bash.waitUntilExit()
    #expect(bash.terminationStatus == 0)
    #expect(Self.isUntouched(repository))
    let asked = try repository.data("asked").split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
    let planned = try #require(repository.run("plan", "recipe.yaml", "--json").lines[0]["actions"]?.array)
    let ids = planned.filter { $0["kind"] == "figure" }.compactMap { $0["id"]?.string }
    #expect(ids.count >= Self.swept.count)
    for id in ids { #expect(asked.contains(Array(id.utf8)), "\(id.debugDescription)") }
    #expect(asked.contains(Array(repository.path(runs).utf8)))

    // Of Snakemake's file, whose rest is the program's own, the lines with texts in them; JSON reads Python's strings.
    #expect(try submit("--engine", "snakemake").status == 0)
    let snakefile = try repository.text("\(folder)/Snakefile")
    #expect(!snakefile.unicodeScalars.contains { $0.isTreacherous || $0.endsLine && $0 != "\n" })
    let shells = snakefile.unicodeScalars.split(separator: "\n").map { String(String.UnicodeScalarView($0)) }
      .filter { $0.has("\"") && $0.contains("{EXEC}") }
    #expect(shells.count > 5)
    let finish = try #require(shells.first { $0.contains("--finish") })
    let literal = String(decoding: finish.utf8.drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
    let command = try #require(JSON(parsing: Data(literal.utf8)).string)
    let place = Escape.shell(repository.path(runs)).replacingScalar("{", with: "{{").replacingScalar("}", with: "}}")
    #expect(command.contains(place))
    #expect(Self.isUntouched(repository))
  }

  // MARK: Galleries

  /// A run of somebody else, whose record says whatever it likes.
  @Test func galleriesStayInTheirFolder() throws {
    let repository = try Repository("recipe: none\n", faces: ["ada"])
    for run in ["one", "two", "three"] {
      try FileManager.default.createDirectory(atPath: repository.path("runs/\(run)"), withIntermediateDirectories: true)
      try repository.write(repository.data("faces/ada.png"), to: "runs/\(run)/fig.png")
      try repository.write("name,v\n\"<script>|\",1\n", to: "runs/\(run)/t.csv")
      try repository.write("<script>\(HostileTexts.script)</script>", to: "runs/\(run)/t.md")
    }
    func record(_ recipe: String) -> String {
      JSON.object([
        .init("recipe", .string(recipe)), .init("description", .string(Self.texts.joined(separator: " "))),
        .init("artifacts", []), .init("files", ["t.md", "fig.png"]),
        .init(
          "expectations",
          .array(
            Self.texts.map {
              ["stage": .string($0), "measure": .string($0), "expected": .string($0), "held": .bool(false)]
            })),
      ]).text
    }
    for recipe in Self.texts.filter({ $0.has("/") || $0.has("<") }).prefix(8) + ["../../outside"] {
      try repository.write(record(recipe), to: "runs/one/run.json")
      try repository.write(record(recipe), to: "runs/two/run.json")
      try repository.write(record(recipe + "2"), to: "runs/three/run.json")
      let outcome = try repository.run(
        "gallery", "runs/one", "runs/two", "runs/three", "--to", "gallery", "--title=\(recipe)")
      #expect(outcome.status == 0 && Self.isHarmless(outcome), "\(outcome)")
      #expect(repository.names(in: "gallery").count == 4, "a picture for each run")
      let page = try repository.text("gallery/README.md")
      #expect(!page.unicodeScalars.contains { $0.isTreacherous })
      for place in page.unicodeScalars.indices where page.unicodeScalars[place] == "<" {
        let isOurs = ["<br>", "<!-- -->"].contains { page.unicodeScalars[place...].starts(with: $0.unicodeScalars) }
        let before = page.unicodeScalars[..<place].last
        #expect(isOurs || before == "\\" || page.unicodeScalars[..<place].contains("`"))
      }
      try FileManager.default.removeItem(atPath: repository.path("gallery"))
    }
    let names = repository.names(in: ".").filter { !$0.begins(with: ".") }
    #expect(names == ["faces", "recipe.yaml", "runs"])
  }

  /// Two runs of one name in two folders, and values that a careless name of a file would make one.
  @Test func otherThingsHaveOtherFiles() throws {
    let repository = try Repository(
      """
      recipe: g
      params: { t: { sweep: [man/woman, man_woman, man woman] } }
      stages:
        photos: { load: { images: faces/*.png } }
        sheet: { figure: { rows: { "${t}": photos }, title: "${t}" } }
        scores: { metric: { images: photos, reference: photos, measures: [mae] } }
        table: { table: { rows: { "${t}": scores } } }
      outputs: [sheet, scores]

      """)
    for folder in ["before", "after"] {
      #expect(try repository.run("run", "recipe.yaml", "--runs", folder).status == 0)
    }
    let files = repository.names(in: repository.latest("g", in: "before"))
    #expect(files.count { $0.ends(with: ".svg") } == 3, "\(files)")
    #expect(files.contains("sheet@t=man_woman.svg") && files.contains("sheet@t=man+woman.svg"))
    let outcome = try repository.run("gallery", "before/g", "after/g", "--to", "gallery", "--json")
    #expect(outcome.status == 0)
    let made = try #require(outcome.lines[0]["files"]?.array).compactMap(\.string)
    #expect(made.count == 7 && Set(made).count == 7 && repository.names(in: "gallery").count == 7)
  }

  // MARK: Keys

  /// Titles that only a careless reader takes for one are figures of their own.
  @Test func otherTitlesAreOtherActions() throws {
    let titles = [
      // Escaping by `Character` made one text of these two.
      "\u{600}\\n\u{600}\n", "\u{600}\n\u{600}\\n", "\u{E9}", "e\u{301}", "\\\u{301}n", "\\n\u{301}", "\n\u{301}x",
      "\\\u{301}\n", "\n\\\u{301}", "a\\\u{301}",
    ]
    func recipe(_ title: String) -> String {
      """
      recipe: titles
      stages:
        photos: { load: { images: faces/*.png } }
        sheet: { figure: { rows: [photos], title: \(Self.yaml(title)) } }

      """
    }
    let repository = try Repository(recipe(titles[0]))
    var keys: Set<String> = []
    for title in titles {
      try repository.write(recipe(title), to: "recipe.yaml")
      #expect(try repository.run("run", "recipe.yaml", "--json").ran.contains("sheet"), "\(title.debugDescription)")
      let actions = try repository.json("\(repository.latest("titles"))/actions.json")["actions"]?.array ?? []
      keys.insert(try #require(actions.first { $0["stage"] == "sheet" }?["key"]?.string))
    }
    #expect(keys.count == titles.count)
  }

  /// A name that is spelled in two ways is one name, and the files that have it are told apart by nobody.
  @Test func twoSpellingsOfAnAccentAreOneName() throws {
    let repository = try Repository("recipe: r\nstages: { a: { load: { images: faces/*.png } } }\n", faces: [])
    for name in ["e\u{301}", "z", "\u{E9}"] { try repository.addFace(name) }
    let outcome = try repository.run("check", "recipe.yaml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("two files would be the item '"), "\(outcome)")
  }

  /// A label that the bitmap font cannot write is named where the figure is made.
  @Test func boxesAreNamed() throws {
    let repository = try Repository(
      "recipe: r\nstages:\n  a: { load: { images: faces/*.png } }\n  f: { figure: { rows: { \"猫と犬\": a } } }\n")
    let outcome = try repository.run("run", "recipe.yaml")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("f: the PNG has boxes in '猫と犬': its font has no '猫 と 犬'"), "\(outcome)")
  }
}
