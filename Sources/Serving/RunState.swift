import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import Reporting
import Runs

/// What a page shows of one run: what its record says, and what its events add to that while it goes on.
struct RunState {
  private static let mostLines = 200
  private static let mostPictures = 120

  let run: KeptRun
  private let record: JSON
  private let events: [JSON]

  /// - Throws: `StoreError` or `JSON.SyntaxError`.
  init(_ run: KeptRun) throws {
    self.run = run
    record = (try? run.wholeRecord()) ?? .object([])
    events = EventFile.events(in: (try run.file(KeptRun.events)) ?? Data())
  }

  /// A line of the list.
  static func summary(of run: KeptRun) -> JSON {
    [
      "recipe": .string(run.recipe), "id": .string(run.id), "state": .string(run.state.rawValue),
      "date": .optional(run.date), "seconds": run.seconds.map(JSON.double) ?? .null, "name": .optional(run.name),
      "note": .optional(run.note), "tags": .array(run.tags.map(JSON.string)), "params": .object(run.parameters),
      "commit": .optional(run.facts["git"]?["commit"]?.string),
      "measures": .object(run.measures.map { JSON.Member($0.name, .double($0.mean)) }),
    ]
  }

  /// All of it, with the graph as SVG.
  var json: JSON {
    let stages = Self.stages(of: record, events)
    let drawing = GraphDrawing(
      GraphNode.nodes(of: record), stages.mapValues { ($0.condition(run.state), $0.note(run.state)) })
    return [
      "summary": Self.summary(of: run), "error": .optional(run.error),
      "description": .optional(run.facts["description"]?.string), "overlays": run.facts["overlays"] ?? .object([]),
      "changed": run.facts["changed"] ?? .null, "host": .optional(run.host),
      "expectations": run.facts["expectations"] ?? .array([]), "graph": .string(drawing.svg),
      "progress": .array(progress), "previews": .array(previews), "curves": curves, "pictures": .array(pictures),
      "log": .array(log),
      "report": .bool(run.files.contains(FileName.report)),
    ]
  }

  // MARK: Stages

  /// How far the actions of a stage are.
  private struct Stage {
    var cached = 0
    var running = 0
    var done = 0
    var failed = 0

    func condition(_ state: KeptRun.State) -> GraphDrawing.Condition {
      if failed > 0 { return .failed }
      if running > 0, state == .running { return .running }
      if done > 0 { return .ran }
      return cached > 0 ? .cached : .missing
    }

    func note(_ state: KeptRun.State) -> String {
      if failed > 0 { return "\(failed) failed" }
      if running > 0, state == .running { return done > 0 ? "\(done) done, \(running) now" : "\(running) now" }
      if done > 0 { return "\(done) ran" }
      return cached > 0 ? "\(cached) cached" : state == .running ? "waits" : "not made"
    }
  }

  private static func stages(of record: JSON, _ events: [JSON]) -> [String: Stage] {
    var stages: [String: Stage] = [:]
    var running: [String: Set<String>] = [:]
    for event in events {
      guard let stage = event["stage"]?.string, let id = event["id"]?.string else { continue }
      switch event["event"]?.string {
      case "started": running[stage, default: []].insert(id)
      case "done":
        running[stage]?.remove(id)
        stages[stage, default: Stage()].done += 1
      case "failed":
        running[stage]?.remove(id)
        stages[stage, default: Stage()].failed += 1
      default: break
      }
    }
    // Until the record lists the actions, the events tell how many are cached.
    if record["actions"] == nil {
      for event in events where event["event"] == "cached" {
        for stage in event["stages"]?.members ?? [] {
          stages[stage.name, default: Stage()].cached += stage.value.int ?? 0
        }
      }
    }
    for (stage, actions) in running { stages[stage, default: Stage()].running = actions.count }
    for action in record["actions"]?.array ?? [] where action["status"] == "cached" {
      // The stage at its place in the sweeps is what the action's name begins with.
      guard let id = action["id"]?.string else { continue }
      let item = action["item"]?.string.map { "/" + $0 } ?? ""
      let stage = String(decoding: id.utf8.dropLast(item.utf8.count), as: UTF8.self)
      stages[stage, default: Stage()].cached += 1
    }
    return stages
  }

