import ArtifactStore
import Foundation
import Imaging
import StageKit
import Testing

/// `figure` and `plot`: what they show, as their SVG says it.
struct FigureTests {
  private typealias Member = (label: String, axes: [Axis], type: ArtifactType, items: [(name: String, data: Data)])

  private func axis(_ name: String, _ value: Value) -> Axis { Axis(name: name, value: value) }

  /// The SVG that a stage of `kind` made; its PNG has the same size.
  private func svg(_ kind: String, _ port: String, _ values: [String: Value], _ members: [Member]) throws -> String {
    let made = try #require(BenchContext(kind, values, inputs: [port: .swept(members)]).run()["figure"])
    try #require(made.map(\.name) == ["", Artifact.svg])
    let (image, svg) = (
      try Image(decoding: made[0].data, name: "figure"), String(decoding: made[1].data, as: UTF8.self)
    )
    #expect(svg.contains("viewBox=\"0 0 \(image.width) \(image.height)\""))
    return svg
  }

  /// The lines of text in an SVG that are no numbers.
  private func words(_ svg: String) -> [String] {
    svg.matches(of: />([^<\n]+)<\/text>/).map { String($0.1) }.filter { Double($0) == nil }
  }

  /// The points of each curve, in pixels.
  private func curves(_ svg: String) -> [[[Double]]] {
    svg.matches(of: /<polyline points="([^"]+)"/).map { match in
      match.1.split(separator: " ").dropFirst().map { $0.split(separator: ",").compactMap { Double($0) } }
    }
  }

  // MARK: figure

  @Test func sweepsAreCalledByWhatTheyAre() throws {
    let picture = [(name: "a", data: try plainPicture(100))]
    func member(_ label: String, _ axes: Axis...) -> Member { (label, axes, .images, picture) }
    let one = try svg(
      "figure", "rows", [:],
      [member("edited", axis("world.return_step", .int(300))), member("edited", axis("world.return_step", .int(400)))])
    #expect(words(one) == ["edited", "return step = 300", "edited", "return step = 400"])
    let two = try svg(
      "figure", "rows", [:],
      [
        member("portraits"), member("edited", axis("step", .int(300)), axis("edit.target", .string("tanned face"))),
        member("edited", axis("step", .int(300)), axis("edit.target", .string("zombie"))),
      ])
    #expect(words(two) == ["tanned face", "zombie", "portraits", "edited", "step = 300"])
  }

  /// Where the pictures of a figure stand, row by row: x and y of each.
  private func tiles(_ svg: String) -> [[Int]] {
    svg.matches(of: /<image x="(\d+)" y="(\d+)"/).map { [Int($0.1) ?? 0, Int($0.2) ?? 0] }
  }

  @Test func picturesOfOneNameStandBelowEachOther() throws {
    func row(_ label: String, _ names: String...) throws -> Member {
      (label, [], .images, try names.map { (name: $0, data: try plainPicture(100)) })
    }
    func columns(_ members: [Member], _ values: [String: Value] = [:]) throws -> [[Int]] {
      let places = tiles(try svg("figure", "rows", values, members))
      let left = Set(places.map { $0[0] }).sorted()
      return Dictionary(grouping: places) { $0[1] }.sorted { $0.key < $1.key }
        .map { $0.value.map { left.firstIndex(of: $0[0]) ?? -1 }.sorted() }
    }
    let (whole, less) = (try row("ours", "a", "b", "c"), try row("theirs", "a", "c"))
    #expect(try columns([whole, less]) == [[0, 1, 2], [0, 2]])
    #expect(try columns([less, whole]) == [[0, 2], [0, 1, 2]])
    #expect(try columns([less, whole], ["items": .int(2)]) == [[0], [0, 1]])
    #expect(try columns([whole, less], ["align": .string("order")]) == [[0, 1, 2], [0, 1]])
    #expect(words(try svg("figure", "rows", [:], [whole, less])).contains { $0.contains("has no picture") })
    // Sets that share no name with each other, but with sets of their own, begin at the left.
    let others = [try row("x", "p", "q"), try row("y", "q")]
    #expect(try columns([whole, less] + others) == [[0, 1, 2], [0, 2], [0, 1], [1]])
    #expect(
      issue { _ = try columns([whole, others[0]]) }
        == "the row 'ours' has no picture of a name that another row has: show them in their order by `align: order`, or make figures of their own"
    )
    #expect(try columns([whole, others[0]], ["align": .string("order")]) == [[0, 1, 2], [0, 1]])
  }

  // MARK: plot of metrics

  private func metrics(_ label: String, _ axes: [Axis], _ items: String...) -> Member {
    (label, axes, .metrics, items.enumerated().map { (name: "\($0)", data: Data($1.utf8)) })
  }

  private func plot(_ values: [String: Value], _ members: [Member]) throws -> String {
    try svg("plot", "curves", values, members)
  }

  @Test func meansAreDrawnAlongASweep() throws {
    let members = [(600, 0.5), (200, 0.1), (400, 0.3)].map { step, mae in
      metrics("scores", [axis("world.return_step", .int(step))], "{\"mae\":\(mae - 0.1)}", "{\"mae\":\(mae + 0.1)}")
    }
    let svg = try plot(["x": .string("return_step")], members)
    #expect(words(svg) == ["return step", "mae"], "one curve needs no legend")
    let points = try #require(curves(svg).first)
    #expect(curves(svg).count == 1 && points.count == 3)
    // Evenly to the right and, as the picture's rows count from the top, upwards.
    #expect(abs(points[0][0] + points[2][0] - 2 * points[1][0]) < 0.02 && points[0][0] < points[1][0])
    #expect(abs(points[0][1] + points[2][1] - 2 * points[1][1]) < 0.02 && points[0][1] > points[1][1])
    #expect(svg.matches(of: /<circle/).count == 3)
    #expect(try plot(["x": .string("world.return_step")], members) == svg)
  }

  @Test func curvesAreCalledByWhatDiffers() throws {
    let members = ["ours", "theirs"].flatMap { label in
      [300, 400].flatMap { step in
        ["tanned face", "zombie"].map { target in
          metrics(
            label, [axis("step", .int(step)), axis("target", .string(target)), axis("seed", .int(1))],
            "{\"mae\":0.5,\"ssim\":0.25}")
        }
      }
    }
    let svg = try plot(["x": .string("step"), "measures": .list([.string("mae")]), "x_label": .string("t")], members)
    #expect(
      words(svg) == ["t", "mae", "ours, tanned face", "ours, zombie", "theirs, tanned face", "theirs, zombie"])
    let zombies = members.filter { $0.label == "ours" && $0.axes.contains(axis("target", .string("zombie"))) }
    let one = try plot(["x": .string("step")], zombies)
    #expect(words(one) == ["step", "mae", "ssim"])
    #expect(curves(one).count == 2)
  }

  @Test func whatIsZippedWithXTellsNoCurvesApart() throws {
    let members = [0.0, 0.5, 1.0].map { degree in
      metrics("scores", [axis("degree", .double(degree)), axis("rest", .double(1 - degree))], "{\"mae\":0.5}")
    }
    let svg = try plot(["x": .string("degree")], members)
    #expect(curves(svg).map(\.count) == [3])
    #expect(words(svg) == ["degree", "mae"])
  }

  @Test func aMeasureWithoutANumberLeavesAGap() throws {
    let members = [1, 2, 3].map { step in
      metrics("scores", [axis("step", .int(step))], step == 2 ? "{\"psnr\":null}" : "{\"psnr\":30}")
    }
    #expect(curves(try plot(["x": .string("step")], members)).map(\.count) == [2])
  }

  @Test(arguments: [
    ("mae", "step", "'scores' has no swept axis 'step': it has a.rate, b.rate, target"),
    ("mae", "rate", "'rate' of 'scores' may be a.rate or b.rate: give one of these names"),
    ("mae", "target", "'scores' is swept along 'target' over zombie, which is no number"),
    ("ssmi", "a.rate", "'scores' has no measure 'ssmi': it has mae, ssim"),
  ])
  func whatMetricsLackIsSaid(measure: String, x: String, message: String) throws {
    let axes = [axis("a.rate", .int(1)), axis("b.rate", .int(2)), axis("target", .string("zombie"))]
    let members = [metrics("scores", axes, "{\"mae\":0.5,\"ssim\":0.5}")]
    #expect(
      issue { _ = try plot(["x": .string(x), "measures": .list([.string(measure)])], members) } == message)
    #expect(
      issue { _ = try plot(["x": .string("step")], [metrics("plain", [], "{\"mae\":0.5}")]) }
        == "'plain' has no swept axis 'step': it has none")
  }

  // MARK: plot of tables

  private func table(_ text: String, _ label: String = "losses", _ axes: [Axis] = []) -> Member {
    (label, axes, .table, [(name: "", data: Data(text.utf8))])
  }

  private let losses = "iteration,loss,clip,note\n1,4,1,a\n2,2,,b\n3,1,0.5,c\n"

  /// Three ways, of which one is worse and dearer than another; points, names beside them, and a line through the rest.
  @Test func rowsBecomePointsWithNamesAndAFront() throws {
    let ways = "name,way,gflop,s_dir\ntuned,full,6800,0.7\ntuned,quick,800,0.75\nguide,,100,0.5\ntuned,lost,,0.9\n"
    var values: [String: Value] = ["x": .string("gflop"), "measures": .list([.string("s_dir")])]
    values["points"] = .string("way")
    let plain = try plot(values, [table(ways)])
    #expect(Set(words(plain)) == ["gflop", "s_dir", "full", "quick", "guide"])
    #expect(plain.matches(of: /<circle/).count == 3 && curves(plain).filter { $0.count > 1 }.isEmpty)
    values["front"] = .string("highest")
    let svg = try plot(values, [table(ways)])
    let line = try #require(curves(svg).first { $0.count > 1 })
    #expect(line.count == 2 && line[0][0] < line[1][0] && line[0][1] > line[1][1], "from guide up to quick")
    values["front"] = .string("lowest")
    #expect(curves(try plot(values, [table(ways)])).filter { $0.count > 1 }.isEmpty, "guide alone is lowest")
    values["points"] = .string("wya")
    #expect(
      issue { _ = try plot(values, [table(ways)]) } == "'losses' has no column 'wya': it has name, way, gflop, s_dir")
  }

  @Test func columnsAreDrawnOverAColumn() throws {
    let svg = try plot(
      ["x": .string("iteration"), "title": .string("Training"), "y_scale": .string("logarithmic")], [table(losses)])
    #expect(words(svg) == ["Training", "iteration", "loss", "clip"])
    #expect(curves(svg).map(\.count) == [3, 2], "an empty cell is no point")
    #expect(!svg.contains("<circle"))
    // Each loss is half the one before it.
    let points = curves(svg)[0]
    #expect(abs(points[0][1] + points[2][1] - 2 * points[1][1]) < 0.02)
  }

  @Test func tablesAndPlacesAreToldApart() throws {
    let members = [1, 2].map { table(losses, "losses", [axis("epochs", .int($0))]) } + [table(losses, "others")]
    let svg = try plot(["x": .string("iteration"), "measures": .list([.string("loss")])], members)
    #expect(words(svg) == ["iteration", "loss", "losses, epochs = 1", "losses, epochs = 2", "others"])
  }

  @Test(arguments: [
    ("step", "loss", "'losses' has no column 'step': it has iteration, loss, clip, note"),
    ("iteration", "l1", "'losses' has no column 'l1': it has iteration, loss, clip, note"),
    ("note", "loss", "the column 'note' of 'losses' is not made of numbers: 'a' is none"),
    ("iteration", "note", "the column 'note' of 'losses' is not made of numbers: 'a' is none"),
  ])
  func whatTablesLackIsSaid(x: String, column: String, message: String) throws {
    #expect(
      issue { _ = try plot(["x": .string(x), "measures": .list([.string(column)])], [table(losses)]) } == message)
  }

  @Test func anEmptyListOfMeasuresIsAMistake() throws {
    #expect(
      try BenchContext("plot", ["x": .string("step"), "measures": .list([])]).issues()
        == ["'measures' is empty: give it at least one value"])
  }
}
