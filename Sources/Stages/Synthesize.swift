import Foundation
import Imaging
import Portraits
import StageKit
import Tensors

/// `synthesize`: pictures of the built-in domain, with everything that is known about them.
struct Synthesize: Stage {
  static let name = "synthesize"
  static let summary = "Renders portraits with known attributes, captions and segmentation."
  static let revision = 2

  @Parameter(1...1_000_000, help: "How many portraits.") var count: Int
  @Parameter(0...Int.max, help: "Seed of the portraits.") var seed = 1
  @Parameter(help: "Which people: those that networks are trained on, or others that no training ever sees.")
  var split = PeopleSplit.train
  @Parameter(
    1...1_000_000,
    help: "How many different people, each in several states; as many as portraits unless given.")
  var people: Int?
  @Parameter(help: "Styles, taken in turn.") var styles = [Style.photo]
  @Parameter(help: "Paint each portrait with a few broad brush strokes.") var strokes = false
  @Parameter(help: "Values that attributes are drawn from, such as {tan: [natural], hair_color: [black, brown]}.")
  var attributes: NamedValues<[String]> = [:]
  @Parameter(
    help:
      "Follow each portrait by the same one with one of these changed, attributes or `style`, and captions that say so."
  )
  var counterfactuals: [String] = []
  @Parameter(1...16, help: "Captions for each portrait.") var captions = 1
  @Parameter(16...1024, help: "Side of the pictures in pixels.") var size = 64

  let images = Output<Pictures>()
  let table = Output<Tables>()
  let labels = Output<Pictures>()

  enum PeopleSplit: String, Choice {
    case train
    case heldOut = "held_out"
  }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    attributes.entries.compactMap { entry in
      Portrait.issue(attribute: entry.name, values: entry.value).map { ValidationIssue(about: $attributes, $0) }
    }
      + counterfactuals.compactMap { name in
        Portrait.issue(counterfactual: name).map { ValidationIssue(about: $counterfactuals, $0) }
      } + $styles.emptiness
  }

  func estimate(_ input: EstimateInput) -> StageEstimate {
    input.estimate(
      items: count * (counterfactuals.isEmpty ? 1 : 2), bytes: pictureBytes(PictureSize(side: size)),
      size: PictureSize(side: size))
  }

  func run(_ context: any StageContext) throws {
    let people: Split = split == .train ? .train : .heldOut
    let digits = String(count - 1).count
    var rows: [[String]] = []
    var header: [String] = []

    func write(_ portrait: Portrait, _ style: Style, name: String, seed: UInt64, emphasis: String?) throws {
      let rendered =
        strokes ? portrait.strokes(size: size) : Renderer.render(portrait, style: style, size: size)
      func picture(_ pixels: [UInt8]) throws -> Data {
        try Picture.data(Image(width: rendered.width, height: rendered.height, pixels: pixels))
      }
      try context.write(picture(rendered.rgb), item: name, to: images)
      try context.write(picture(rendered.labels.flatMap { [$0, $0, $0] }), item: name, to: labels)
      let texts = Captions.captions(for: portrait, style: style, seed: seed, count: captions, emphasis: emphasis)
      let facts = portrait.tableRow(style: style)
      header = ["item"] + facts.map(\.name) + (0..<captions).map { $0 == 0 ? "caption" : "caption_\($0 + 1)" }
      rows.append([name] + facts.map(\.value) + texts)
    }

    for index in 0..<count {
      if index % 100 == 0 { try context.checkCancellation() }
      var random = RandomSource(seed: UInt64(seed), name: "portrait \(index)")
      let portraitSeed = random.next()
      let portrait = drawn(index, of: people, seed: portraitSeed, &random)
      let style = styles[index % styles.count]
      let number = String(index)
      let name = "portrait-" + String(repeating: "0", count: digits - number.count) + number
      if !counterfactuals.isEmpty {
        let next = styles[(index + 1) % styles.count]
        let other = portrait.counterfactual(style, otherStyle: next, in: counterfactuals, &random)
        try write(portrait, style, name: name, seed: portraitSeed, emphasis: other.attribute)
        try write(other.portrait, other.style, name: name + "-contrast", seed: portraitSeed, emphasis: other.attribute)
      } else {
        try write(portrait, style, name: name, seed: portraitSeed, emphasis: nil)
      }
      if index % 50 == 49 || index == count - 1 {
        context.progress(index + 1, of: count, unit: "portrait", values: [])
      }
    }
    try context.write(Data(CSV(header: header, rows: rows).text.utf8), to: table)
  }

  /// Portrait number `index`, of one of the people, with attributes of those asked for.
  private func drawn(_ index: Int, of split: Split, seed: UInt64, _ random: inout RandomSource) -> Portrait {
    var portrait = Portrait.random(seed: seed, split: split)
    if let people {
      let number = (UInt64(self.seed) &* 0x1_0000_01B3 &+ UInt64(index % people)) % UInt64(split.people.count)
      portrait = .random(of: Person(id: split.people.lowerBound + number), seed: seed)
    }
    for entry in attributes.entries { portrait.draw(entry.name, from: entry.value, &random) }
    return portrait
  }
}

extension Style: Choice {}

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
  func counterfactual(
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

  /// What is wrong with a counterfactual in `name`, or nil.
  static func issue(counterfactual name: String) -> String? {
    let names = AttributeSchema.heads.map(\.name)
    if names.contains(name) { return nil }
    return "portraits have no counterfactual in '\(name)': expected some of \(names.sorted().joined(separator: ", "))"
  }

  /// What is wrong with restricting an attribute to these values, or nil.
  static func issue(attribute name: String, values: [String]) -> String? {
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
