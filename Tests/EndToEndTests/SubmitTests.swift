import ArtifactStore
import Foundation
import Testing

/// `submit`, with programs in the place of Slurm's that note what they are asked for. Slurm and Snakemake themselves are
/// in Tests/Cluster.
struct SubmitTests {
  private static let recipe = """
    recipe: spread
    params: { step: { sweep: [100, 200] } }
    stages:
      faces: { load: { images: faces/*.png, size: 16 } }
      noisy: { perturb: { images: faces, return_step: "${step}", seed: 3 } }
      photos: { synthesize: { count: 3, size: 16 } }
      base:
        train: { network: diffusion, images: photos, steps: 3, batch_size: 2, warmup_steps: 1, channels: 8,
                 multipliers: [1, 2], attention: [8], groups: 4 }
      back: { sample: { latents: noisy, model: base, steps: 3 } }
      scores: { metric: { images: back, reference: faces, measures: [mae] }, expect: { mae: "< 1" } }
      sheet: { figure: { rows: { faces: faces, back: back } } }
    outputs: [sheet, scores]
    """

  /// A repository with programs called like Slurm's. `sbatch` keeps the script and the options of job N in slurm/N.sh and
  /// slurm/N.options; `squeue` prints slurm/queue; `scancel` notes what it is asked to cancel.
  private struct Cluster {
    let repository: Repository

    init(_ recipe: String = SubmitTests.recipe) throws {
      repository = try Repository(recipe)
      for name in ["slurm", "bin"] {
        try FileManager.default.createDirectory(atPath: repository.path(name), withIntermediateDirectories: true)
      }
      try program(
        "sbatch",
        """
        n=$(($(ls "$here"/*.sh 2>/dev/null | wc -l) + 1))
        if [[ -e $here/broken && $n == "$(<"$here/broken")" ]]; then echo "sbatch: error: no such partition" >&2; exit 1; fi
        printf '%s\\n' "$@" >"$here/$n.options"
        cat >"$here/$n.sh"
        echo $n
        """)
      try program("squeue", "cat \"$here/queue\" 2>/dev/null || true")
      try program("scancel", "echo \"$@\" >\"$here/cancelled\"")
    }

    private func program(_ name: String, _ body: String) throws {
      try repository.write("#!/usr/bin/env bash\nhere='\(repository.path("slurm"))'\n\(body)\n", to: "bin/\(name)")
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: repository.path("bin/\(name)"))
    }

    func submit(_ more: String...) throws -> Outcome {
      try repository.start(
        ["submit", "recipe.yaml", "--task", "0.002", "--threads", "1"] + more,
        with: ["PATH": "\(repository.path("bin")):\(ProcessInfo.processInfo.environment["PATH"] ?? "")"]
      ).outcome()
    }

    var folder: String {
      get throws {
        let name = try #require(repository.names(in: ".diffusionclip/submissions").first)
        return ".diffusionclip/submissions/\(name)"
      }
    }

    var jobs: Int { repository.names(in: "slurm").count { $0.hasSuffix(".sh") } }

