import ArtifactStore
import Foundation
import Stages
import Testing

/// The files that artifacts become.
struct ExportTests {
  private func files(_ objects: [String], _ type: ArtifactType) throws -> [String] {
    try Catalog.exported(objects.map { Data($0.utf8) }, type, "it").map(\.name)
  }

  @Test func aTableIsPrintedUnlessItIsLong() throws {
    let row = "1,0.5\n"
    let header = "iteration,loss\n"
    #expect(try files([header + String(repeating: row, count: 199)], .table) == ["it.csv", "it.md", "it.tex"])
    #expect(try files([header + String(repeating: row, count: 200)], .table) == ["it.csv"])
    #expect(try files(["no,table\n1\n"], .table) == ["it.csv"])
  }

  @Test func aFigureIsWrittenInBothForms() throws {
    #expect(try files(["png", "svg"], .figure) == ["it.png", "it.svg"])
    #expect(try files(["png"], .figure) == ["it.png"])
  }
}
