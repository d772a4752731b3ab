import ArtifactStore
import Escaping
import Foundation
import Imaging
import StageKit

extension StageContext {
  /// Writes a figure: the drawing as PNG and as SVG. What the PNG cannot show is said.
  func write(_ drawing: Drawing, to figure: Output<Figures>) throws {
    let most = 5
    for line in drawing.unwritable.prefix(most) {
      let characters = line.characters.prefix(most).map(String.init).joined(separator: " ")
      log(
        "the PNG has boxes in '\(line.text)': its font has no '\(characters)'"
          + "\(line.characters.count > most ? " and others" : ""). The SVG has the text itself")
    }
    if drawing.unwritable.count > most { log("so has it in \(drawing.unwritable.count - most) more texts") }
    try write(drawing.render().pngData(), to: figure)
    try write(Data(drawing.svg().utf8), item: Artifact.svg, to: figure)
  }
}

extension Axis {
  /// The coordinate as a figure has it: a text alone, anything else with its name, `return step = 300`.
  var heading: String { value.string ?? "\(Self.heading(name)) = \(value.text)" }

  /// What an axis or measure is called in a figure: `learning rate` for `world.learning_rate`.
  static func heading(_ name: String) -> String { lastPart(name).replacingScalar("_", with: " ") }

  /// `learning_rate` for `world.learning_rate`
  static func lastPart(_ name: String) -> String { name.parts(at: ".").last ?? name }
}

/// The one of a member's axes, columns or measures that `name` means: called so, or with a name that ends so.
func meant(_ name: String, among all: [String], what: String, of label: String) throws -> String {
  if all.contains(name) { return name }
  let found = all.filter { Axis.lastPart($0) == name }
  guard let only = found.first else {
    let others = all.isEmpty ? "it has none" : "it has \(all.joined(separator: ", "))"
    throw InputError("'\(label)' has no \(what) '\(name)': \(others)")
  }
  guard found.count == 1 else {
    throw InputError("'\(name)' of '\(label)' may be \(found.joined(separator: " or ")): give one of these names")
  }
  return only
}
