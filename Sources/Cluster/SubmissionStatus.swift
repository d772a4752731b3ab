import ArtifactStore
import Engine
import Escaping
import Foundation
import JSONSyntax
import StageKit

/// How far the jobs of a submission are: by their receipts, and by what is in Slurm's queue.
public struct SubmissionStatus: Sendable {
  public enum State: String, Sendable {
    case done, running, waiting
    /// It has begun and is neither done nor in the queue.
    case failed
    /// It never began, because what it needs failed, or somebody cancelled it.
    case cancelled
  }

  /// Tasks of one job.
  public struct Job: Sendable {
    public let name: String
    /// As Slurm numbers it; nil for an engine that is asked itself.
    public let id: String?
    public let states: [State]
    /// What the first task that failed said last, and where it said it.
    public let complaint: (line: String, log: String)?

    func count(_ state: State) -> Int { states.count { $0 == state } }
  }

  public let jobs: [Job]
  /// How the plan ended; nil before that.
  public let end: ExitStatus?

  /// The status that a shell is told: while nothing has failed, that all is well.
  public var status: ExitStatus {
    if let end, !isGoing { return end }
    return jobs.contains { $0.count(.failed) + $0.count(.cancelled) > 0 } ? .stageFailed : .done
  }

  /// Whether something is still to come.
  public var isGoing: Bool { jobs.contains { $0.count(.running) + $0.count(.waiting) > 0 } }

  public var text: String {
    let order: [State] = [.done, .running, .waiting, .failed, .cancelled]
    var text = AlignedText.rows(
      jobs.map { job in
        let counts = order.filter { job.count($0) > 0 }.map { state in
          job.states.count == 1 ? state.rawValue : "\(job.count(state)) \(state.rawValue)"
        }
        return [job.id ?? "", Escape.onOneLine(job.name), counts.joined(separator: ", ")]
      })
    for job in jobs {
      guard let complaint = job.complaint else { continue }
      text += "\(Escape.onOneLine(job.name)): \(complaint.line)\n  \(complaint.log)\n"
    }
    return text
  }

  /// `{"jobs": [{"name", "id", "done", "running", "waiting", "failed", "cancelled"}], "going", "status"}`
  public var json: JSON {
    [
      "jobs": .array(
        jobs.map { job in
          [
            "name": .string(job.name), "id": .optional(job.id), "done": .int(job.count(.done)),
            "running": .int(job.count(.running)), "waiting": .int(job.count(.waiting)),
            "failed": .int(job.count(.failed)), "cancelled": .int(job.count(.cancelled)),
          ]
        }),
      "going": .bool(isGoing), "status": .int(Int(status.rawValue)),
    ]
  }
}

