import Foundation
import Testing

/// A repository with tiny recipes and with much that is not what it seems, beside files that nobody may touch.
struct FuzzedPlace {
  private let root: String
  private let repository: Repository

  init() throws {
    repository = try Repository(Self.recipe, faces: ["ada", "bob"])
    root = repository.folder
    let files = FileManager.default
    for folder in ["home", "outside/album", "repository", "tools"] {
      try files.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
    }
    for name in [".git", "faces", "recipe.yaml"] {
      try files.moveItem(atPath: "\(root)/\(name)", toPath: "\(root)/repository/\(name)")
    }
    for (name, text) in [
      ("outside/letter.txt", "dear"), ("outside/album/a.png", "not yours"),
      ("outside/run.json", "{\"files\": [\"letter.txt\"]}"),
      ("repository/sweep.yaml", Self.sweep), ("repository/training.yaml", Self.training),
      ("repository/broken.yaml", "recipe: [broken\nstages: { p: { synthesize: {} } }"),
      ("repository/used [v2].yaml", Self.recipe.replacing("recipe: tiny", with: "recipe: used")),
      ("repository/.hidden.yaml", "\u{0}"), ("repository/empty", ""), ("repository/binary", "\u{1}\u{0}\u{7F}PNG"),
      ("repository/weights.safetensors", "\u{8}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}{\"a\":1}"),
    ] { try repository.write(text, to: name) }
    try files.createDirectory(atPath: path("folder"), withIntermediateDirectories: true)
    try repository.write(
      Self.recipe.replacing("recipe: tiny", with: "recipe: first"), to: "repository/folder/first.yaml")
    try repository.write(
      Self.sweep.replacing("recipe: sweep", with: "recipe: second"), to: "repository/folder/second.yaml")
    try #require(mkfifo(path("pipe"), 0o600) == 0)
    try #require(symlink("../outside", path("link")) == 0 && symlink("nowhere", path("dangling")) == 0)
    try #require(mkdir(path("locked"), 0o500) == 0)
    for name in ["sbatch", "squeue", "sacct", "scancel"] {
      try repository.write("#!/bin/sh\nexit 1\n", to: "tools/\(name)")
      try #require(chmod("\(root)/tools/\(name)", 0o755) == 0)
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: root) }

  private func path(_ name: String) -> String { "\(root)/repository/\(name)" }

  private static let recipe = """
    recipe: tiny
    description: As little as can be.
    params: { count: 2, size: 16, seed: 1, limit: "< 2", label: a title }
    profiles: { ci: { count: 1 } }
    stages:
      p: { synthesize: { count: "${count}", size: "${size}", seed: "${seed}" } }
      faces: { load: { images: faces/*.png, size: 16 } }
      scores:
        metric: { images: p, reference: p, measures: [mae, psnr] }
        expect: { mae: "${limit}" }
      t: { table: { rows: [scores] } }
      sheet: { figure: { rows: [p], title: "${label}" } }
    outputs: [sheet, t, scores, p]
    """

  private static let sweep = """
    recipe: sweep
    params: { size: { sweep: [16, 24] }, seed: { sweep: [1, 2] }, count: 1, label: x, steps: 1 }
    stages:
      edited: { synthesize: { count: "${count}", size: "${size}", seed: "${seed}" } }
      scores: { metric: { images: edited, reference: edited, measures: [mae] } }
      t: { table: { rows: [scores] } }
    outputs: [t]
    """

  private static let training = """
    recipe: training
    params: { steps: 200, count: 2 }
    stages:
      p: { synthesize: { count: "${count}", size: 16 } }
      base:
        train: { network: diffusion, images: p, steps: "${steps}", batch_size: 2, warmup_steps: 2, channels: 8,
                 multipliers: [1, 2], attention: [8], groups: 4 }
    """

  // MARK: The program

  /// Runs the program as the line says, with the repository as its working folder, to its end. One that takes long is
  /// interrupted, as its user would.
  func perform(_ line: CommandLine) throws -> Ended {
    let transcript = "\(root)/home/transcript"
    let environment =
      [
        "HOME=\(root)/home", "TMPDIR=\(root)/home", "PATH=\(root)/tools:/usr/bin:/bin", "LANG=C.UTF-8",
        "OPENBLAS_NUM_THREADS=1",
        // Drivers of graphics cards write where they like: there are none.
        "OCL_ICD_VENDORS=\(root)/none",
      ] + ProcessInfo.processInfo.environment.filter { $0.key.hasPrefix("OPENBLAS_") }.map { "\($0.key)=\($0.value)" }
      + line.environment
    // What asks for too much memory is refused by the system, before the machine is out of it.
    let shell = ["/bin/sh", "-c", "ulimit -v 8000000; cd \"$1\"; shift; exec \"$@\"", "sh", "\(root)/repository"]
    let child = try Child(
      (shell + [Program.executable]).map { Array($0.utf8) } + line.words, environment: environment,
      output: line.output ?? "\(transcript).out", errors: "\(transcript).err")
    if let signal = line.signal {
      usleep(line.microseconds)
      child.send(signal)
    }
    var ended = child.wait(seconds: 10)
    let isSlow = ended == nil
    if isSlow {
      child.send(SIGINT)
      ended = child.wait(seconds: 20)
    }
    if ended == nil { child.send(SIGKILL) }
    let status = ended ?? child.wait(seconds: 60) ?? -1
    func text(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: "\(transcript).\(name)"))) }
    let output = line.output == nil ? try text("out") : []
    return Ended(rawStatus: status, wasSlow: isSlow, hung: ended == nil, output: output, errors: try text("err"))
  }

  // MARK: What it touched

  func snapshot() throws -> Snapshot { try Snapshot(of: root) }
}
