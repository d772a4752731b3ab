import Foundation
import Imaging
import Testing

/// What a program does wrong is said, and nothing of it is published.
struct ScriptFaultTests {
  /// `work.sh` makes pictures and numbers of three faces: all at once, or item by item.
  private static func recipe(each: Bool = false, _ more: String = "") -> String {
    """
    recipe: faults
    stages:
      faces: { load: { images: faces/*.png } }
      made:
        script:
          command: [sh, work.sh]
          files: [work.sh]
          inputs: { images: faces }
          outputs: { images: images, scores: metrics }
          timeout_s: 20
          \(each ? "each: [images]" : "items: images")
          \(more)
      scores: { metric: { images: made.images, reference: faces, measures: [mae] } }
    outputs: [scores]
    """
  }

  private static let right = """
    cp inputs/images/* outputs/images/
    for file in inputs/images/*; do echo '{"one": 1}' >outputs/scores/$(basename "$file" .png).json; done

    """

  private func repository(_ program: String, each: Bool = false, _ more: String = "") throws -> Repository {
    let repository = try Repository(Self.recipe(each: each, more))
    try repository.write(program, to: "work.sh")
    try Image(width: 3, height: 2, color: .white).pngData().write(to: URL(filePath: repository.path("small.png")))
    return repository
  }

  private func run(_ repository: Repository, _ more: String...) throws -> Outcome {
    try repository.start(["run", "recipe.yaml", "--json", "--allow-scripts"] + more).outcome(within: 60)
  }

