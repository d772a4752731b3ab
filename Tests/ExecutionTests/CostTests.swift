import ArtifactStore
import Escaping
import Foundation
import Planning
import Testing

@testable import Execution

/// What a plan will take, and how it is cut into jobs.
struct CostTests {
  private func cost(
    _ workshop: Workshop, threads: Int = 1, set overlays: [String] = []
  ) throws -> (CostEstimate, Plan) {
    let plan = try Planner.plan(recipeAt: workshop.recipe, kinds: TestKinds.all, overlays: overlays)
    let store = try Store(at: workshop.store)
    let dryRun = try DryRun(of: plan, in: store)
    return (try CostEstimate(of: dryRun, for: plan, threads: threads) { 1e9 }, plan)
  }

  private static let sweeping = Workshop.standardRecipe.replacing(
    "params: { target: angry, steps: 2 }", with: "params: { target: { sweep: [angry, happy, sad] }, steps: 2 }")

  @Test func whatIsDoneCostsNothing() async throws {
    let workshop = try Workshop()
    let (before, plan) = try cost(workshop)
    #expect(before.runs == 14, "3 images in 4 stages, a tuning, a figure")
    #expect(before.stages.allSatisfy { $0.basis == .assumed && $0.runs == $0.actions })
    try await workshop.run()
    let (after, _) = try cost(workshop)
    #expect(after.runs == 0 && after.seconds == 0)
    #expect(after.stages.map(\.stage.id) == plan.stages.map(\.id))
    // One more image: one more of each that goes item by item, and all of the rest. Records tell how long.
    try workshop.write("dan", to: "images/dan.txt")
    let (more, _) = try cost(workshop)
    #expect(more.stages.filter { $0.runs > 0 }.map(\.basis).allSatisfy { $0 == .records })
    #expect(more.stages.first { $0.stage.id == "latents" }.map { [$0.runs, $0.actions] } == [1, 4])
  }

  @Test func schedules() throws {
    let (cost, _) = try cost(try Workshop())
    let schedule = Schedule(cost)
    let each = cost.stages[0].seconds
    func units(_ workers: Int) -> Double { (schedule.seconds(workers: workers) / each * 1e6).rounded() / 1e6 }
    #expect(units(1) == 14)
    #expect(schedule.criticalPath.stages == ["portraits", "latents", "tuned", "edited", "scores"])
    #expect((schedule.criticalPath.seconds / each * 1e6).rounded() / 1e6 == 5)
    #expect(units(3) == 6, "with the figure beside two of the scores, and the third after them")
    #expect(units(4) == 5)
    #expect(units(1000) == 5)
  }

  @Test func schedulesOfSweeps() throws {
    let (cost, _) = try cost(try Workshop(recipe: Self.sweeping))
    let schedule = Schedule(cost)
    let times = (0...8).map { schedule.seconds(workers: 1 << $0) }
    #expect(abs(times[0] - cost.seconds) < 1e-9)
    for (workers, time) in times.enumerated() {
      #expect(time >= cost.seconds / Double(1 << workers) - 1e-9 && time >= schedule.criticalPath.seconds - 1e-9)
    }
    #expect(zip(times, times.dropFirst()).allSatisfy { $1 <= $0 + 1e-9 })
    #expect(abs(times[8] - schedule.criticalPath.seconds) < 1e-9)
  }

  // MARK: Jobs

  private func workflow(
    _ recipe: String = Workshop.standardRecipe, task: Double, bundles: Bool = true, jobLimit: Int = 900
  ) throws -> Workflow {
    var shape = Workflow.Shape(taskSeconds: task, threads: 4, bundlesQuickStages: bundles)
    shape.jobLimit = jobLimit
    return Workflow(try cost(try Workshop(recipe: recipe)).0, shape: shape)
  }

