import Foundation
import Imaging
import Portraits
import StageKit
import Tensors

/// `synthesize`: pictures of the built-in domain, with everything that is known about them.
let synthesize = StageKind(
  name: "synthesize",
  summary: "Renders portraits with known attributes, captions and segmentation.",
  revision: 2,
  parameters: [
    Parameter("count", .int(1...1_000_000), .required, help: "How many portraits."),
    Parameter("seed", .int(0...Int.max), .defaulting(.int(1)), help: "Other seeds give other portraits."),
    Parameter(
      "split", .choice(["train", "held_out"]), .defaulting(.string("train")),
      help: "Which people: those that networks are trained on, or others that no training ever sees."),
    Parameter(
      "people", .int(1...1_000_000), .optional,
      help: "How many different people, each in several states; as many as portraits unless given."),
    Parameter(
      "styles", .list(.choice(Style.allCases.map(\.rawValue))), .defaulting(.list([.string("photo")])),
      help: "Styles, taken in turn."),
    Parameter("strokes", .bool, .defaulting(.bool(false)), help: "Paint each portrait with a few broad brush strokes."),
    Parameter(
      "attributes", .map(.list(.string)), .defaulting(.map([:] as [String: Value])),
      help: "Values that attributes are drawn from, such as {tan: [natural], hair_color: [black, brown]}."),
    Parameter(
      "counterfactuals", .list(.string), .defaulting(.list([])),
      help:
        "Follow each portrait by the same one with one of these changed, attributes or `style`, and captions that say so."
    ),
    Parameter("captions", .int(1...16), .defaulting(.int(1)), help: "Captions for each portrait."),
    Parameter("size", .int(16...1024), .defaulting(.int(64)), help: "Side of the pictures in pixels."),
  ],
  outputs: { _ in [OutputPort("images", .images), OutputPort("table", .table), OutputPort("labels", .images)] },
  estimate: { input in
    let parameters = input.parameters
    return input.estimate(
      items: parameters.int("count") * (contrasts(parameters).isEmpty ? 1 : 2),
      bytes: pictureBytes(side: parameters.int("size")), side: parameters.int("size"))
  },
  check: { draft in
    (draft.parameters["attributes"]?.entries ?? []).compactMap { entry in
      Portrait.complaint(attribute: entry.key, values: allowedValues(entry)).map {
        ValidationIssue(about: "attributes", $0)
      }
    }
      + contrasts(draft.parameters).compactMap { name in
        Portrait.complaint(counterfactual: name).map { ValidationIssue(about: "counterfactuals", $0) }
      } + draft.complaints(aboutEmpty: ["styles"])
  },
  run: { context in
    let parameters = context.parameters
    let count = parameters.int("count")
    let split: Split = parameters.string("split") == "train" ? .train : .heldOut
    let styles = (parameters["styles"]?.list ?? []).compactMap { $0.string.flatMap(Style.init(rawValue:)) }
    let captions = parameters.int("captions")
    let seed = UInt64(parameters.int("seed"))
    let digits = String(count - 1).count
    let size = parameters.int("size")
    let contrasts = contrasts(parameters)
    var rows: [[String]] = []
    var header: [String] = []

    func write(_ portrait: Portrait, _ style: Style, name: String, seed: UInt64, emphasis: String?) throws {
      let rendered =
        parameters.bool("strokes")
        ? portrait.strokes(size: size) : Renderer.render(portrait, style: style, size: size)
      try context.write(
        Picture.data(Image(width: rendered.width, height: rendered.height, pixels: rendered.rgb)), item: name,
        to: "images")
      try context.write(
        Picture.data(
          Image(width: rendered.width, height: rendered.height, pixels: rendered.labels.flatMap { [$0, $0, $0] })),
        item: name, to: "labels")
      let texts = Captions.captions(for: portrait, style: style, seed: seed, count: captions, emphasis: emphasis)
      let facts = portrait.tableRow(style: style)
      header = ["item"] + facts.map(\.name) + (0..<captions).map { $0 == 0 ? "caption" : "caption_\($0 + 1)" }
      rows.append([name] + facts.map(\.value) + texts)
    }

    for index in 0..<count {
      if index % 100 == 0 { try context.checkCancellation() }
      var random = RandomSource(seed: seed, name: "portrait \(index)")
      let portraitSeed = random.next()
      var portrait = Portrait.random(seed: portraitSeed, split: split)
      if let people = parameters["people"]?.int {
        let number = (seed &* 0x1_0000_01B3 &+ UInt64(index % people)) % UInt64(split.people.count)
        portrait = .random(of: Person(id: split.people.lowerBound + number), seed: portraitSeed)
      }
      for entry in parameters["attributes"]?.entries ?? [] {
        portrait.draw(entry.key, from: allowedValues(entry), &random)
      }
      let style = styles[index % styles.count]
      let number = String(index)
      let name = "portrait-" + String(repeating: "0", count: digits - number.count) + number
      if !contrasts.isEmpty {
        let other = portrait.contrast(style, otherStyle: styles[(index + 1) % styles.count], in: contrasts, &random)
        try write(portrait, style, name: name, seed: portraitSeed, emphasis: other.attribute)
        try write(other.portrait, other.style, name: name + "-contrast", seed: portraitSeed, emphasis: other.attribute)
      } else {
        try write(portrait, style, name: name, seed: portraitSeed, emphasis: nil)
      }
      if index % 50 == 49 || index == count - 1 {
        context.progress(index + 1, of: count, unit: "portrait", values: [])
      }
    }
    try context.write(Data(CSV(header: header, rows: rows).text.utf8), item: "", to: "table")
  })