    /// Executes job `number` as Slurm does, each of its tasks: their statuses.
    func execute(_ number: Int) throws -> [Int32] {
      let options = try repository.text("slurm/\(number).options").split(separator: "\n")
      let count = options.first { $0.hasPrefix("--array=1-") }.flatMap { Int($0.dropFirst("--array=1-".count)) }
      let log = try #require(options.first { $0.hasPrefix("--output=") }).dropFirst("--output=".count)
      return try (1...(count ?? 1)).map { task in
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = [repository.path("slurm/\(number).sh")]
        process.currentDirectoryURL = URL(filePath: repository.path(try folder))
        var environment = ProcessInfo.processInfo.environment.filter { $0.key != "DIFFUSIONCLIP_STORE" }
        environment["SLURM_CPUS_PER_TASK"] = "1"
        environment["DIFFUSIONCLIP_PATIENCE"] = "1"
        if count != nil { environment["SLURM_ARRAY_TASK_ID"] = "\(task)" }
        process.environment = environment
        let file = repository.path("\(try folder)/\(log.replacing("%a", with: "\(task)"))")
        try Data().write(to: URL(filePath: file))
        process.standardError = FileHandle(forWritingAtPath: file)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
      }
    }
  }

  /// All jobs in their order; then it is what a run makes.
  @Test func everythingIsDone() throws {
    let cluster = try Cluster()
    let submitted = try cluster.submit("--go")
    #expect(submitted.status == 0, "\(submitted)")
    let jobs = cluster.jobs
    #expect(submitted.output == "\(jobs) jobs submitted, the last is \(jobs)\n")
    try cluster.repository.write("1|N/A|PENDING\n", to: "slurm/queue")
    #expect(try cluster.submit("--status", "--json").lines[0]["going"] == .bool(true))
    try cluster.repository.write("", to: "slurm/queue")
    for job in 1...jobs {
      let statuses = try cluster.execute(job)
      #expect(statuses.allSatisfy { $0 == 0 }, "job \(job): \(statuses)")
    }
    let status = try cluster.submit("--status", "--json")
    #expect(status.status == 0, "\(status)")
    let states = try #require(status.lines[0]["jobs"]?.array)
    #expect(states.count == jobs)
    #expect(states.allSatisfy { $0["waiting"] == 0 && $0["failed"] == 0 && $0["cancelled"] == 0 })

    let other = try Repository(Self.recipe)
    #expect(try other.run("run", "recipe.yaml").status == 0)
    #expect(try other.digests("spread") == cluster.repository.digests("spread"))
    #expect(try cluster.repository.run("run", "recipe.yaml", "--json").ran == [])

    // Nothing is left but to say so.
    let again = try cluster.submit("--json")
    #expect(try again.lines[0]["jobs"] == 0)
    #expect(try again.lines[0]["actions"] == 0)
  }

  /// Each task of an array waits for its own items, and for all of what it needs besides.
  @Test func dependencies() throws {
    let cluster = try Cluster()
    #expect(try cluster.submit("--go", "--sbatch", "--partition=big mem", "--sbatch", "--account=lab").status == 0)
    func options(of name: String) throws -> [String] {
      for number in 1...cluster.jobs {
        let options = try cluster.repository.text("slurm/\(number).options").split(separator: "\n").map(String.init)
        if options.contains("--job-name=\(name)") { return options }
      }
      return []
    }
    let faces = try options(of: "faces")
    #expect(faces.contains("--array=1-3") && !faces.contains { $0.hasPrefix("--dependency") })
    #expect(faces.contains("--kill-on-invalid-dep=yes") && faces.contains("--partition=big mem"))
    #expect(faces.contains("--account=lab"))
    #expect(try options(of: "noisy[step=100]").contains("--dependency=aftercorr:1"))
    let last = try #require(options(of: "finish spread").first { $0.hasPrefix("--dependency=afterany:") })
    #expect(Set(last.split(separator: ":").dropFirst()) == Set((1..<cluster.jobs).map { "\($0)" }))
  }

  @Test func aFailureIsTold() throws {
    let cluster = try Cluster()
    try cluster.repository.write("no picture", to: "faces/bad.png")
    #expect(try cluster.submit("--go").status == 0)
    #expect(try cluster.execute(1).filter { $0 != 0 } == [2], "one of four tasks fails")
    let status = try cluster.submit("--status")
    #expect(status.status == 1)
    #expect(status.output.contains("3 done, 1 failed"))
    #expect(status.output.contains("stage 'faces' failed on 'bad'"))
    #expect(status.output.contains("cancelled"))
    // The last job tells what is missing, and makes no results.
    #expect(try cluster.execute(cluster.jobs) == [1])
    let log = try cluster.repository.text("\(cluster.folder)/logs/finish.log")
    #expect(log.contains("actions are not done, of the stages faces, noisy[step=100]"), "\(log)")
    #expect(!FileManager.default.fileExists(atPath: cluster.repository.path("runs")))
  }

  @Test func expectationsAreClassifierd() throws {
    let cluster = try Cluster(Self.recipe.replacing("\"< 1\"", with: "\"< 0\""))
    #expect(try cluster.submit("--go").status == 0)
    for job in 1..<cluster.jobs { _ = try cluster.execute(job) }
    #expect(try cluster.execute(cluster.jobs) == [3])
    #expect(try cluster.submit("--status").status == 3)
  }

  @Test func jobsInTheQueueAreNotSubmittedAgain() throws {
    let cluster = try Cluster()
    #expect(try cluster.submit("--go").status == 0)
    let jobs = cluster.jobs
    try cluster.repository.write("2|3|RUNNING\n7|N/A|PENDING\n99999|N/A|RUNNING\n", to: "slurm/queue")
    let again = try cluster.submit("--go")
    #expect(again.status == 2)
    #expect(
      again.errors == "jobs of this very plan are in the queue: see `submit --status`, or `submit --cancel` first\n")
    #expect(cluster.jobs == jobs)
    #expect(try cluster.submit("--cancel").status == 0)
    #expect(
      try cluster.repository.text("slurm/cancelled") == (1...jobs).map { "\($0)" }.joined(separator: " ") + "\n")
  }

  /// Where Slurm refuses one job, those before it are taken back.
  @Test func halfASubmissionIsNone() throws {
    let cluster = try Cluster()
    try cluster.repository.write("3", to: "slurm/broken")
    let outcome = try cluster.submit("--go")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("no such partition"), "\(outcome)")
    #expect(try cluster.repository.text("slurm/cancelled") == "1 2\n")
  }

  /// Jobs may wait for days: until then `gc` keeps the plan, and what they build on.
  @Test func whatWaitsIsNoGarbage() throws {
    let cluster = try Cluster()
    #expect(try cluster.repository.run("run", "recipe.yaml", "--only", "photos", "--only", "faces").status == 0)
    try FileManager.default.removeItem(atPath: cluster.repository.path(".diffusionclip/runs"))
    #expect(try cluster.submit("--go").status == 0)
    let collected = try cluster.repository.run("gc", "--grace", "0", "--json")
    #expect(collected.status == 0, "\(collected)")
    #expect(try collected.lines[0]["actions"] == 0)
    for job in 1...cluster.jobs { #expect(try cluster.execute(job).allSatisfy { $0 == 0 }, "\(job)") }
    #expect(try cluster.submit("--status").status == 0)
    // Once the recipe is gone, nothing of it is needed.
    try FileManager.default.removeItem(atPath: cluster.repository.path("recipe.yaml"))
    #expect(try cluster.repository.run("gc", "--grace", "0").status == 0)
    #expect(cluster.repository.names(in: ".diffusionclip/submissions") == [])
    #expect(cluster.repository.names(in: ".diffusionclip/receipts") == [])
  }

  @Test func whatWasNotSubmitted() throws {
    let cluster = try Cluster()
    let status = try cluster.submit("--status")
    #expect(status.status == 2)
    #expect(status.errors.contains("this plan was not submitted from the store"))
    #expect(try cluster.submit("--cancel").status == 2)
    #expect(try cluster.submit("--go", "--status").status == 64)
    #expect(try cluster.submit("--wait").status == 64)
    #expect(try cluster.submit("--engine", "snakemake", "--go").status == 64)
  }

  /// A Snakefile has one rule for a stage, whatever the sweep.
  @Test func snakefiles() throws {
    let cluster = try Cluster()
    let outcome = try cluster.submit("--engine", "snakemake")
    #expect(outcome.status == 0)
    let folder = try cluster.folder
    #expect(outcome.output.hasSuffix("/\(folder)/Snakefile --cores all\n"))
    let text = try cluster.repository.text("\(folder)/Snakefile")
    let rules = text.split(separator: "\n").filter { $0.hasPrefix("rule ") }
    #expect(
      rules == [
        "rule finish:", "rule stage_faces:", "rule stage_noisy:", "rule stage_photos:", "rule stage_base:",
        "rule stage_back:", "rule stage_scores:", "rule stage_sheet:",
      ])
    let tasks = try cluster.repository.json("\(folder)/tasks.json")
    let noisy = try #require(tasks["stage_noisy"]?.array)
    #expect(noisy.map { $0["stage"]?.string } == ["noisy[step=100]", "noisy[step=200]"])
    #expect(noisy.map { $0["own"]?.array } == [["done/stage_faces.1"], ["done/stage_faces.1"]])
    #expect(tasks["stage_base"]?.array?[0]["needs"]?.array == ["done/stage_photos.1.1.json"])
  }

  // MARK: What it costs

  @Test func costs() throws {
    let repository = try Repository(Self.recipe)
    let first = try repository.run("plan", "recipe.yaml", "--cost", "--json", "--threads", "1", "--workers", "1,4,16")
    #expect(first.status == 0, "\(first)")
    let json = try first.lines[0]
    #expect(json["run"]?.int == 24)
    // 3 pictures at 2 places in 3 steps, and 6 in the training.
    #expect(json["evaluations"]?.int == 3 * 2 * 3 + 6)
    let stages = try #require(json["stages"]?.array)
    let base = try #require(stages.first { $0["id"] == "base" })
    let back = try #require(stages.last { $0["id"]?.string?.hasPrefix("back") ?? false })
    let each = try #require(back["flop"]?.double) / 3
    #expect(base["flop"]?.double == 6 * 3 * each)
    let schedule = try #require(json["schedule"]?.array)
    #expect(schedule.map { $0["workers"]?.int } == [1, 4, 16])
    #expect(json["critical_path"]?["stages"]?.array?.count ?? 0 > 3)
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    #expect(try repository.run("plan", "recipe.yaml", "--cost").output == "nothing to run\n")
    // Of a stage that was done before, the records tell.
    let again = try repository.run(
      "plan", "recipe.yaml", "--cost", "--set", "step=[300]", "--plot", "plot.png", "--json")
    #expect(again.status == 0)
    #expect(try again.lines[0]["stages"]?.array?.allSatisfy { $0["basis"] == "records" } ?? false)
    #expect(try repository.data("plot.png").starts(with: [0x89, 0x50]))
    let text = try repository.run("plan", "recipe.yaml", "--cost", "--set", "step=[300]", "--plot", "plot.svg").output
    #expect(text.contains("critical path") && text.contains("workers"))
    #expect(try repository.text("plot.svg").hasPrefix("<svg"))
  }

  @Test func costsByABenchmark() throws {
    let repository = try Repository(Self.recipe)
    func plan(_ bench: String) throws -> Outcome {
      try repository.write(bench, to: "bench.json")
      return try repository.run(
        "plan", "recipe.yaml", "--cost", "--json", "--threads", "2", "--bench", "bench.json")
    }
    // 4 GFLOP/s by four threads are 2 by two; those of a graphics card are the same with any number.
    for (device, speed) in [("", 2e9), (#""device":{"name":"A","runtime":"CUDA","driver":"1"},"#, 4e9)] {
      let outcome = try plan(
        """
        {"sgemm_gflops":10,"threads":4,\(device)"cases":[{"name":"a","gflop":1,"seconds":1,"gflops":4,"ratio":1,
        "peak_rss_mb":1,"kind":"sample","evaluation_gflop":0.001}]}
        """)
      let stages = try #require(outcome.lines[0]["stages"]?.array)
      let back = try #require(stages.last { $0["id"]?.string?.hasPrefix("back") ?? false })
      #expect(back["basis"] == "bench")
      #expect(back["seconds"]?.double == (back["flop"]?.double ?? 0) / speed)
    }
    for wrong in ["", "[]", "{\"threads\":0,\"cases\":[]}", "{\"threads\":1,\"cases\":[{\"name\":\"conv\"}]}"] {
      let outcome = try plan(wrong)
      #expect(outcome.status == 2)
      #expect(outcome.errors.hasPrefix("bench.json: "), "\(outcome.errors)")
    }
    #expect(try repository.run("plan", "recipe.yaml", "--cost", "--workers", "0").status == 64)
    #expect(try repository.run("plan", "recipe.yaml", "--cost", "--plot", "plot.gif").status == 64)
    #expect(try repository.run("plan", "recipe.yaml", "--plot", "plot.png").status == 64)
  }

  @Test func resultsThatCannotBeWrittenAreSaidBefore() throws {
    let cluster = try Cluster()
    for more in [[], ["--go"]] {
      let outcome = try cluster.repository.start(
        ["submit", "recipe.yaml", "--runs", "recipe.yaml"] + more,
        with: ["PATH": "\(cluster.repository.path("bin")):\(ProcessInfo.processInfo.environment["PATH"] ?? "")"]
      ).outcome()
      #expect(outcome.status == 2)
      #expect(outcome.errors.contains("cannot write to the folder ") && outcome.errors.contains("another with --runs"))
    }
    #expect(cluster.jobs == 0 && cluster.repository.names(in: ".diffusionclip/submissions").isEmpty)
  }
}