  /// After what is right, what makes it wrong, and what is said then; `HERE` is the repository.
  @Test(arguments: [
    ("echo first; echo 'no such layer' >&2; exit 3", "`sh work.sh` ended with status 3 after "),
    ("exit 1", "; it printed nothing"),
    ("kill -9 $$", "was ended by signal 9 (Killed)"),
    (
      "rm outputs/images/bob.png",
      "outputs/images lacks 'bob.png': the program has to write a file for each item of 'images'"
    ),
    ("rm -r outputs/images", "outputs/images lacks 'ada.png', 'bob.png', 'cyd.png': "),
    ("rm -r outputs", "outputs/images lacks 'ada.png'"),
    ("cp outputs/images/ada.png outputs/images/eve.png", "outputs/images has 'eve.png', which nobody asked for"),
    ("touch outputs/images/.hidden", "outputs/images has '.hidden', which nobody asked for"),
    ("mkdir outputs/more", "outputs has 'more', which nobody asked for: it declares images, scores, scores.csv"),
    ("cp HERE/small.png outputs/images/bob.png", "outputs/images/bob.png is 3×2, expected 24×24 as 'bob' of 'images'"),
    ("echo text >outputs/images/bob.png", "outputs/images/bob.png is no PNG file"),
    ("head -c 300 inputs/images/bob.png >outputs/images/bob.png", "outputs/images/bob.png"),
    ("true >outputs/images/bob.png", "outputs/images/bob.png is empty"),
    ("ln -sf HERE/faces/bob.png outputs/images/bob.png", "outputs/images/bob.png is a symbolic link: only plain files"),
    ("rm -r outputs/images; ln -s HERE/faces outputs/images", "outputs/images is a symbolic link"),
    ("rm -r outputs; ln -s HERE/faces outputs", "outputs is a symbolic link"),
    ("rm outputs/images/bob.png; mkfifo outputs/images/bob.png", "outputs/images/bob.png is a named pipe (FIFO)"),
    ("rm outputs/images/bob.png; mkdir outputs/images/bob.png", "outputs/images/bob.png"),
    ("echo '{\"one\": NaN}' >outputs/scores/bob.json", "'one' in outputs/scores/bob.json is NaN: expected a finite"),
    (
      "echo '{\"\\\"NaN\": NaN' >outputs/scores/bob.json", "outputs/scores/bob.json is no JSON object {measure: number}"
    ),
    (
      "echo '{\"one\": \"NaN\"}' >outputs/scores/bob.json",
      "'one' in outputs/scores/bob.json is NaN: expected a finite"
    ),
    ("echo '{\"one\": 1e999}' >outputs/scores/bob.json", "outputs/scores/bob.json"),
    (
      "echo '{\"one\": [1]}' >outputs/scores/bob.json",
      "'one' in outputs/scores/bob.json is [1]: expected a finite number"
    ),
    ("echo '{}' >outputs/scores/bob.json", "outputs/scores/bob.json is no JSON object"),
    ("echo '{\"two\": 1}' >outputs/scores/bob.json", "outputs/scores has 'two' of 'bob', expected 'one' as of 'ada'"),
    ("echo '{\"a b\": 1}' >outputs/scores/bob.json", "'a b' in outputs/scores/bob.json cannot name a measure"),
    ("echo item,one >outputs/scores.csv", "there are both outputs/scores.csv and outputs/scores/ada.json"),
    (
      "rm outputs/scores/*; printf 'item,one\\nada,1\\nbob,2\\n' >outputs/scores.csv",
      "outputs/scores.csv has no row for 'cyd'"
    ),
    (
      "rm outputs/scores/*; printf 'item,one\\nada,1\\nbob,nan\\ncyd,1\\n' >outputs/scores.csv",
      "'one' of 'bob' in outputs/scores.csv is 'nan'"
    ),
    (
      "rm outputs/scores/*; printf 'item,one\\nada,1\\nbob,1\\ncyd,1\\neve,1\\n' >outputs/scores.csv",
      "has rows for 'eve'"
    ),
    ("rm outputs/scores/*; printf 'name,one\\nada,1\\n' >outputs/scores.csv", "expected a header 'item,MEASURE,…'"),
    (
      "exec dd if=/dev/zero of=tmp/large bs=1 count=1 seek=5G; ",
      "was ended because it wrote a file of more than 4.29 GB"
    ),
  ])
  func faults(_ fault: String, _ message: String) throws {
    let repository = try repository("")
    try repository.write(Self.right + fault.replacing("HERE", with: repository.folder), to: "work.sh")
    let outcome = try run(repository)
    #expect(outcome.status == 1, "\(outcome)")
    #expect(outcome.errors.hasPrefix("recipe.yaml:4:3: error: stage 'made' failed: `sh work.sh`"), "\(outcome.errors)")
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
    #expect(try outcome.finished["failed"] == 1 && outcome.finished["ran"] == 3)
    #expect(repository.names(in: ".diffusionclip/attempts").isEmpty)
    // Nothing was published: what is right is made then.
    try repository.write(Self.right, to: "work.sh")
    #expect(try run(repository).ran.contains("made"))
  }

  @Test func lastWordsAndLogsAreBounded() throws {
    let outcome = try run(
      repository(
        "i=0; while [ $i -lt 900 ]; do i=$((i+1)); echo line $i; done; head -c 9999 /dev/zero | tr '\\0' x; printf '\\033[2Jend\\n'; exit 4"
      ))
    let words = outcome.errors.components(separatedBy: "its last words:\n").last?.split(separator: "\n") ?? []
    #expect(words.count == 20 && words[0] == "  line 882", "\(words)")
    #expect(words.last?.utf8.count ?? 0 < 600 && !outcome.errors.unicodeScalars.contains("\u{1B}"))
  }

