import ArtifactStore
import Engine
import StageKit

extension Action {
  /// The most bytes of an object that is taken from elsewhere.
  private static let sizeLimit = 1 << 36

  /// Why a record from elsewhere cannot be this action's; nil where it can.
  func objection(to record: ActionRecord) -> String? {
    guard record.key == key, Digest(of: record.preimage) == key else { return "it is another action's" }
    guard record.kind == stage.kind.name, record.revision == stage.kind.revision else { return "its kind is another" }
    guard Set(record.inputs).isSubset(of: preimage.sets) else { return "its inputs are others" }
    let (cached, declared) = (record.outputs.map(\.port), stage.outputs.map(\.name))
    guard cached == declared else {
      let (found, expected) = (cached.joined(separator: ", "), declared.joined(separator: ", "))
      return "the cached record has outputs \(found); this action declares \(expected)"
    }
    for (output, declared) in zip(record.outputs, stage.outputs) {
      guard output.artifact.type == declared.type else { return "the type at '\(declared.name)' is another" }
      if let problem = objection(to: output.artifact) { return "\(problem) at '\(declared.name)'" }
    }
    let items = record.outputs.flatMap(\.artifact.items)
    let sizes = Dictionary(items.map { ($0.object, $0.size) }) { first, _ in first }
    guard items.allSatisfy({ sizes[$0.object] == $0.size }) else { return "an object has two sizes" }
    let figures = record.provenance
    guard 0..<1e9 ~= figures.seconds, 0..<1e9 ~= figures.peakMegabytes, 0..<1e30 ~= figures.flop,
      figures.evaluations >= 0
    else {
      return "its provenance makes no sense"
    }
    return nil
  }

  private func objection(to artifact: Artifact) -> String? {
    guard artifact.items.allSatisfy({ 0...Self.sizeLimit ~= $0.size }) else { return "an object's size makes no sense" }
    let names = artifact.items.map(\.name)
    if artifact.type.isItemSet {
      guard !isItem || names.count == 1 else { return "there are \(names.count) items, not one," }
      return Set(names).count == names.count && !names.contains("") ? nil : "items lack names of their own"
    }
    guard !isItem else { return "there is no set" }
    let expected = artifact.type == .diffusion ? names.indices.map(Self.attachedName) : artifact.type.objectNames
    return names == expected.prefix(names.count).map { $0 } ? nil : "the objects' names are wrong"
  }

  /// What the object number `place` of a diffusion model is called: those behind the first are attached to it.
  private static func attachedName(_ place: Int) -> String { place == 0 ? "" : Artifact.attachedName(place) }
}
