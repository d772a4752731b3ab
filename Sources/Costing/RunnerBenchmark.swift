import ArtifactStore
import Foundation
import StageKit

/// How long the program takes where there is next to nothing to do: each time a whole process, on recipes made for it.
public struct RunnerBenchmark: Sendable {
  /// One figure, and what it shall be.
  public struct Figure: Sendable {
    public let name: String
    public let seconds: Double
    public let goal: Double
    /// The largest resident set of the processes that did it, where that is asked for.
    public var megabytes: Double?
  }

  private let program: String
  /// The bytes of a small picture; every number gives another.
  private let picture: @Sendable (Int) throws -> Data
  /// The bytes of a small diffusion model.
  private let model: @Sendable () throws -> Data

  /// - Parameter program: the path of the program itself.
  public init(
    program: String, picture: @escaping @Sendable (Int) throws -> Data, model: @escaping @Sendable () throws -> Data
  ) {
    (self.program, self.picture, self.model) = (program, picture, model)
  }

  /// Takes every figure, in a temporary folder.
  public func figures() throws -> [Figure] { try campaign() + items() + folder() }

  /// 100,000 actions that are all to run: planned, costed, and as jobs for Slurm. Taken first, so that the largest process
  /// so far is one of these.
  private func campaign() throws -> [Figure] {
    try inFolder { folder -> [Figure] in
      try Files.makeFolder(folder + "/pictures")
      for number in 0..<5000 {
        try picture(number).write(to: URL(filePath: "\(folder)/pictures/\(number).png"))
      }
      let recipe = """
        recipe: bench
        params: { step: { sweep: \((1...19).map { 50 * $0 }) } }
        stages:
          pictures: { load: { images: pictures/*.png, size: 16 } }
          noisy: { perturb: { images: pictures, return_step: "${step}" } }
        """
      try Data(recipe.utf8).write(to: URL(filePath: folder + "/bench.yaml"))
      settle()
      return try [("plan", ["plan"]), ("cost", ["plan", "--cost"]), ("jobs", ["submit"])].map { name, command in
        let seconds = try median { try self.seconds(command, folder) }
        var usage = rusage()
        getrusage(RUSAGE_CHILDREN.rawValue, &usage)
        return Figure(
          name: "100000 actions to run, their \(name)", seconds: seconds, goal: 5,
          megabytes: Double(usage.ru_maxrss) / 1024)
      }
    }
  }

  /// Recipes of many trivial actions, run once and then with everything cached.
  private func items() throws -> [Figure] {
    try [(1000, 0.050), (10_000, 0.200)].flatMap { count, goal in
      try inFolder { folder -> [Figure] in
        try Files.makeFolder(folder + "/pictures")
        for number in 0..<count {
          try picture(number).write(to: URL(filePath: "\(folder)/pictures/\(number).png"))
        }
        let recipe = """
          recipe: bench
          stages:
            pictures: { load: { images: pictures/*.png } }
            one: { load: { images: pictures/0.png } }
          outputs: [one]
          """
        try Data(recipe.utf8).write(to: URL(filePath: folder + "/bench.yaml"))
        settle()
        let first = try seconds(["run"], folder)
        let again = try median { try seconds(["run"], folder) }
        return [
          Figure(name: "\(count) trivial actions, each", seconds: first / Double(count), goal: 0.005),
          Figure(name: "\(count) actions, nothing to do", seconds: again, goal: goal),
        ]
      }
    }
  }

  /// A stage whose source is a folder of many files.
  private func folder() throws -> [Figure] {
    let count = 100_000
    return try inFolder { folder -> [Figure] in
      try Files.makeFolder(folder + "/files")
      for number in 0..<count { try Data("\(number)".utf8).write(to: URL(filePath: "\(folder)/files/\(number).txt")) }
      try model().write(to: URL(filePath: folder + "/files/model.safetensors"))
      let recipe = "recipe: bench\nstages: { model: { load: { diffusion: files } } }\n"
      try Data(recipe.utf8).write(to: URL(filePath: folder + "/bench.yaml"))
      settle()
      _ = try seconds(["run"], folder)
      return [
        Figure(
          name: "a source folder of \(count) files, planned", seconds: try median { try seconds(["plan"], folder) },
          goal: 0.5)
      ]
    }
  }

  // MARK: Measuring

  private func inFolder<Made>(_ work: (String) throws -> Made) throws -> Made {
    let folder = NSTemporaryDirectory() + "diffusionclip-bench-\(UUID().uuidString)"
    try Files.makeFolder(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try work(folder)
  }

  /// Digests of files are remembered once these have been left alone for two seconds.
  private func settle() { Thread.sleep(forTimeInterval: 2.5) }

  private func median(_ measure: () throws -> Double) rethrows -> Double {
    try (0..<7).map { _ in try measure() }.sorted()[3]
  }

  /// The wall time of a command on the recipe in `folder`.
  private func seconds(_ command: [String], _ folder: String) throws -> Double {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = command + ["bench.yaml", "--store", folder + "/store", "--json"]
    process.currentDirectoryURL = URL(filePath: folder)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    let clock = ContinuousClock()
    let start = clock.now
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw InputError("\(command[0]) of a recipe made for measuring ended with status \(process.terminationStatus)")
    }
    return (clock.now - start).seconds
  }
}
