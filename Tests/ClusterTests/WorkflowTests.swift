import ArtifactStore
import Costing
import Engine
import EngineTestSupport
import Escaping
import Foundation
import Planning
import Testing

@testable import Cluster

/// How a plan is cut into jobs.
struct WorkflowTests {
  private static let sweeping = Workshop.standardRecipe.replacing(
    "params: { target: angry, steps: 2 }", with: "params: { target: { sweep: [angry, happy, sad] }, steps: 2 }")

  private func workflow(
    _ recipe: String = Workshop.standardRecipe, task: Double, bundles: Bool = true, jobLimit: Int = 900
  ) throws -> Workflow {
    var shape = Workflow.Shape(taskSeconds: task, threads: 4, bundlesQuickStages: bundles)
    shape.jobLimit = jobLimit
    let workshop = try Workshop(recipe: recipe)
    let plan = try workshop.plan()
    let dryRun = try DryRun(of: plan, in: Store(at: workshop.store))
    return Workflow(try CostEstimate(of: dryRun, for: plan, threads: 1) { _ in 1e9 }, shape: shape)
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
