import ArtifactStore
import Engine
import Escaping
import Foundation
import Imaging
import OrderedCollections
import Planning
import RecipeSyntax
import Runs
import StageKit

/// A run as a page that needs nothing else: pictures, numbers, curves, the graph, timings, provenance.
package struct Report {
  let record: RunRecord
  private var plan: Plan { record.plan }
  private let stageActions: [String: [ActionResult]]

  package init(of record: RunRecord) {
    self.record = record
    stageActions = Dictionary(grouping: record.actions, by: \.stage.id)
  }

  /// The page.
  /// - Throws: `StoreError`, ``ExecutionError`` or what the formats throw.
  package var html: String {
    get throws {
      let sections: [(title: String, body: String)] = [
        (record.outcome.error == nil ? "Not the whole recipe" : "What went wrong", shortcomings),
        ("Results", try pictures),
        ("Expectations", expectations),
        ("Numbers", try numbers),
        ("What stands out", try extremes),
        ("Curves", try curves),
        ("How it was made", graph),
        ("Stages", timings),
        ("Recipe", recipe),
        ("Provenance", provenance),
      ]
      let body = sections.filter { !$0.body.isEmpty }.map { section in
        "<section><h2>\(section.title)</h2>\n\(section.body)</section>\n"
      }
      let title = Escape.markup(plan.recipe)
      return """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>\(title)</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        \(PagePolicy(styles: [Self.style]).element)
        <style>\(Self.style)</style></head>
        <body><header><h1>\(title)</h1>\(lead)</header>
        \(body.joined())</body></html>

        """
    }
  }

  private var lead: String {
    let summary = record.outcome.summary
    let held = record.expectations.count(where: \.held)
    var facts = [
      "\(summary.cached) cached, \(summary.ran) ran", Readable.duration(record.seconds),
      "run \(Escape.markup(record.opened.id.text))", "began \(record.opened.date)",
    ]
    if summary.failed + summary.skipped > 0 { facts[0] += ", \(summary.failed) failed, \(summary.skipped) skipped" }
    if record.state != .done { facts.insert("<b class=\"failed\">\(record.state.rawValue)</b>", at: 0) }
    if !record.expectations.isEmpty { facts.insert("\(held) of \(record.expectations.count) expectations held", at: 0) }
    let description = [plan.description, record.run.labels.note].compactMap { $0 }
      .map { "<p>\(Escape.markup($0))</p>" }.joined()
    if let git = record.opened.git {
      let changed = git.isDirty == true ? ", changed since" : ""
      facts.append("commit \(Escape.markup(String(git.commit.prefix(10))))\(changed)")
    }
    let labels = record.run.labels
    if let name = labels.name { facts.append("name <b>\(Escape.markup(name))</b>") }
    if !labels.tags.isEmpty { facts.append("tags \(labels.tags.map(Escape.markup).joined(separator: ", "))") }
    if let profile = plan.profile { facts.append("profile <b>\(Escape.markup(profile))</b>") }
    facts += changes.map { "<b>\(Escape.markup($0))</b>" }
    return "\(description)<p class=\"facts\">\(facts.joined(separator: " · "))</p>"
  }

  private var expectations: String {
    guard !record.expectations.isEmpty else { return "" }
    let rows = record.expectations.map { result in
      [
        Escape.markup(result.stage), Escape.markup(result.expectation.measure), Escape.markup(result.expectation.text),
        result.shownValue,
        result.held ? "<span class=\"held\">held</span>" : "<span class=\"failed\">failed</span>",
      ]
    }
    return HTML.table(["stage", "measure", "expected", "measured", ""], rows, classes: ["", "", "number", "number"])
  }

  /// Metrics with their means, and tables that are not curves.
  private var numbers: String {
    get throws {
      let tables = try record.shownOutputs.map { name, artifact -> String in
        switch artifact.type {
        case .metrics:
          guard let measured = try Measurements(of: artifact, stage: name, in: record.run.store) else { return "" }
          return "<h3>\(Escape.markup(name))</h3>" + Self.table(of: measured)
        case .table:
          guard let table = try csv(artifact), !LossPlots.areLosses(table) else { return "" }
          return "<h3>\(Escape.markup(name))</h3>" + Self.table(of: table)
        default: return ""
        }
      }.joined()
      let notes = plan.notes.map { "<p class=\"facts\">Note: \(Escape.markup($0.message))</p>\n" }.joined()
      return tables.isEmpty ? "" : notes + tables
    }
  }

  private static func table(of table: CSV) -> String {
    let columns = table.shownColumns
    let isNumeric = columns.map { column in CSV.areNumeric(table.rows.map { $0[column.place] }) }
    let rows = table.rows.map { row in
      zip(columns, isNumeric).map { column, isNumeric in
        let cell = row[column.place]
        return (isNumeric ? column.interval(in: row) ?? CSV.number(cell).map(Readable.number) : nil)
          ?? Escape.markup(cell)
      }
    }
    return HTML.table(
      columns.map { Escape.markup(table.header[$0.place]) }, rows, classes: isNumeric.map { $0 ? "number" : "" })
  }

  private static func table(of measured: Measurements) -> String {
    let most = 40
    var rows = measured.rows.prefix(most).map { row in
      [Escape.markup(row.item)] + measured.measures.map { row.values[$0].map(Readable.number) ?? "" }
    }
    if measured.rows.count > most { rows.append(["… \(measured.rows.count - most) more"]) }
    let means = measured.measures.map { measured.mean($0).map { "<b>\(Readable.number($0))</b>" } ?? "" }
    rows.insert(["<b>mean</b>"] + means, at: 0)
    return HTML.table(
      ["item"] + measured.measures.map(Escape.markup), rows,
      classes: [""] + measured.measures.map { _ in "number" })
  }

  /// The curves of every table of losses, whether an output or not; those that a sweep made in one plot.
  private var curves: String {
    get throws {
      var groups: OrderedDictionary<String, [(label: String, table: CSV)]> = [:]
      for (reference, artifact) in record.madeArtifacts where artifact.type == .table {
        guard let stage = plan[reference.stage], let table = try csv(artifact), LossPlots.areLosses(table) else {
          continue
        }
        let port = stage.outputs.first?.name == reference.port ? "" : ".\(reference.port)"
        groups[stage.name + port, default: []].append((stage.axes.map(\.description).joined(separator: ", "), table))
      }
      return try groups.flatMap { name, tables in
        try LossPlots(tables).plots.map { title, plot in
          let heading = title.isEmpty ? name : "\(name): \(title)"
          return "<h3>\(Escape.markup(heading))</h3>\n<div class=\"plot\">\(try plot.drawing().svg())</div>\n"
        }
      }.joined()
    }
  }

  private func csv(_ artifact: Artifact) throws -> CSV? {
    CSV(try record.run.store.read(artifact.items[0].object))
  }

  private var graph: String {
    let conditions = stageActions.mapValues { actions in
      let ran = actions.count(where: \.hasRun)
      let failed = actions.count { $0.failure != nil }
      let condition: GraphDrawing.Condition = failed > 0 ? .failed : ran > 0 ? .ran : .cached
      let share = condition == .cached ? "\(actions.count)" : "\(failed > 0 ? failed : ran) of \(actions.count)"
      return (condition: condition, note: actions.count == 1 ? condition.rawValue : "\(share) \(condition.rawValue)")
    }
    return "<div class=\"scroll\">\(GraphDrawing(plan.stages.map(GraphNode.init), conditions).svg)</div>"
  }

  private var timings: String {
    let rows = plan.stages.map { stage in
      let mine = stageActions[stage.id] ?? []
      let seconds = mine.compactMap(\.provenance?.seconds).reduce(0, +)
      let peak = mine.compactMap(\.provenance?.peakMegabytes).max() ?? 0
      return [
        Escape.markup(stage.id), Escape.markup(stage.kind.name), "\(mine.count)", "\(mine.count(where: \.hasRun))",
        "\(mine.count { $0.failure != nil })", Readable.duration(seconds), peak > 0 ? "\(Int(bounded: peak)) MB" : "",
      ]
    }
    return HTML.table(
      ["stage", "kind", "actions", "ran now", "failed", "work", "peak memory"], rows,
      classes: ["", "", "number", "number", "number", "number", "number"]) + previews
  }

  /// Where actions showed on their way how they stood.
  private var previews: String {
    let folders = ((try? Files.names(in: record.opened.previews)) ?? []).sorted()
    guard !folders.isEmpty else { return "" }
    let names = folders.map { "<code>\(KeptRun.previews)/\(Escape.markup($0))</code>" }
    return "<p class=\"facts\">On the way: \(names.joined(separator: ", "))</p>\n"
  }

  private var recipe: String {
    // A plan says where the recipe is, which may be any file: only what it was made from is shown.
    let file = try? SourceText.read(plan.file).text
    let text = file.flatMap { Digest(of: $0) == plan.source ? $0 : nil } ?? ""
    return "<pre>\(Escape.markup(text))</pre>"
  }

  private var provenance: String {
    let facts = record.run.environment.provenance(
      seconds: record.seconds, megabytes: ProcessMemory.highestMegabytes)
    let rows = [
      ["program", facts.program], ["processor", facts.cpu], ["product kernels", facts.blas],
      ["threads", "\(facts.threads)"], ["graphics card", record.cards ?? ""],
      ["peak memory of this run", "\(Int(bounded: facts.peakMegabytes)) MB"],
      ["time", Readable.duration(facts.seconds)], ["date", facts.date],
    ]
    .filter { !$0[1].isEmpty }
    let digests = record.shownOutputs.map { [$0.name, $0.artifact.digest.hex] }
    return HTML.table(["", ""], rows.map { $0.map(Escape.markup) })
      + HTML.table(["output", "content digest"], digests.map { $0.map(Escape.markup) }, classes: ["", "digest"])
  }
}