private func contrasts(_ parameters: Parameters) -> [String] {
  (parameters["counterfactuals"]?.list ?? []).compactMap(\.string)
}

private func allowedValues(_ entry: Value.Entry) -> [String] { (entry.value.list ?? []).compactMap(\.string) }

extension Portrait {
  /// What is known about the picture; an attribute that its style does not show is empty.
  func tableRow(style: Style) -> [(name: String, value: String)] {
    let hidden = Set(AttributeSchema.heads.filter { !AttributeSchema.shows($0, in: style) }.map(\.name))
    return attributes(style: style, caption: "").filter { $0.name != "caption" }
      .map { ($0.name, hidden.contains($0.name) ? "" : $0.value) }
  }

  /// Gives the attribute called `name` one of `values`.
  mutating func draw(_ name: String, from values: [String], _ random: inout RandomSource) {
    Self.attributePaths[name]?.set(&self, values[Int(random.uniform() * Double(values.count))])
  }

  /// The same picture with one of the attributes `names` changed, which its style shows, or in the other style.
  func contrast(
    _ style: Style, otherStyle: Style, in names: [String], _ random: inout RandomSource
  ) -> (portrait: Portrait, style: Style, attribute: String?) {
    let shown = AttributeSchema.heads.filter { AttributeSchema.shows($0, in: style) }.map(\.name)
    let possible = names.filter { $0 == Style.name ? otherStyle != style : shown.contains($0) }
    guard !possible.isEmpty else { return (self, otherStyle, nil) }
    let name = possible[Int(random.uniform() * Double(possible.count))]
    guard let path = Self.attributePaths[name] else { return (self, otherStyle, nil) }
    var changed = self
    changed.draw(name, from: path.values.filter { $0 != path.value(self) }, &random)
    return (changed, style, name)
  }

  /// What is wrong with a contrast in `name`, or nil.
  static func complaint(counterfactual name: String) -> String? {
    let names = AttributeSchema.heads.map(\.name)
    if names.contains(name) { return nil }
    return "portraits have no contrast in '\(name)': expected some of \(names.sorted().joined(separator: ", "))"
  }

  /// What is wrong with restricting an attribute to these values, or nil.
  static func complaint(attribute name: String, values: [String]) -> String? {
    guard let path = attributePaths[name] else {
      return
        "portraits have no attribute '\(name)': expected one of \(attributePaths.keys.sorted().joined(separator: ", "))"
    }
    if values.isEmpty { return "'\(name)' needs at least one value of \(path.values.joined(separator: ", "))" }
    return values.first { !path.values.contains($0) }.map {
      "'\($0)' is no \(name): expected one of \(path.values.joined(separator: ", "))"
    }
  }

  /// An attribute's place in a portrait, by the names of its values.
  private struct AttributePath: Sendable {
    let values: [String]
    let value: @Sendable (Portrait) -> String
    let set: @Sendable (inout Portrait, String) -> Void

    init<A: Attribute>(_ path: WritableKeyPath<Portrait, A> & Sendable) {
      values = A.allCases.map(\.rawValue)
      value = { $0[keyPath: path].rawValue }
      set = { portrait, name in
        if let value = A(rawValue: name) { portrait[keyPath: path] = value }
      }
    }
  }

  private static let attributePaths: [String: AttributePath] = [
    FacialExpression.name: AttributePath(\.expression), Makeup.name: AttributePath(\.makeup),
    Tan.name: AttributePath(\.tan), HairColor.name: AttributePath(\.hairColor),
    HairLength.name: AttributePath(\.hairLength), Curls.name: AttributePath(\.curls),
    Beard.name: AttributePath(\.beard), Glasses.name: AttributePath(\.glasses), Age.name: AttributePath(\.age),
    Background.name: AttributePath(\.background), Clothing.name: AttributePath(\.clothing),
  ]
}