extension Submission {
  /// The numbers that Slurm gave the jobs, by their numbers here; empty where nothing was submitted.
  private func slurmIDs() throws -> [(number: String, id: String)] {
    let text = try Files.read(place["jobs.tsv"]).map { String(decoding: $0, as: UTF8.self) } ?? ""
    return text.split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "\t")
      guard cells.count == 2, cells[1].allSatisfy(\.isASCII), cells[1].allSatisfy(\.isNumber) else { return nil }
      return (String(cells[0]), String(cells[1]))
    }
  }

  /// - Throws: `InputError` where the plan was never submitted; ``ClusterError`` where Slurm does not answer.
  public func status() throws -> SubmissionStatus {
    guard let data = try Files.read(place["workflow.json"]), let jobs = try? JSON(parsing: data).array else {
      throw InputError(
        "this plan was not submitted from the store \(store.folder): `submit` it first, with the same `--set`")
    }
    let ids = Dictionary(try slurmIDs().map { ($0.number, $0.id) }) { $1 }
    let queue = ids.isEmpty ? [:] : try SlurmQueue.states(of: Array(ids.values))
    let receipts = Set(try Files.names(in: self.receipts))
    var found = try jobs.enumerated().map { number, job in
      let tasks = (job["receipts"]?.array ?? []).map { ($0.array ?? []).compactMap(\.string) }
      return try self.job(
        job["name"]?.string ?? "", number: "\(number + 1)", id: ids["\(number + 1)"], queue,
        isDone: tasks.map(receipts.isSuperset))
    }
    let end = try Files.read(self.receipts[StageExecution.finishReceipt]).flatMap {
      try? JSON.member("status", of: $0)
    }
    let status = end?.int.flatMap { ExitStatus(rawValue: Int32(clamping: $0)) }
    found.append(try job("finish", number: "finish", id: ids["finish"], queue, isDone: [status != nil]))
    return SubmissionStatus(jobs: found, end: status)
  }

  private func job(
    _ name: String, number: String, id: String?, _ queue: [SlurmQueue.Task: SlurmQueue.State], isDone: [Bool]
  ) throws -> SubmissionStatus.Job {
    let logs = isDone.indices.map { place["logs/\(number)\(isDone.count > 1 ? "-\($0 + 1)" : "").log"] }
    let states = try isDone.enumerated().map { place, isDone -> SubmissionStatus.State in
      if isDone { return .done }
      guard let id else { return .waiting }
      switch queue[SlurmQueue.Task(job: id, number: place + 1)] ?? queue[SlurmQueue.Task(job: id, number: nil)] {
      case .running: return .running
      case .waiting: return .waiting
      case nil: return try Files.status(of: logs[place]) == nil ? .cancelled : .failed
      }
    }
    let first = states.firstIndex(of: .failed)
    let complaint = try first.flatMap { place in
      try Files.read(logs[place]).flatMap { data in
        String(decoding: data.suffix(4096), as: UTF8.self).split(separator: "\n").last.map {
          (String($0), logs[place].path)
        }
      }
    }
    return SubmissionStatus.Job(name: name, id: id, states: states, complaint: complaint)
  }

  /// - Throws: `InputError` where jobs of an earlier submission are in the queue.
  public func requireIdle() throws {
    let ids = try slurmIDs().map(\.id)
    guard !ids.isEmpty, try !SlurmQueue.states(of: ids).isEmpty else { return }
    throw InputError("jobs of this very plan are in the queue: see `submit --status`, or `submit --cancel` first")
  }

  /// Cancels what is in the queue.
  public func cancel() throws {
    let ids = try slurmIDs().map(\.id)
    guard !ids.isEmpty else {
      throw InputError("no jobs of this plan are noted in \(folder)/jobs.tsv: nothing was submitted to Slurm")
    }
    try ClusterCommand.run(["scancel"] + ids)
  }

  /// Runs the script for Slurm: what it prints.
  public func submit() throws -> String { try ClusterCommand.run(["bash", script(for: .slurm)]) }
}

/// What `squeue` says.
enum SlurmQueue {
  enum State {
    case running, waiting
  }

  /// A task of an array, or, where there is no number, a job that is none, or all tasks of one that have not begun.
  struct Task: Hashable {
    let job: String
    let number: Int?
  }

  /// The jobs that are in the queue.
  static func states(of ids: [String]) throws -> [Task: State] {
    // One that is no longer known is an error where it is the only one asked for: so all of the user's are listed.
    let text = try ClusterCommand.run(["squeue", "--noheader", "--array", "--me", "--format=%F|%K|%T"])
    let wanted = Set(ids)
    var states: [Task: State] = [:]
    for line in text.split(separator: "\n") {
      let cells = line.trimmingCharacters(in: .whitespaces).split(separator: "|", omittingEmptySubsequences: false)
      guard cells.count == 3, wanted.contains(String(cells[0])) else { continue }
      let isWaiting = ["PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"].contains(cells[2])
      states[Task(job: String(cells[0]), number: Int(cells[1]))] = isWaiting ? .waiting : .running
    }
    return states
  }
}

/// A command of a cluster engine could not be run, or said that it failed.
public struct ClusterError: Error, CustomStringConvertible {
  public let description: String
}

enum ClusterCommand {
  /// What the command prints.
  /// - Throws: ``ClusterError``.
  @discardableResult
  static func run(_ words: [String]) throws -> String {
    let process = Process()
    let (output, errors) = (Pipe(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = words
    (process.standardOutput, process.standardError) = (output, errors)
    do { try process.run() } catch { throw ClusterError(description: "\(words[0]) cannot be run: \(error)") }
    // Both are short, so that neither fills its pipe while the other is read.
    let printed = output.fileHandleForReading.readDataToEndOfFile()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let message = String(decoding: said.suffix(2000), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      throw ClusterError(
        description: process.terminationStatus == 127
          ? "\(words[0]) is not here: this has to run where Slurm's commands are"
          : "\(words[0]) failed: \(message)")
    }
    return String(decoding: printed, as: UTF8.self)
  }
}