  /// What is wrong with a workflow: pieces that are missing or there twice, or that wait for too little or too late.
  private func problems(_ workflow: Workflow) -> [String] {
    var problems: [String] = []
    var places: [Partition.Shard: (job: Int, task: Int)] = [:]
    for (number, job) in workflow.jobs.enumerated() {
      for (place, task) in job.tasks.enumerated() {
        for piece in task where places.updateValue((number, place), forKey: piece) != nil {
          problems.append("\(piece) is there twice")
        }
      }
    }
    for stage in workflow.division.stages.keys {
      let parts = workflow.division.parts(of: stage)
      for part in 1...parts where places[.init(stage: stage, part: part, parts: parts)] == nil {
        problems.append("\(stage) \(part) of \(parts) is in no job")
      }
    }
    for (piece, place) in places {
      for need in workflow.division.needs(of: piece) {
        let parts = workflow.division.parts(of: need.stage)
        let needed = need.piece.map { [$0] } ?? (1...parts).map { .init(stage: need.stage, part: $0, parts: parts) }
        for other in needed {
          guard let before = places[other] else { continue }
          let job = workflow.jobs[place.job]
          if before.job == place.job {
            let order = job.tasks[place.task]
            if before.task != place.task || order.firstIndex(of: other)! > order.firstIndex(of: piece)! {
              problems.append("\(piece) does not come behind \(other)")
            }
          } else if !job.needs.contains(.all(before.job)),
            !(job.needs.contains(.corresponding(before.job)) && before.task == place.task)
          {
            problems.append("\(piece) does not wait for \(other)")
          } else if before.job > place.job {
            problems.append("\(piece) is submitted before \(other)")
          }
        }
      }
    }
    for (number, job) in workflow.jobs.enumerated() {
      for case .corresponding(let other) in job.needs where workflow.jobs[other].tasks.count != job.tasks.count {
        problems.append("\(number) does not have as many tasks as \(other)")
      }
    }
    return problems
  }

  @Test func jobsOfAShortRecipe() throws {
    let workflow = try workflow(task: 1000)
    #expect(workflow.jobs.count == 1, "nothing is worth a job of its own")
    #expect(problems(workflow) == [])
  }

  /// Where each stage is long: items in arrays that follow each other task by task.
  @Test func jobsOfALongRecipe() throws {
    let workflow = try workflow(task: 0.05)
    #expect(problems(workflow) == [])
    #expect(workflow.jobs.map(\.name) == ["portraits", "latents", "tuned", "edited", "scores", "sheet"])
    #expect(workflow.jobs.map(\.tasks.count) == [3, 3, 1, 3, 3, 1])
    #expect(
      workflow.jobs.map(\.needs) == [
        [], [.corresponding(0)], [.all(1)], [.corresponding(1), .all(2)], [.corresponding(0), .corresponding(3)],
        [.all(0), .all(3)],
      ])
  }

  /// A quick stage shares a job only with those that wait for the same and are waited for by the same.
  @Test func quickStagesShareJobs() throws {
    // Of 14 actions of 0.1 s, the stages of three items are long where a task is 0.6 s: more than half of that.
    let workflow = try workflow(Self.sweeping, task: 0.6)
    #expect(problems(workflow) == [])
    let names = workflow.jobs.map(\.name)
    #expect(names.contains("tuned[target=angry]") && names.contains("tuned[target=sad]"))
    #expect(workflow.jobs.count < workflow.division.stages.count || names.contains("sheet"))
  }

  @Test(arguments: [0.05, 0.15, 0.3, 0.6, 5, 1000], [true, false])
  func jobsOfSweeps(task: Double, bundles: Bool) throws {
    let workflow = try workflow(Self.sweeping, task: task, bundles: bundles)
    #expect(problems(workflow) == [])
  }

  /// Where there would be too many jobs, places of sweeps share them.
  @Test(arguments: [8, 6, 4], [0.05, 0.3])
  func fewerJobs(limit: Int, task: Double) throws {
    let workflow = try workflow(Self.sweeping, task: task, jobLimit: limit)
    #expect(problems(workflow) == [])
    #expect(workflow.jobs.count <= max(limit, 6), "\(workflow.jobs.map(\.name))")
  }

  @Test(arguments: [
    ("plain-1.0/x", "plain-1.0/x"), ("", "''"), ("two words", "'two words'"), ("it's", "'it'\\''s'"),
    ("a\nb\\'", "$'a\\x0ab\\\\\\''"), ("$HOME `x`", "'$HOME `x`'"), ("é", "'é'"), ("noisy[step=1]", "'noisy[step=1]'"),
  ])
  func quotes(text: String, quoted: String) throws {
    #expect(Escape.shell(text) == quoted)
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = ["-c", "printf %s \(Escape.shell(text))"]
    process.standardOutput = output
    try process.run()
    #expect(String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self) == text)
  }
}
