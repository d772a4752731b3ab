import ArtifactStore
import Foundation
import Planning
import StageKit

/// `select`: the best of several models by what was measured of them: early stopping as a part of a recipe.
struct Select: Stage {
  static let name = "select"
  static let summary = "Takes the best of several models by a measure, of those that meet conditions."
  static let revision = 1

  @Input(help: "The models, such as those of all epochs of a fine-tuning.") var models: [Labeled<DiffusionModels>]
  @Input(
    help:
      "What was measured of each model: one set for each place of `models` in the sweeps; of several models at one place, under the same names."
  )
  var scores: [Labeled<Measurements>]
  @Parameter(help: "The measure whose mean decides; of equals the first.") var by: String
  @Parameter(help: "Which mean is the best: highest or lowest.") var best = Best.highest
  @Parameter(
    name: "where",
    help: "What the means of a model must meet to be taken, as in `expect`: {identity: \">= 0.7\", sc: \"> 0.9\"}.")
  var conditions: NamedValues<String> = [:]
  @Parameter(name: "for", help: "Has no effect but that a choice is made for each value of a swept parameter in it.")
  var purpose: String?

  let model = Output<DiffusionModels>()
  let table = Output<Tables>()

  enum Best: String, Choice { case highest, lowest }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    var issues = conditions.entries.compactMap { entry -> ValidationIssue? in
      guard Expectation.Comparison(entry.value) == nil else { return nil }
      return ValidationIssue(
        about: $conditions,
        "the condition of '\(entry.name)' must be a comparison such as \">= 0.7\", not '\(entry.value)'")
    }
    for member in draft[$scores] {
      guard let measures = member.measures else { continue }
      for (property, name) in [($by as StageProperty, by)] + conditions.entries.map({ ($conditions, $0.name) })
      where !measures.contains(name) {
        issues.append(
          ValidationIssue(
            about: property, "'\(member.label)' measures no '\(name)': it measures \(measures.joined(separator: ", "))")
        )
      }
    }
    if issues.isEmpty {
      do {
        let (models, scores) = (draft[$models], draft[$scores])
        let pairs = try Self.pairs(models.map(Place.init), scores.map(Place.init))
        for (model, place) in zip(models, pairs) {
          let score = scores[place]
          // One that was tuned further may lie between.
          let nearer = models.first {
            $0.stage != model.stage && draft.member(score, comesFrom: $0) && draft.member($0, comesFrom: model)
          }
          if !draft.member(score, comesFrom: model) {
            issues.append(
              ValidationIssue(
                about: $scores,
                "'\(Place(score))' measures nothing that comes from '\(Place(model))': measure what that model makes"))
          } else if let nearer {
            issues.append(
              ValidationIssue(
                about: $scores,
                "'\(Place(score))' measures what '\(Place(nearer))' makes, not '\(Place(model))': measure what that model makes"
              ))
          }
        }
      } catch { issues.append(ValidationIssue(about: $scores, "\(error)")) }
    }
    return issues.uniqued
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    input.estimate(
      bytes: input[$models]?.bytes, flopPerEvaluation: input[$models]?.flopPerEvaluation,
      taken: input[$models]?.taken, weights: input[$models]?.weights)
  }

  func run(_ context: any StageContext) throws {
    let means = try scores.map { try context.means(of: $0.artifact).values() }
    let pairs = try Self.pairs(models.map(Place.init), scores.map(Place.init))
    let candidates = pairs.map { means[$0] }
    let chosen = try choice(among: candidates)
    let artifact = models[chosen].artifact
    try context.write(context.read(artifact.items[0]), to: model)
    for item in artifact.items.dropFirst() { try context.attach(item, to: model) }
    context.log("takes \(name(of: chosen)): \(by) \(Readable.number(candidates[chosen][by] ?? .nan))")
    try context.write(tableData(candidates, chosen), to: table)
  }

  // MARK: Pairs

  /// Where something stands: under a name, and in the sweeps.
  private struct Place: Hashable, CustomStringConvertible {
    var label: String
    var axes: [Axis]

    init(_ member: StageDraft.Member) { (label, axes) = (member.label, member.axes) }
    init<Content>(_ bound: Labeled<Content>) { (label, axes) = (bound.label, bound.axes) }

    var description: String { Axis.placed(label, axes) }

    /// What is alike for all that belong together.
    /// - Parameter isNamed: whether the name tells them apart.
    func key(isNamed: Bool) -> Place {
      var key = self
      if !isNamed { key.label = "" }
      key.axes.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
      return key
    }
  }

  /// For each model, which scores are its own.
  /// - Throws: `InputError` where a model has none, or scores belong to no model.
  private static func pairs(_ models: [Place], _ scores: [Place]) throws -> [Int] {
    // One model at each place has its scores under whatever name.
    let isNamed = Set(models.map(\.label)).count > 1 || Set(scores.map(\.label)).count > 1
    let places = Dictionary(scores.enumerated().map { ($1.key(isNamed: isNamed), $0) }) { first, _ in first }
    let keys = models.map { $0.key(isNamed: isNamed) }
    for (model, key) in zip(models, keys) where places[key] == nil {
      throw InputError(
        "'scores' has none for '\(model)': measure each of the models, and, of several at one place, name the scores as they are named"
      )
    }
    guard let stray = scores.first(where: { !keys.contains($0.key(isNamed: isNamed)) }) else {
      return keys.compactMap { places[$0] }
    }
    throw InputError(
      "'\(stray)' in 'scores' belongs to none of 'models': give the models that were measured"
    )
  }

  // MARK: The choice

  /// - Throws: `ResultError` where no model meets the conditions, or none of those has a mean.
  private func choice(among candidates: [[String: Double]]) throws -> Int {
    let fit = candidates.indices.filter { unmet(by: candidates[$0]) == nil }
    guard !fit.isEmpty else {
      let reasons = candidates.indices.map { "\(name(of: $0)): \(unmet(by: candidates[$0]) ?? "")" }
      throw ResultError(
        "no model meets 'where': \(reasons.joined(separator: "; ")): ask for less, or for models that do")
    }
    let known = fit.filter { candidates[$0][by]?.isFinite ?? false }
    let ordered = known.sorted { a, b in
      let (first, second) = (candidates[a][by] ?? 0, candidates[b][by] ?? 0)
      return first == second ? a < b : best == .highest ? first > second : first < second
    }
    guard let chosen = ordered.first else {
      throw ResultError("no model that meets 'where' has a finite mean of '\(by)': measure that of each")
    }
    return chosen
  }

  /// The first condition that the means do not meet, with what there is instead; nil where they meet all.
  private func unmet(by means: [String: Double]) -> String? {
    for entry in conditions.entries {
      let value = means[entry.name]
      if let value, Expectation.Comparison(entry.value)?.holds(value) ?? false { continue }
      return "\(entry.name) is \(value.map(Readable.number) ?? "not measured"), not \(entry.value)"
    }
    return nil
  }

  private func name(of place: Int) -> String { Place(models[place]).description }

  /// A row for each model: where it stands, the means that count, whether it meets the conditions, and which was taken.
  private func tableData(_ candidates: [[String: Double]], _ chosen: Int) -> Data {
    let axes = models.flatMap { $0.axes.map(\.name) }.uniqued
    let measures = ([by] + conditions.entries.map(\.name)).uniqued
    let rows = models.enumerated().map { place, model -> [String] in
      let places = axes.map { name in model.axes.first { $0.name == name }?.value.text ?? "" }
      let means = measures.map { candidates[place][$0].map { CSV.cell($0) } ?? "" }
      let meets = unmet(by: candidates[place]) == nil ? "yes" : "no"
      return [model.label] + places + means + [meets, place == chosen ? "yes" : ""]
    }
    return Data(CSV(header: ["name"] + axes + measures + ["meets", "taken"], rows: rows).text.utf8)
  }
}
