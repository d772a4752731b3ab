import Escaping
import Foundation
import StageKit

/// A workflow as a plain bash script of `sbatch` calls.
struct SlurmScript {
  let workflow: Workflow
  let submission: Submission
  /// Options for every `sbatch`, such as `--partition=cpu`.
  let options: [String]

  var text: String {
    let jobs = workflow.jobs
    let own = options.map { " " + Escape.shell($0) }.joined()
    var text = """
      #!/usr/bin/env bash
      # Jobs for Slurm that make what recipe '\(Escape.onOneLine(workflow.plan.recipe))' asks for and the store lacks. To submit them, run this.
      # Their numbers are noted in jobs.tsv; what they say goes to logs.
      set -euo pipefail
      cd \(Escape.shell(submission.folder))
      mkdir -p logs
      : >jobs.tsv

      declare -A job
      # submit NUMBER OPTION…: one job, whose script is the standard input.
      submit() {
        local id
        id=$(sbatch --parsable --kill-on-invalid-dep=yes --requeue --open-mode=append --nodes=1 --ntasks=1\(own) "${@:2}")
        job[$1]=${id%%;*}
        printf '%s\\t%s\\n' "$1" "${job[$1]}" >>jobs.tsv
      }
      # If a submission fails midway, the jobs already queued are cancelled.
      trap 'status=$?; if ((status)) && [[ -s jobs.tsv ]]; then scancel $(cut -f2 jobs.tsv); fi' EXIT

      """
    for (number, job) in jobs.enumerated() { text += lines(of: job, number: number + 1) }
    let finish = resources(Workflow.Limits(seconds: 0, megabytes: 1024), threads: 1)
    return text + """

      # Whatever became of the others: is all there and whole, are the expectations met?
      submit finish --job-name=\(Escape.shell(Escape.onOneLine("finish \(workflow.plan.recipe)"))) \\
        \(jobs.isEmpty ? "" : "--dependency=afterany:$(IFS=:; echo \"${job[*]}\") ")\(finish) --output=logs/finish.log <<'TASK'
      #!/usr/bin/env bash
      exec ./exec.sh \(submission.finish)\(Self.threads)
      TASK

      echo "\(Readable.count(jobs.count + 1, "job")) submitted, the last is ${job[finish]}"

      """
  }

  private func lines(of job: Workflow.Job, number: Int) -> String {
    let isArray = job.tasks.count > 1
    let options = [
      "--job-name=\(Escape.shell(Escape.onOneLine(job.name)))", isArray ? "--array=1-\(job.tasks.count)" : nil,
      dependency(of: job),
    ].compactMap(\.self).joined(separator: " ")
    return """

      # \(Escape.onOneLine(job.name)): \(Readable.count(job.tasks.count, "task")) of about \(Readable.duration(job.seconds))
      submit \(number) \(options) \\
        \(resources(job.limits, threads: job.threads))\(job.usesCard ? " --gres=gpu:1" : "") --output=logs/\(number)\(isArray ? "-%a" : "").log <<'TASK'
      #!/usr/bin/env bash
      \(script(of: job))
      TASK

      """
  }

  private func resources(_ limits: Workflow.Limits, threads: Int) -> String {
    "--cpus-per-task=\(threads) --mem=\(limits.megabytes)M --time=\(limits.minutes)"
  }

  private func dependency(of job: Workflow.Job) -> String? {
    let lists = job.needs.reduce(into: (corresponding: "", all: "")) { lists, need in
      switch need {
      case .corresponding(let number): lists.corresponding += ":${job[\(number + 1)]}"
      case .all(let number): lists.all += ":${job[\(number + 1)]}"
      }
    }
    let parts = [
      lists.corresponding.isEmpty ? nil : "aftercorr\(lists.corresponding)",
      lists.all.isEmpty ? nil : "afterok\(lists.all)",
    ].compactMap(\.self)
    return parts.isEmpty ? nil : "--dependency=" + parts.joined(separator: ",")
  }

  // MARK: What a job does

  private static let threads = " --threads \"$SLURM_CPUS_PER_TASK\""

  /// The options that say what a job computes with.
  private func computing(_ job: Workflow.Job) -> String { Self.threads + (job.usesCard ? " --device gpu" : "") }

  private func script(of job: Workflow.Job) -> String {
    let first = job.tasks[0]
    let parts = job.tasks.count
    // The usual case: each task is one part of the same stages.
    let isUniform = job.tasks.enumerated().allSatisfy { number, task in
      task.map(\.stage) == first.map(\.stage) && task.allSatisfy { $0.part == number + 1 && $0.parts == parts }
    }
    if isUniform {
      let part = parts > 1 ? " --part \"$SLURM_ARRAY_TASK_ID/\(parts)\"" : ""
      return "exec ./exec.sh" + first.map { " --action \(Escape.shell($0.stage))" }.joined() + part + computing(job)
    }
    // Where sweeps have many places, several share a job.
    let cases = job.tasks.enumerated().map { number, task in
      "\(number + 1))\n" + Self.runs(of: task).map { "  \(command($0, of: job)) || status=$?\n" }.joined() + "  ;;\n"
    }
    return "status=0\ncase ${SLURM_ARRAY_TASK_ID:-1} in\n\(cases.joined())esac\nexit $status"
  }

  /// The pieces of a task, those of the same part together.
  private static func runs(of task: Workflow.Task) -> [[Partition.Shard]] {
    task.reduce(into: []) { runs, piece in
      if let last = runs.last?.last, (last.part, last.parts) == (piece.part, piece.parts) {
        runs[runs.count - 1].append(piece)
      } else {
        runs.append([piece])
      }
    }
  }

  /// Executes pieces of the same part.
  private func command(_ pieces: [Partition.Shard], of job: Workflow.Job) -> String {
    let part = pieces[0].parts > 1 ? " --part \(pieces[0].part)/\(pieces[0].parts)" : ""
    return "./exec.sh" + pieces.map { " --action \(Escape.shell($0.stage))" }.joined() + part + computing(job)
  }
}
