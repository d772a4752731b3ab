import ArtifactStore
import StageKit

/// What a store's records tell about how long actions take, and how much memory.
final class TimingModel {
  /// One record.
  private struct Entry: Sendable {
    let stage: String
    let seconds: Double
    /// The largest resident set; nil where it could not be told.
    let megabytes: Double?
    /// Where a diffusion network worked: FLOP/s of one thread, or of a graphics card.
    let speed: Double
    let flopPerEvaluation: Double?
  }

  /// By kind.
  private let entries: [String: [Entry]]

  /// - Parameter onCards: whether it is about actions that graphics cards computed, or about those that the processor did.
  init(_ records: [ActionRecord], onCards: Bool) {
    let known = records.filter { $0.provenance.seconds > 0 && ($0.provenance.device != nil) == onCards }
    entries = Dictionary(grouping: known, by: \.kind).mapValues { records in
      records.map { record in
        let made = record.provenance
        let work = Work(evaluations: made.evaluations, flop: made.flop)
        return Entry(
          stage: record.stage, seconds: made.seconds, megabytes: made.knownPeak,
          speed: made.flop / made.seconds / (onCards ? 1 : Double(max(1, made.threads))),
          flopPerEvaluation: work.flopPerEvaluation)
      }
    }
  }

  /// Records of the kind, where a network is asked for those with one of about its size.
  private func alike(_ kind: String, _ flopPerEvaluation: Double?) -> [Entry] {
    (entries[kind] ?? []).filter { entry in
      guard let flopPerEvaluation else { return true }
      return entry.flopPerEvaluation.map { (0.5...2).contains($0 / flopPerEvaluation) } ?? false
    }
  }

  private func median(_ values: [Double]) -> Double? { values.isEmpty ? nil : values.sorted()[values.count / 2] }

  /// FLOP/s of one thread, or of a graphics card: the median over records of the kind with networks of about the size.
  func speed(of kind: String, flopPerEvaluation: Double) -> Double? {
    answer(Question(about: .speed, kind: kind, stage: nil, flopPerEvaluation: flopPerEvaluation)) {
      median(alike(kind, flopPerEvaluation).map(\.speed))
    }
  }

  /// Seconds of an action: the median over records of the stage, else of the kind unless its stages have nothing in common.
  func seconds(of kind: String, stage: String, isAlone: Bool = false) -> Double? {
    answer(Question(about: .seconds, kind: kind, stage: stage, flopPerEvaluation: nil)) {
      let known = alike(kind, nil)
      return median(known.filter { $0.stage == stage }.map(\.seconds))
        ?? (isAlone ? nil : median(known.map(\.seconds)))
    }
  }

  /// The smallest peak of such an action of the stage: what else the process keeps is in it.
  func megabytes(of kind: String, stage: String, flopPerEvaluation: Double?) -> Double? {
    answer(Question(about: .megabytes, kind: kind, stage: stage, flopPerEvaluation: flopPerEvaluation)) {
      alike(kind, flopPerEvaluation).filter { $0.stage == stage }.compactMap(\.megabytes).min()
    }
  }

  // MARK: Answers

  /// The places of a sweep ask the same thousands of times.
  private struct Question: Hashable {
    enum Subject { case speed, seconds, megabytes }
    let about: Subject
    let kind: String
    let stage: String?
    let flopPerEvaluation: Double?
  }

  private var answers: [Question: Double?] = [:]

  private func answer(_ question: Question, _ find: () -> Double?) -> Double? {
    if let known = answers[question] { return known }
    let found = find()
    answers[question] = .some(found)
    return found
  }
}
