import ArtifactStore
import Foundation
import Imaging
import JSONSyntax
import Planning
import StageKit
import Stages
import Testing

/// `survey`: what it asks, that it is blind, and that its key tells the truth. Pictures have colors that tell where
/// they are from: red the method (0 for originals), green the style, blue the person.
struct SurveyTests {
  typealias Member = (label: String, axes: [Axis], items: [(name: String, data: Data)])

  private static let styles = ["zombie", "clown"]

  private func member(
    _ label: String, _ axes: [Axis], method: UInt8, style: UInt8, people: Int
  ) throws -> Member {
    let items = try (0..<people).map { person in
      let color = Color(red: method, green: style, blue: UInt8(person))
      return (name: "portrait-\(person)", data: try Image(width: 8, height: 8, color: color).pngData())
    }
    return (label, axes, items)
  }

  /// One method's pictures, swept along a style.
  private func swept(_ label: String, method: UInt8, people: Int) throws -> [Member] {
    try Self.styles.enumerated().map { place, style in
      try member(
        label, [Axis(name: "look", value: .string(style))], method: method, style: UInt8(place), people: people)
    }
  }

  private func survey(
    _ values: [String: Value] = [:], first: [Member]? = nil, second: [Member]? = nil, images: [Member]? = nil,
    people: Int = 4
  ) throws -> BenchContext {
    try BenchContext(
      "survey", values,
      inputs: [
        "first": pictures(first ?? swept("tuned", method: 1, people: people)),
        "second": pictures(second ?? swept("baseline", method: 2, people: people)),
        "images": pictures(images ?? [member("faces", [], method: 0, style: 0, people: people)]),
      ])
  }

  private func pictures(_ members: [Member]) -> BenchContext.Input {
    .swept(members.map { ($0.label, $0.axes, .images, $0.items) })
  }

  /// What the page shows, and its key.
  private struct Made {
    let page: String
    let data: JSON
    let key: CSV