  @Test func whatHangsIsEnded() throws {
    let start = ContinuousClock.now
    let repository = try repository("setsid sleep 888 & trap '' TERM; while :; do sleep 0.05; done", "timeout_s: 0.3")
    try repository.write(repository.text("recipe.yaml").replacing("      timeout_s: 20\n", with: ""), to: "recipe.yaml")
    let outcome = try run(repository)
    #expect(
      outcome.status == 1 && outcome.errors.contains("took longer than its timeout_s and was ended after"), "\(outcome)"
    )
    #expect(ContinuousClock.now - start < .seconds(20))
    #expect(!Self.isRunning("sleep 888"))
  }

  private static func isRunning(_ words: String) -> Bool {
    let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return folders.contains { name in
      guard Int(name) != nil, let data = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
        return false
      }
      return String(decoding: data, as: UTF8.self).replacing("\0", with: " ").hasPrefix(words)
    }
  }

  @Test func anInterruptionEndsIt() throws {
    let repository = try repository("echo started >HERE; sleep 889 & sleep 889")
    let started = repository.path("started")
    try repository.write(repository.text("work.sh").replacing("HERE", with: "'\(started)'"), to: "work.sh")
    let program = try repository.start(["run", "recipe.yaml", "--json", "--allow-scripts"])
    try program.send(SIGINT) { _ in FileManager.default.fileExists(atPath: started) }
    let outcome = try program.outcome(within: 20)
    #expect(outcome.status == 130, "\(outcome)")
    #expect(!Self.isRunning("sleep 889"))
    #expect(repository.names(in: ".diffusionclip/attempts").isEmpty)
  }

  /// After kill -9 the program ends, and its folder goes with the next run.
  @Test func aKilledRunLeavesNothing() throws {
    let repository = try repository("echo started >HERE; exec sleep 890")
    let started = repository.path("started")
    try repository.write(repository.text("work.sh").replacing("HERE", with: "'\(started)'"), to: "work.sh")
    let program = try repository.start(["run", "recipe.yaml", "--json", "--allow-scripts"])
    try program.send(SIGKILL) { _ in FileManager.default.fileExists(atPath: started) }
    _ = try program.outcome()
    #expect(repository.names(in: ".diffusionclip/attempts").count == 1)
    usleep(100_000)
    #expect(!Self.isRunning("sleep 890"))
    try repository.write(Self.right, to: "work.sh")
    #expect(try run(repository).status == 0)
    #expect(repository.names(in: ".diffusionclip/attempts").isEmpty)
  }

  // MARK: Items

  @Test func othersGoOn() throws {
    let program = Self.right + "[ -e inputs/images/bob.png ] && { echo it is bob; exit 5; }; true"
    let repository = try repository(program, each: true)
    let outcome = try run(repository, "--keep-going")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains("stage 'made' failed on 'bob': `sh work.sh` ended with status 5"), "\(outcome.errors)")
    #expect(outcome.errors.contains("its last words:\n  it is bob\n"))
    #expect(Set(try outcome.ran.filter { $0.hasPrefix("made") }) == ["made/ada", "made/cyd"])
    try repository.write(Self.right, to: "work.sh")
    #expect(try run(repository).status == 0)
  }

  @Test(arguments: [
    ("cp HERE/small.png outputs/images/*.png", "outputs/images/ada.png is 3×2, expected 24×24 as 'ada' of 'images'"),
    ("cp inputs/images/* outputs/images/other.png", "outputs/images has 'other.png', which nobody asked for"),
    ("rm outputs/images/*", "outputs/images lacks 'ada.png'"),
  ])
  func faultsOfItems(_ fault: String, _ message: String) throws {
    let repository = try repository("", each: true)
    try repository.write(Self.right + fault.replacing("HERE", with: repository.folder), to: "work.sh")
    let outcome = try run(repository)
    #expect(
      outcome.status == 1 && outcome.errors.contains("failed on 'ada'") && outcome.errors.contains(message),
      "\(outcome)")
  }

  @Test func attempts() throws {
    let count = "echo x >>HERE; [ $(wc -l <HERE) -ge 3 ] || { echo not yet; exit 1; }\n"
    for (attempts, status) in [(2, Int32(1)), (3, 0)] {
      let repository = try repository("", "attempts: \(attempts)")
      let program = count.replacing("HERE", with: "'\(repository.path("count"))'") + Self.right
      try repository.write(program, to: "work.sh")
      let outcome = try repository.run("run", "recipe.yaml", "--allow-scripts")
      #expect(outcome.status == status, "\(outcome)")
      #expect(
        outcome.errors.contains("made: attempt 1 of \(attempts) failed: `sh work.sh` ended with status 1"), "\(outcome)"
      )
    }
  }

  @Test func setsOfAnyItems() throws {
    let any = Self.recipe().replacing("items: images", with: "items: any").replacing(
      "reference: faces", with: "reference: made.images")
    let repository = try Repository(any)
    try repository.write(
      "cp inputs/images/ada.png 'outputs/images/new one.png'; cp inputs/images/ada.png outputs/images/b.png\n"
        + "printf 'item,one\\nb,1\\nnew one,\\n' >outputs/scores.csv", to: "work.sh")
    #expect(try run(repository).status == 0)
    #expect(try repository.text("\(repository.latest("faults"))/scores.csv").contains("new one,"))
    for (program, message) in [
      ("true", "outputs/images is empty: the program has to write a file ITEM.png"),
      (
        "touch outputs/images/a.jpg",
        "outputs/images has 'a.jpg', which nobody asked for: files of items are called ITEM.png"
      ),
    ] {
      try repository.write(program, to: "work.sh")
      let outcome = try run(repository)
      #expect(outcome.status == 1 && outcome.errors.contains(message), "\(outcome)")
    }
    // Of several sets with other items, which ones are meant has to be said.
    let two = Self.recipe().replacing("      items: images\n", with: "").replacing(
      "{ images: faces }", with: "{ images: faces, some: some }"
    )
    .replacing("stages:\n", with: "stages:\n  some: { load: { images: 'faces/a*.png' } }\n")
    let ambiguous = try Repository(two)
    try ambiguous.write(Self.right, to: "work.sh")
    let outcome = try run(ambiguous)
    #expect(
      outcome.status == 2 && outcome.errors.contains("the inputs 'images' and 'some' have different items: say whose"),
      "\(outcome)")
  }

  @Test(.enabled(if: SmallDisk.canBeMounted, "mounting a small disk takes root"))
  func aFullDisk() throws {
    let repository = try repository(Self.right + "dd if=/dev/zero of=tmp/zeros bs=1k count=3000 2>&1 || exit 6")
    let disk = try SmallDisk(at: repository.path("disk"), kilobytes: 1024)
    defer { disk.unmount() }
    let outcome = try run(repository, "--store", "disk/store")
    #expect(outcome.status == 1 && outcome.errors.contains("ended with status 6"), "\(outcome)")
    #expect(outcome.errors.contains("No space left on device"))
    try disk.resize(toKilobytes: 20_480)
    #expect(try run(repository, "--store", "disk/store").status == 0)
  }

  @Test func programsThatAreNone() throws {
    func said(_ command: String, _ more: String = "") throws -> String {
      let repository = try Repository(Self.recipe(more).replacing("[sh, work.sh]", with: command))
      try repository.write("echo no shebang\n", to: "work.sh")
      let outcome = try run(repository)
      #expect(outcome.status == 2, "\(outcome)")
      return outcome.errors
    }
    #expect(
      try said("[no-such-program]").contains("there is no program 'no-such-program' in /usr/local/bin:/usr/bin:/bin"))
    #expect(
      try said("[./work.sh]").contains("it is no program; start it by the one that reads it, such as [sh, ./work.sh]"))
    #expect(try said("[/etc/passwd]").contains("`/etc/passwd` cannot be started (Permission denied)"))
    #expect(try said("[./missing.sh]").contains("`./missing.sh` cannot be started (No such file or directory)"))
    // With a first line that names its reader a file starts by itself.
    let repository = try Repository(Self.recipe().replacing("[sh, work.sh]", with: "[./work.sh]"))
    try repository.write("#!/bin/sh\n" + Self.right, to: "work.sh")
    #expect(try run(repository).status == 0)
  }

  @Test func memoryIsBounded() throws {
    let outcome = try run(repository("x=x; while :; do x=$x$x; done", "memory_mb: 64"))
    #expect(outcome.status == 1 && outcome.errors.contains("`sh work.sh`"), "\(outcome)")
  }
}