  // MARK: Events

  /// Of each action that goes on, how far it is.
  private var progress: [JSON] {
    guard run.state == .running else { return [] }
    var latest: [String: JSON] = [:]
    var order: [String] = []
    for event in events {
      guard let id = event["id"]?.string else { continue }
      switch event["event"]?.string {
      case "started", "progress":
        if latest.updateValue(event, forKey: id) == nil { order.append(id) }
      case "done", "failed": latest[id] = nil
      default: break
      }
    }
    return order.compactMap { latest[$0] }
  }

  /// What actions show on their way, the latest of each: the name of a picture in the run's folder.
  private var previews: [JSON] {
    var latest: [String: JSON] = [:]
    for event in events where event["event"] == "preview" {
      guard let id = event["id"]?.string, let file = event["file"]?.string, file.hasSuffix(".png"),
        let folder = file.parentFolder.parts(at: "/").last
      else { continue }
      let name = "\(KeptRun.previews)/\(folder)/\(file.fileName)"
      latest[id] = ["id": .string(id), "file": .string(name)]
    }
    return latest.sorted { $0.key < $1.key }.map(\.value)
  }

  /// Of each action and value: `{"stage", "item", "value", "points": [[completed, value], …]}`.
  private var curves: JSON {
    var curves: [(facts: [JSON.Member], points: [JSON])] = []
    var places: [String: Int] = [:]
    for event in events where event["event"] == "progress" {
      guard let id = event["id"]?.string, let x = event["completed"]?.int else { continue }
      for value in event["values"]?.members ?? [] {
        guard let y = value.value.double, y.isFinite else { continue }
        let name = "\(id): \(value.name)"
        let place = places[name] ?? curves.count
        if place == curves.count {
          let facts: [JSON.Member] = [
            .init("stage", event["stage"] ?? .null), .init("item", event["item"] ?? .null),
            .init("value", .string(value.name)),
          ]
          curves.append((facts, []))
          places[name] = place
        }
        curves[place].points.append([.int(x), .double(y)])
      }
    }
    return .array(curves.map { .object($0.facts + [.init("points", .array($0.points))]) })
  }

  /// What there is to see, the last stage first: of a run that has ended its pictures, by the objects that they are; of
  /// one that goes on what its actions made, by the keys under which the store has it.
  private var pictures: [JSON] {
    let artifacts = record["artifacts"]?.array ?? []
    let sets = artifacts.reversed().filter { $0["type"] == "images" }
    let made = sets.flatMap { artifact in
      (artifact["items"]?.array ?? []).map { item -> JSON in
        ["stage": artifact["stage"] ?? .null, "item": item["name"] ?? .null, "object": item["object"] ?? .null]
      }
    }
    return Array((artifacts.isEmpty ? arriving : made).prefix(Self.mostPictures))
  }

  private var arriving: [JSON] {
    let stages = (record["stages"]?.array ?? []).filter { stage in
      (stage["makes"]?.array ?? []).contains { $0 == "images" || $0 == "figure" }
    }
    let showing = Set(stages.compactMap { $0["id"]?.string })
    return events.reversed().filter { event in
      event["event"] == "done" && event["stage"]?.string.map(showing.contains) == true
    }.map { ["stage": $0["stage"] ?? .null, "item": $0["item"] ?? .null, "key": $0["key"] ?? .null] }
  }

  private var log: [JSON] {
    events.filter { ["log", "notice", "failed"].contains($0["event"]?.string) }.suffix(Self.mostLines).map { event in
      let text = event["line"]?.string ?? event["message"]?.string ?? ""
      return .string((event["id"]?.string.map { "\($0): " } ?? "") + text)
    }
  }
}

/// The file of a run's events.
enum EventFile {
  /// Those in its bytes; a line that is not whole yet is none.
  static func events(in data: Data) -> [JSON] {
    guard let end = data.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    return data[..<end].split(separator: UInt8(ascii: "\n")).compactMap { try? JSON(parsing: Data($0)) }
  }
}