    init(_ context: BenchContext) throws {
      try context.run()
      page = String(decoding: try #require(context.written["page"]?.first).data, as: UTF8.self)
      let start = try #require(page.firstRange(of: "<script id=\"data\" type=\"application/json\">")).upperBound
      let end = try #require(page[start...].firstRange(of: "</script>")).lowerBound
      data = try JSON(parsing: Data(page[start..<end].utf8))
      key = try context.table("key")
    }

    /// The color of what a trial, counted from 1, shows.
    func color(_ trial: Int, _ role: String) throws -> (red: UInt8, green: UInt8, blue: UInt8)? {
      guard let place = try #require(data["trials"]?.array)[trial - 1][role]?.int else { return nil }
      let text = try #require(data["pictures"]?.array?[place].string)
      let pixels = try Image(decoding: #require(Data(base64Encoded: text)), name: role).pixels
      return (pixels[0], pixels[1], pixels[2])
    }
  }

  @Test func everyPairIsAskedAboutAndTheKeyTellsWhatItIs() throws {
    let made = try Made(survey())
    #expect(made.key.header == ["survey", "trial", "item", "group", "left", "right", "first"])
    #expect(made.key.rows.count == 8 && made.data["trials"]?.array?.count == 8)
    #expect(made.key.column("trial")?.compactMap(Int.init).sorted() == Array(1...8))
    #expect(made.key.column("group") == Self.styles.flatMap { Array(repeating: $0, count: 4) })
    #expect(made.key.column("item") == (0..<8).map { "portrait-\($0 % 4)" })
    let id = try #require(made.data["id"]?.string)
    #expect(id.count == 16 && made.key.rows.allSatisfy { $0[0] == id && $0[6] == "tuned" })
    for row in made.key.rows {
      let trial = try #require(Int(row[1]))
      #expect(made.data["trials"]?.array?[trial - 1]["change"]?.string == row[3])
      for (role, method) in [("left", row[4]), ("right", row[5])] {
        let color = try #require(try made.color(trial, role))
        #expect(color.red == (method == "tuned" ? 1 : 2))
        #expect(Self.styles[Int(color.green)] == row[3] && row[2] == "portrait-\(color.blue)")
      }
      let original = try #require(try made.color(trial, "original"))
      #expect(original.red == 0 && row[2] == "portrait-\(original.blue)")
    }
    // An original stands in the page once.
    #expect(made.data["pictures"]?.array?.count == 20)
  }

  @Test func aSeedAlwaysGivesTheSamePage() throws {
    let (one, again) = (try Made(survey()), try Made(survey()))
    #expect(one.page == again.page && one.key == again.key)
    let other = try Made(survey(["seed": .int(1)]))
    #expect(other.data["id"] != one.data["id"] && other.data["pictures"] != one.data["pictures"])
  }

  @Test func theIdIsOfAllThatIsShownAndOfNothingElse() throws {
    func id(_ values: [String: Value], images: [Member]? = nil) throws -> String? {
      try Made(survey(values, images: images)).data["id"]?.string
    }
    let plain = try id([:])
    #expect(try id(["names": .list([.string("a"), .string("b")])]) == plain)
    #expect(try id(["question": .string("Which?")]) != plain)
    #expect(try id(["title": .string("T")]) != id(["instructions": .string("T")]))
    #expect(try id([:], images: [member("faces", [], method: 9, style: 0, people: 4)]) != plain)
  }

  @Test func nothingInThePageTellsWhichMethodIsWhich() throws {
    let made = try Made(survey(["names": .list([.string("Ours"), .string("StarGAN")])], people: 100))
    #expect(made.key.column("first")?.allSatisfy { $0 == "Ours" } == true)
    for name in ["Ours", "StarGAN", "tuned", "baseline", "faces", "portrait", "look"] {
      #expect(!made.page.contains(name), "\(name)")
    }
    let sorted = made.key.rows.sorted { (Int($0[1]) ?? 0) < (Int($1[1]) ?? 0) }
    let isOursLeft = sorted.map { $0[4] == "Ours" }
    for style in Self.styles {
      #expect(sorted.count { $0[3] == style && $0[4] == "Ours" } == 50)
    }
    // In 199 steps of random order 99.5 changes are expected, with a standard deviation of 7.
    let changes = zip(isOursLeft, isOursLeft.dropFirst()).count { $0 != $1 }
    #expect((65...135).contains(changes))
    let groups = zip(sorted, sorted.dropFirst()).count { $0[3] != $1[3] }
    #expect((65...135).contains(groups))
  }

  @Test func fewerTrialsAreTakenEvenly() throws {
    let key = try Made(survey(["trials": .int(7)], people: 20)).key
    #expect(key.rows.count == 7)
    #expect(Set(Self.styles.map { style in key.rows.count { $0[3] == style } }) == [3, 4])
    let items = try #require(key.column("item"))
    #expect(items != (0..<7).map { "portrait-\($0)" } && Set(zip(items, key.rows).map { $0 + $1[3] }).count == 7)
    #expect(try Made(survey(["trials": .int(100)])).key.rows.count == 8)
  }

  @Test func labelsOfSeveralStagesAreGroupsToo() throws {
    func sets(_ method: UInt8) throws -> [Member] {
      try ["tanned", "gray hair"].flatMap { label in
        try [300, 500].map { step in
          try member(label, [Axis(name: "step", value: .int(step))], method: method, style: 0, people: 1)
        }
      }
    }
    let made = try Made(survey(first: sets(1), second: sets(2), images: []))
    #expect(made.key.column("group") == ["tanned, 300", "tanned, 500", "gray hair, 300", "gray hair, 500"])
    #expect(made.key.column("first")?.first == "first")
    // Numbers are nothing to look for, and there is no original.
    let trials = try #require(made.data["trials"]?.array)
    #expect(Set(trials.compactMap { $0["change"]?.string }) == ["tanned", "gray hair"])
    #expect(trials.allSatisfy { $0["original"] == nil })
  }

  @Test func originalsAreThoseAtTheSamePlace() throws {
    let axes = { (look: String, size: Int) in
      [Axis(name: "look", value: .string(look)), Axis(name: "size", value: .int(size))]
    }
    func sets(_ method: UInt8) throws -> [Member] {
      try Self.styles.enumerated().flatMap { place, style in
        try [1, 2].map { try member("m\(method)", axes(style, $0), method: method, style: UInt8(place), people: 1) }
      }
    }
    let originals = try Self.styles.enumerated().map { place, style in
      try member("o", Array(axes(style, 1).prefix(1)), method: 0, style: UInt8(place), people: 1)
    }
    let made = try Made(survey(first: sets(1), second: sets(2), images: originals))
    #expect(made.key.column("group") == ["zombie, 1", "zombie, 2", "clown, 1", "clown, 2"])
    for row in made.key.rows {
      let trial = try #require(Int(row[1]))
      let original = try #require(try made.color(trial, "original"))
      #expect(row[3].hasPrefix(Self.styles[Int(original.green)]))
    }
  }

  @Test func textsFromOutsideStayTexts() throws {
    let title = "</script><script>alert(1)</script> & \"more\"\u{2028}"
    let made = try Made(survey(["title": .string(title)]))
    #expect(made.data["title"]?.string == title)
    #expect(!made.page.contains("alert(1)</script>"))
  }

  @Test func whatHasNoPartnerIsNamed() throws {
    func message(first: [Member]? = nil, second: [Member]? = nil, images: [Member]? = nil) -> String? {
      complaint { try survey(first: first, second: second, images: images).run() }
    }
    let advice = ": give it pictures of the same names, at the same places of the sweeps"
    #expect(
      try message(second: swept("baseline", method: 2, people: 3))
        == "'second' has no picture for 'portrait-3' at look=zombie; 'portrait-3' at look=clown of 'first'" + advice)
    #expect(
      try message(first: [swept("tuned", method: 1, people: 4)[0]])
        == "'first' has no picture for 'portrait-0' at look=clown; 'portrait-1' at look=clown; "
        + "'portrait-2' at look=clown; 'portrait-3' at look=clown of 'second'" + advice)
    #expect(
      try message(images: [member("faces", [], method: 0, style: 0, people: 1)])?.hasPrefix(
        "'images' has no picture for 'portrait-1' at look=zombie; 'portrait-2' at look=zombie; ") == true)
    let many = try message(second: swept("baseline", method: 2, people: 1))
    #expect(many?.contains("'portrait-2' at look=clown; and 1 more of 'first': ") == true)
  }

  @Test func methodsHaveNamesOfTheirOwn() throws {
    #expect(
      complaint { try survey(second: swept("tuned", method: 2, people: 4)).run() }
        == "both methods are called 'tuned': give them 'names', such as [ours, theirs]")
    for names in [["a"], ["a", "a"], ["a", ""], ["a", "b", "c"]] {
      #expect(
        try BenchContext("survey", ["names": .list(names.map(Value.string))]).complaints()
          == ["'names' must be two different names, such as [ours, theirs]"])
    }
  }

  @Test("originals may be left out, by nobody giving a recipe in use its input too")
  func originalsAreOptional() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "survey-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func stages(_ originals: String) -> String {
      "ask: { survey: { \(originals)first: { one: images }, second: { two: images } } }"
    }
    func planned(_ originals: String) throws -> Plan {
      let inner = """
        recipe: inner
        inputs: { images: images, faces: { type: images, optional: true } }
        stages:
          \(stages(originals))
        outputs: { page: ask }
        """
      try Data(inner.utf8).write(to: folder.appending(path: "inner.yaml"))
      let outer = folder.appending(path: "outer.yaml")
      let text = """
        recipe: outer
        stages:
          p: { synthesize: { count: 1, size: 16 } }
          s: { use: { recipe: inner.yaml, images: p } }
        outputs: [s.page]
        """
      try Data(text.utf8).write(to: outer)
      return try Planner.plan(recipeAt: outer.path, kinds: Catalog.kinds)
    }
    for originals in ["", "images: null, ", "images: [faces], "] {
      let stage = try #require(planned(originals).stages.last)
      #expect(stage.kind.name == "survey" && stage.inputs["images"]?.references.isEmpty ?? true)
    }
    let given = try planned("images: [images, faces], ").stages.last
    #expect(given?.inputs["images"]?.references.map(\.stage) == ["p"])
    #expect(throws: (any Error).self) { try planned("images: [], ") }
  }
}
