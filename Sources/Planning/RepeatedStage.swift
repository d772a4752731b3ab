import RecipeSyntax
import StageKit

/// A stage as it is written, decoded at every place of the sweeps that its own parameters are in.
struct RepeatedStage {
  let stage: ScopedStage
  /// The sweeps that its parameters are in.
  let sweeps: Set<Int>
  /// How many values there are in it at one place.
  let size: Int
  private(set) var outlines: [(point: Point, outline: StageOutline)] = []
  private var places: [Point: Int] = [:]

  init(_ stage: ScopedStage, scope: Scope) {
    self.stage = stage
    let values = (stage.syntax.contents + stage.syntax.expectations).map(\.value)
    sweeps = values.reduce(into: []) { $0.formUnion(scope.parameters.sweeps(in: $1)) }
    size = values.reduce(1) { $0 + scope.parameters.size(of: $1) }
  }

  /// Decodes it at every place.
  mutating func decode(
    kinds: [StageKind], scope: Scope, sweeps: Sweeps, needsFiles: Bool, into problems: inout Problems
  ) {
    guard let points = sweeps.points(along: self.sweeps) else {
      reportTooMany(into: &problems)
      return
    }
    for point in points where !problems.isFull {
      places[point] = outlines.count
      outlines.append(
        (
          point,
          StageOutline(stage.syntax, kinds: kinds, scope: scope, at: point, needsFiles: needsFiles, into: &problems)
        ))
    }
  }

  /// What one link of the chain is called that the stage makes; nil for a stage that makes none.
  var linkName: String? { outlines.first?.outline.kind?.linkName }

  /// What stands behind the stage's own axes for one link of its chain; nothing for the last, which is the stage itself,
  /// and where there is no such link.
  func axes(ofLink link: Int?, at point: Point) -> [Axis] {
    guard let link, let outline = self[point], let kind = outline.kind, let name = kind.linkName,
      let chaining = kind.chaining, let links = outline.parameters?[chaining]?.int, 1..<links ~= link
    else { return [] }
    return [Axis(name: name, value: .int(link))]
  }

  /// The outline at a place of the grid, wherever that is along other sweeps.
  subscript(point: Point) -> StageOutline? { places[point.along(sweeps)].map { outlines[$0].outline } }

  func reportTooMany(into problems: inout Problems) {
    problems.report(
      "stage '\(stage.syntax.name.text)' would be repeated more than \(Sweeps.limit) times",
      at: stage.syntax.name.location, hint: "sweep fewer values, or zip the sweeps")
  }
}
