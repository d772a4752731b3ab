import ArtifactStore
import Escaping
import JSONSyntax
import RecipeSyntax
import StageKit

extension Summary {
  /// What a collection removed, or would remove.
  public static func text(of garbage: Garbage, isDry: Bool) -> String {
    let parts = [
      Readable.count(garbage.actions, "action"), Readable.count(garbage.objects, "object"),
      Readable.count(garbage.leftovers, "other file"),
    ]
    return "\(isDry ? "would remove" : "removed") \(parts.joined(separator: ", ")): \(Readable.size(garbage.bytes)); "
      + "\(Readable.count(garbage.keptObjects, "object")) (\(Readable.size(garbage.keptBytes))) "
      + "\(isDry ? "would stay" : "stay")\n"
  }

  /// What was found in a store.
  public static func text(of found: Verification) -> String {
    var text = "\(Readable.count(found.objects, "object")) (\(Readable.size(found.bytes))), "
    text += "\(Readable.count(found.actions, "action")): "
    if found.isClean { return text + "all is well\n" }
    text += "\(found.damaged.count) damaged, \(found.missing.subtracting(found.damaged).count) missing, "
    text += "\(Readable.count(found.broken.count, "action")) to be done again\n"
    func origin(_ digest: Digest) -> String {
      if found.downloads.contains(digest) { return ", which was downloaded" }
      guard let makers = found.makers[digest] else { return "" }
      return ", which " + Escape.message(Suggestion.list(makers.map { "'\($0)'" }, upTo: 3)) + " made"
    }
    for digest in found.damaged {
      text += "  \(digest.hex) is damaged\(origin(digest))" + (found.isQuarantined ? "; it is in quarantine\n" : "\n")
      if let reason = found.reasons[digest] { text += "    \(reason)\n" }
    }
    for digest in found.missing.subtracting(found.damaged).sorted() {
      text += "  \(digest.hex) is missing\(origin(digest))\n"
    }
    for key in found.unreadable.sorted() { text += "  the record \(key.hex) of an action cannot be read\n" }
    return text
  }
}

extension Garbage {
  public var json: JSON {
    [
      "actions": .int(actions), "objects": .int(objects), "leftovers": .int(leftovers), "bytes": .int(bytes),
      "kept_objects": .int(keptObjects), "kept_bytes": .int(keptBytes),
    ]
  }
}

extension Verification {
  public var json: JSON {
    [
      "objects": .int(objects), "bytes": .int(bytes), "actions": .int(actions),
      "damaged": .array(damaged.map { .string($0.hex) }), "missing": .array(missing.sorted().map { .string($0.hex) }),
      "broken": .array(broken.sorted().map { .string($0.hex) }),
      "makers": .object(
        makers.sorted { $0.key < $1.key }.map { JSON.Member($0.key.hex, .array($0.value.map(JSON.string))) }),
    ]
  }
}
