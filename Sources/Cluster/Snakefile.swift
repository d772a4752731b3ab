import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import OrderedCollections

/// A workflow for Snakemake 8 or later: a rule for each stage of the recipe, whose wildcards are its place in the sweeps
/// and the part of its items. What the pieces are is in tasks.json.
struct Snakefile {
  let workflow: Workflow
  let submission: Submission

  private struct Rule {
    /// The stage, as the recipe calls it, and as Python may.
    let stage: String
    let name: String
    /// The stage's places in sweeps, by id, and how many parts each has.
    let places: [(id: String, parts: Int)]
    let job: Workflow.Job
    /// Whether it is not worth a job.
    let isQuick: Bool
  }

  private let rules: [Rule]
  /// By stage id: its rule's name, and its place.
  private let places: [String: (rule: String, place: Int)]

  init(workflow: Workflow, submission: Submission) {
    self.workflow = workflow
    self.submission = submission
    let stages = workflow.division.stages.values
    let groups = OrderedDictionary(grouping: stages) { $0.stage.name }
    let jobs = Dictionary(
      workflow.jobs.flatMap { job in job.tasks.joined().map { ($0.stage, job) } },
      uniquingKeysWith: { first, _ in first })
    var names: Set<String> = ["all", "finish"]
    rules = groups.map { stage, members in
      var name = String(decoding: stage.utf8.map { Escape.isLetterOrDigit($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
      name = "stage_" + name
      while !names.insert(name).inserted { name += "_" }
      let ids = members.map(\.stage.id)
      let own = ids.compactMap { jobs[$0] }
      let largest = own.max { $0.seconds < $1.seconds } ?? own[0]
      return Rule(
        stage: stage, name: name, places: ids.map { ($0, workflow.division.parts(of: $0)) }, job: largest,
        isQuick: members.allSatisfy { $0.totalSeconds < 60 && !$0.isParallel })
    }
    places = Dictionary(
      uniqueKeysWithValues: rules.flatMap { rule in
        rule.places.enumerated().map { ($1.id, (rule.name, $0 + 1)) }
      })
  }

  /// The files that tell that the pieces of a stage are done are called so, and end in `.PART.json`.
  private func prefix(_ stage: String) -> String {
    let (rule, place) = places[stage] ?? ("", 0)
    return "done/\(rule).\(place)"
  }

  /// `{RULE: [{"stage", "parts", "needs": [FILE], "own": [PREFIX]}]}`, the places in the order of the sweeps: what all parts
  /// wait for, and of what each waits for the part with its own number.
  var tasks: JSON {
    .object(
      rules.map { rule in
        .init(
          rule.name,
          .array(
            rule.places.map { id, parts in
              let needs = workflow.division.needs(of: .init(stage: id, part: 1, parts: parts))
              let isOwn = { (need: Partition.Need) in need.piece != nil && parts > 1 && need.piece?.parts == parts }
              let files = needs.filter { !isOwn($0) }.flatMap { need in
                (1...workflow.division.parts(of: need.stage)).map { "\(prefix(need.stage)).\($0).json" }
              }
              return [
                "stage": .string(id), "parts": .int(parts), "needs": .array(files.map(JSON.string)),
                "own": .array(needs.filter(isOwn).map { .string(prefix($0.stage)) }),
              ]
            }))
      })
  }

  var text: String {
    let file = Escape.shell(submission.script(for: .snakemake))
    let head = """
      # Makes what recipe '\(Escape.onOneLine(workflow.plan.recipe))' asks for and the store lacks. On this machine:
      #
      #   snakemake -s \(file) --cores 8\(workflow.usesCards ? " --resources gpu=1" : "")
      #
      # As jobs of Slurm, or by another command that submits a script and prints the job's number
      # (pip install snakemake-executor-plugin-cluster-generic):
      #
      #   snakemake -s \(file) --jobs 100 --keep-going --executor cluster-generic \\
      #     --cluster-generic-submit-cmd 'sbatch --parsable --requeue --output=logs/%j.log --cpus-per-task={threads} --mem={resources.mem_mb}M --time={resources.runtime}\(workflow.usesCards ? " --gres=gpu:{resources.gpu}" : "")' \\
      #     --cluster-generic-status-cmd \(Escape.shell(submission.folder + "/slurm-status.sh")) --cluster-generic-cancel-cmd scancel
      #
      # On Kubernetes, with the store and the recipe's files on claimed volumes that this machine has at the same places, and
      # in an image that has Snakemake and this program (pip install snakemake-executor-plugin-kubernetes
      # snakemake-storage-plugin-fs, which takes rsync):
      #
      #   snakemake -s \(file) --jobs 100 --keep-going --executor kubernetes \\
      #     --container-image REGISTRY/diffusionclip --kubernetes-persistent-volumes CLAIM:\(Escape.shell(submission.store.folder)) \\
      #     --default-storage-provider fs --default-storage-prefix \(Escape.shell(submission.folder + "/storage")) \\
      #     --remote-job-local-storage-prefix /tmp/storage
      import json
      from pathlib import Path

      workdir: \(Escape.python(submission.folder))

      EXEC = \(Escape.python(Escape.shell(submission.folder + "/exec.sh")))
      TASKS = json.loads(Path(\(Escape.python(submission.folder + "/tasks.json"))).read_text())


      def needed(rule):
          "What a piece waits for. Their times do not matter: a receipt is of this very plan."
          def files(wildcards):
              found = TASKS[rule][int(wildcards.place) - 1]
              return found["needs"] + [f"{prefix}.{wildcards.part}.json" for prefix in found["own"]]
          return files


      def task(rule, key):
          return lambda wildcards: TASKS[rule][int(wildcards.place) - 1][key]


      wildcard_constraints:
          place=r"\\d+",
          part=r"\\d+",


      rule finish:
          input:
              [
                  ancient(f"done/{rule}.{place}.{part}.json")
                  for rule, places in TASKS.items()
                  for place, task in enumerate(places, 1)
                  for part in range(1, task["parts"] + 1)
              ],
          output:
              "done/finish.json",
          localrule: True
          shell:
              "{EXEC} \(Escape.snakemakeShell(submission.finish)) --receipt {output:q}"

      """
    return head
      + rules.map { rule in
        """


        rule \(rule.name):
            input:
                ancient(needed("\(rule.name)")),
            output:
                "done/\(rule.name).{place}.{part}.json",
            params:
                stage=task("\(rule.name)", "stage"),
                parts=task("\(rule.name)", "parts"),
            localrule: \(rule.isQuick ? "True" : "False")
            threads: \(rule.job.threads)
            resources:
                mem_mb=\(rule.job.limits.megabytes),
                runtime=\(rule.job.limits.minutes),\(workflow.usesCards ? "\n                gpu=\(rule.job.usesCard ? 1 : 0)," : "")
            shell:
                "{EXEC} --action {params.stage:q} --part {wildcards.part}/{params.parts} --threads {threads}\(rule.job.usesCard ? " --device gpu" : "") --receipt {output:q}"

        """
      }.joined()
  }

  /// Answers Snakemake's question after a job of Slurm.
  static let statusScript = """
    #!/usr/bin/env bash
    # slurm-status.sh JOB: running, success or failed.
    state=$(sacct --noheader --parsable2 --allocations --format=State --jobs="$1" 2>/dev/null | head -n 1)
    [[ -n $state ]] || state=$(scontrol --oneliner show job "$1" 2>/dev/null | sed -n 's/.* JobState=\\([A-Z_]*\\).*/\\1/p')
    case $state in
    COMPLETED*) echo success ;;
    PENDING* | RUNNING* | CONFIGURING* | COMPLETING* | SUSPENDED* | REQUEUED* | RESIZING* | "") echo running ;;
    *) echo failed ;;
    esac

    """
}
