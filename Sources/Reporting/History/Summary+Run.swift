import Escaping
import JSONSyntax
import Runs
import StageKit

extension Summary {
  /// One run, for people.
  public static func text(of run: KeptRun) -> String {
    func fact(_ name: String) -> String { ((try? RunColumn(name).value(of: run)) ?? RunColumn.Value.none).shown }
    var rows = ["recipe", "id", "state", "name", "tag", "note", "started", "host", "device", "program"].map {
      [$0, fact($0)]
    }
    if let seconds = run.seconds { rows.append(["time", Readable.duration(seconds)]) }
    if let commit = run.facts["git"]?["commit"]?.string {
      let dirty = run.facts["git"]?["dirty"]
      let state = dirty == .bool(true) ? ", with changes" : dirty == .bool(false) ? "" : ", perhaps with changes"
      rows.append(["commit", commit + state])
    }
    rows.append(["folder", run.folder])
    var text = AlignedText.rows(rows.filter { !$0[1].isEmpty })
    func section(_ title: String, _ rows: [[String]]) {
      if !rows.isEmpty { text += title + "\n" + AlignedText.rows(rows.map { ["  " + $0[0]] + $0.dropFirst() }) }
    }
    if let error = run.error { text += "error\n" + error.parts(at: "\n").map { "  \($0)\n" }.joined() }
    section(
      "params",
      run.parameters.map { parameter in
        let value = try? RunColumn("params.\(parameter.name)").value(of: run)
        return [parameter.name, (value ?? RunColumn.Value.none).cell]
      })
    if let since = run.facts["changed"]?["since"]?.string {
      section(
        "changed since \(since)",
        run.edits.map { ["\($0.file):\($0.line)", "\($0.path): \($0.before ?? "none") → \($0.after ?? "none")"] }
          + (run.facts["changed"]?["params"]?.members ?? []).map { member in
            ["params", "\(member.name): " + (member.value.array ?? []).map(\.text).joined(separator: " → ")]
          })
    }
    section("measures", run.measures.map { [$0.name, Readable.number($0.mean)] })
    section(
      "expectations",
      (run.facts["expectations"]?.array ?? []).map { expectation in
        let value = expectation["value"]?.double.map(Readable.number) ?? "nothing"
        return [
          expectation["held"] == .bool(true) ? "held" : "FAILED",
          "\(expectation["stage"]?.string ?? "").\(expectation["measure"]?.string ?? "")", value,
          "expected \(expectation["expected"]?.string ?? "")",
        ]
      })
    section("files", run.files.map { [$0] })
    return text
  }
}
