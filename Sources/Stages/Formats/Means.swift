import ArtifactStore
import StageKit

/// The means of what was measured of a set, over the items that have a number.
struct Means {
  /// In the order in which they were measured; of some there may be no number.
  let measures: [String]
  let values: [String: Double]
}

extension StageContext {
  /// The means of an artifact of type `metrics`.
  func means(of artifact: Artifact) throws -> Means {
    var measures: [String] = []
    var sums: [String: (total: Double, count: Int)] = [:]
    for item in artifact.items {
      for member in try JSON(parsing: read(item)).members ?? [] {
        measures.append(member.name)
        guard let value = member.value.double else { continue }
        sums[member.name, default: (0, 0)].total += value
        sums[member.name, default: (0, 0)].count += 1
      }
    }
    return Means(measures: measures.uniqued, values: sums.mapValues { $0.total / Double($0.count) })
  }
}
