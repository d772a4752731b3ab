import ArtifactStore
import StageKit

/// What a store's records tell about how long actions take, and how much memory.
struct Experience: Sendable {
  /// Records of a kind of stage in which a network worked.
  private struct Speed: Sendable {
    let flopPerEvaluation: Double
    /// FLOP/s of one thread.
    let perThread: Double
  }

  private struct Place: Hashable {
    let kind: String
    let stage: String
  }

  private var speeds: [String: [Speed]] = [:]
  /// Seconds, by kind, and by kind and stage.
  private var secondsOfKinds: [String: [Double]] = [:]
  private var secondsOfStages: [Place: [Double]] = [:]
  /// The smallest peak of a process that did such an action: others did more besides.
  private var megabytes: [Place: Double] = [:]

  init(_ records: [ActionRecord]) {
    for record in records {
      let (provenance, place) = (record.provenance, Place(kind: record.kind, stage: record.stage))
      guard provenance.seconds > 0 else { continue }
      if provenance.evaluations > 0, provenance.flop > 0 {
        speeds[record.kind, default: []].append(
          Speed(
            flopPerEvaluation: provenance.flop / Double(provenance.evaluations),
            perThread: provenance.flop / provenance.seconds / Double(max(1, provenance.threads))))
      }
      secondsOfKinds[record.kind, default: []].append(provenance.seconds)
      secondsOfStages[place, default: []].append(provenance.seconds)
      megabytes[place] = min(megabytes[place] ?? .infinity, provenance.peakMegabytes)
    }
    speeds = speeds.mapValues { $0.sorted { $0.perThread < $1.perThread } }
    secondsOfKinds = secondsOfKinds.mapValues { $0.sorted() }
    secondsOfStages = secondsOfStages.mapValues { $0.sorted() }
  }

  /// FLOP/s of one thread: the median over records of the kind with networks of about the size.
  func speed(of kind: String, flopPerEvaluation: Double) -> Double? {
    let alike = (speeds[kind] ?? []).filter { (0.5...2).contains($0.flopPerEvaluation / flopPerEvaluation) }
    return alike.isEmpty ? nil : alike[alike.count / 2].perThread
  }

  /// Seconds of an action: the median over records of the stage, else of the kind.
  func seconds(of kind: String, stage: String) -> Double? {
    let known = secondsOfStages[Place(kind: kind, stage: stage)] ?? secondsOfKinds[kind] ?? []
    return known.isEmpty ? nil : known[known.count / 2]
  }

  func megabytes(of kind: String, stage: String) -> Double? { megabytes[Place(kind: kind, stage: stage)] }
}
