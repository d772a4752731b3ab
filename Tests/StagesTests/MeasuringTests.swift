import ArtifactStore
import Checkpoints
import Foundation
import Imaging
import JSONSyntax
import Networks
import StageKit
import Stages
import Tensors
import Testing

/// `metric`, and `table` over what it makes.
struct MeasuringTests {
  private func metric(_ measures: [String], _ picture: Data, reference: Data) throws -> BenchContext {
    try BenchContext(
      "metric", item: "a", ["measures": .list(measures.map(Value.string))],
      inputs: ["images": .one(.images, [("a", picture)]), "reference": .one(.images, [("a", reference)])])
  }

  @Test func equalPicturesDifferInNothing() throws {
    let picture = try plainPicture(100)
    let context = try metric(["mae", "psnr", "ssim"], picture, reference: picture)
    let text = try #require(context.run()["metrics"]?.first)
    #expect(text.name == "a")
    #expect(String(decoding: text.data, as: UTF8.self) == "{\"mae\":0.0,\"psnr\":\"Infinity\",\"ssim\":1.0}")
  }

  @Test(arguments: [1, 6]) func ssimNeedsItsWindow(side: Int) throws {
    let picture = try plainPicture(100, side: side)
    #expect(
      issue { try metric(["ssim"], picture, reference: picture).run() }
        == "picture 'a' is \(side)×\(side), but 'ssim' needs at least 7×7 pixels, its window: load larger pictures, or leave 'ssim' out"
    )
    try metric(["mae", "psnr"], picture, reference: picture).run()
    let large = try plainPicture(100, side: 7)
    try metric(["ssim"], large, reference: large).run()
  }

  /// The means of items with these numbers, of two rows.
  private func means(
    _ rows: [(label: String, items: [(String, String)])], _ values: [String: Value] = [:]
  ) throws
    -> (table: CSV, trend: JSON, lines: [String])
  {
    let context = try BenchContext(
      "table", values,
      inputs: [
        "rows": .list(
          .metrics, rows.map { ($0.label, $0.items.map { ($0.0, Data("{\"psnr\": \($0.1)}".utf8)) }) })
      ])
    let trend = try JSON(parsing: #require(context.run()["trend"]?.first).data)
    return (try context.table("table"), trend, context.lines)
  }

  @Test func whatIsNotFiniteStaysInTheMean() throws {
    let made = try means([
      ("ours", [("a", "30"), ("b", "\"Infinity\"")]), ("theirs", [("a", "20"), ("b", "\"NaN\"")]),
      ("others", [("a", "\"-Infinity\""), ("b", "1")]),
    ])
    #expect(made.table.rows == [["ours", "inf"], ["theirs", "nan"], ["others", "-inf"]])
    // What is no number leads nobody.
    #expect(
      made.trend["psnr.min_margin"]?.double?.isNaN == true && made.trend["psnr.min_step"]?.double?.isNaN == true)
    let same = try means([("ours", [("a", "\"Infinity\"")]), ("theirs", [("a", "\"Infinity\"")])])
    #expect(same.trend["psnr.min_margin"]?.double == 0)
    #expect(
      issue { _ = try means([("ours", [("a", "\"much\"")])]) }
        == "'psnr' of 'a' is \"much\", which is no number: measure it again")
  }

  @Test func meansOverOtherItemsAreNotCompared() throws {
    let rows = [
      (label: "ours", items: [("a", "1"), ("b", "2"), ("c", "9")]), (label: "theirs", items: [("a", "3"), ("c", "5")]),
    ]
    #expect(
      issue { _ = try means(rows) }
        == "the means of 'psnr' are over different items: 'theirs' has no 'b', which 'ours' has: complete the sets, "
        + "or compare `items: common`, those that all have, or `items: any`")
    let common = try means(rows, ["items": .string("common")])
    #expect(common.table.rows == [["ours", "5.0"], ["theirs", "4.0"]])
    #expect(common.lines.last == "means of 'psnr' are over the 2 items that all have")
    let any = try means(rows, ["items": .string("any")])
    #expect(any.table.header == ["name", "items", "psnr"])
    #expect(any.table.rows == [["ours", "3", "4.0"], ["theirs", "2", "4.0"]])
    #expect(any.lines == ["'psnr' is over different items: 'theirs' has no 'b', which 'ours' has"])
    #expect(
      issue { _ = try means([rows[0], ("theirs", [("d", "1")])], ["items": .string("common")]) }
        == "the sets have no item in common that has 'psnr': compare `items: any`")
  }

  @Test func aReferenceHasTheSameSize() throws {
    let context = try metric(["mae"], plainPicture(1), reference: plainPicture(1, side: 24))
    #expect(issue { try context.run() } == "picture 'a' is 16×16, its reference 24×24")
  }

  private func diversity(of pictures: [Data]) throws -> BenchContext {
    let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Fixtures/models")
    let network = try Data(contentsOf: models.appending(path: "portraits-perceptual.safetensors"))
    let items = pictures.enumerated().map { (name: "\($0)", data: $1) }
    return try BenchContext(
      "metric", item: "0", ["measures": .list([.string("diversity")])],
      inputs: [
        "images": .one(.images, [items[0]]), "population": .one(.images, items),
        "perceptual": .one(.perceptual, [("", network)]),
      ])
  }

  /// The distance from the other pictures of the set, however many: the mean of 0 and something.
  @Test func diversityIsTheMeanDistanceFromTheOthers() throws {
    func value(_ shades: [UInt8]) throws -> Double {
      let context = try diversity(of: shades.map { try plainPicture($0, side: 64) })
      let text = try #require(context.run()["metrics"]?.first)
      return try #require(try JSON(parsing: text.data).members?.first?.value.double)
    }
    #expect(try value([90, 90, 90]) == 0)
    let distance = try value([90, 200])
    #expect(distance > 0.01)
    #expect(try abs(value([90, 90, 200]) - distance / 2) < 1e-12)
    #expect(
      issue { try diversity(of: [plainPicture(90, side: 64)]).run() }
        == "'diversity' needs at least two pictures in 'population'")
  }

  @Test func measuresAskForTheirInputs() throws {
    let measures: Value = .list(["mae", "s_dir", "attribute_accuracy"].map(Value.string))
    #expect(
      try BenchContext("metric", ["measures": measures]).issues(["images": [.images], "reference": [.images]]) == [
        "'s_dir' needs the input 'clip': add it", "'attribute_accuracy' needs the input 'classifier': add it",
        "'s_dir' needs the parameter 'target': what the pictures should show",
        "the classifier's measures need 'attributes', such as {tan: tanned}",
      ])
  }

  /// The cosine of the embeddings, as CLIP's own network has them.
  @Test func clipSimilarityIsTheCosine() throws {
    let world = try SmallWorld.shared.get()
    let clip = try CLIPModel(Safetensors.read(world.clip, from: "clip"))
    func similarity(_ values: [String: Value]) throws -> Double {
      let context = try BenchContext(
        "metric", item: "a",
        values.merging(["measures": .list([.string("clip_similarity")]), "target": .string("zombie")]) { $1 },
        inputs: ["images": .one(.images, [world.portraits[0]]), "clip": .one(.clip, [("", world.clip)])])
      let written = try #require(context.run()["metrics"]?.first)
      return try #require(try JSON(parsing: written.data)["clip_similarity"]?.double)
    }
    let picture = try Image(decoding: world.portraits[0].data, name: "a")
    let pixels = Tensor(picture.floats(in: -1...1), shape: [1, 16, 16, 3])
    func cosine(_ text: Tensor) -> Double { (clip.embedding(ofImages: pixels) * text).sum().item }
    let one = try clip.embedding(ofTexts: ["a zombie."])
    #expect(abs(try similarity(["templates": .list([.string("a {}.")])]) - cosine(one)) < 1e-6)
    // Of several templates, the cosine with the mean's direction.
    let two = try clip.embedding(ofTexts: ["a zombie.", "zombie, zombie"])
    let mean = two.mean([0]).normalizedRows()
    let templates = Value.list([.string("a {}."), .string("{}, {}")])
    #expect(abs(try similarity(["templates": templates]) - cosine(mean)) < 1e-6)
  }

  @Test func templatesHaveAPlaceForTheText() throws {
    let options: [String: Value] = ["measures": .list([.string("clip_similarity")]), "target": .string("zombie")]
    func issues(_ templates: String...) throws -> [String] {
      try BenchContext("metric", options.merging(["templates": .list(templates.map(Value.string))]) { $1 })
        .issues(["images": [.images], "clip": [.clip]])
    }
    #expect(try issues("a {}") == [])
    #expect(try issues() == ["'templates' is empty: give it at least one value"])
    #expect(
      try issues("a {}", "a photo") == ["the template 'a photo' has no place for a text: put {} there"])
  }

  private func table(_ values: [String: Value] = [:]) throws -> CSV {
    func items(_ texts: String...) -> [(name: String, data: Data)] {
      texts.enumerated().map { ("\($0)", Data($1.utf8)) }
    }
    let context = try BenchContext(
      "table", values,
      inputs: [
        "rows": .list(
          .metrics,
          [
            ("first", items("{\"mae\": 0.25, \"psnr\": null}", "{\"mae\": 0.75, \"psnr\": 30}")),
            ("second", items("{\"ssim\": 0.5}")),
          ])
      ])
    try context.run()
    return try context.table("table")
  }

  @Test func aTableHoldsTheMeansOfWhatWasMeasured() throws {
    let table = try table()
    #expect(table.header == ["name", "mae", "psnr", "ssim"])
    #expect(table.rows == [["first", "0.5", "30.0", ""], ["second", "", "", "0.5"]])
  }

  @Test func aTableHoldsTheMeasuresThatAreNamed() throws {
    let table = try table(["measures": .list([.string("ssim"), .string("mae")])])
    #expect(table.header == ["name", "ssim", "mae"])
    #expect(table.rows == [["first", "", "0.5"], ["second", "0.5", ""]])
  }

  // MARK: Trends

  /// What `table` says of rows with one measure.
  private func trend(
    _ rows: [(label: String, axes: [(String, Value)], mae: Double)], _ values: [String: Value] = [:]
  ) throws -> String {
    let members = rows.map { row in
      (
        label: row.label, axes: row.axes.map { Axis(name: $0.0, value: $0.1) }, type: ArtifactType.metrics,
        items: [(name: "a", data: Data("{\"mae\":\(row.mae)}".utf8))]
      )
    }
    let written = try BenchContext("table", values, inputs: ["rows": .swept(members)]).run()
    return String(decoding: try #require(written["trend"]?.first).data, as: UTF8.self)
  }

  @Test func theFirstRowIsComparedWithAllOthers() throws {
    let rows = [("ours", 0.5), ("one", 0.25), ("other", 1.5)].map {
      (label: $0.0, axes: [(String, Value)](), mae: $0.1)
    }
    #expect(
      try trend(rows) == #"{"mae.min_step":-0.25,"mae.min_margin":-1.0,"mae.max_margin":0.25}"#)
  }

  @Test func rowsAreComparedAtTheSamePlaceAlone() throws {
    let rows: [(label: String, axes: [(String, Value)], mae: Double)] = [
      ("ours", [("step", .int(300))], 1), ("ours", [("step", .int(400))], 10),
      ("one", [("step", .int(300))], 2), ("one", [("step", .int(400))], 14),
    ]
    #expect(try trend(rows) == #"{"mae.min_step":-8.0,"mae.min_margin":-4.0,"mae.max_margin":-1.0}"#)
    // What no sweep reaches is compared everywhere, and what is swept further wherever the common axes agree.
    let more = rows + [("fixed", [], 9), ("finer", [("step", .int(400)), ("rate", .double(0.5))], 12)]
    #expect(try trend(more).hasSuffix(#""mae.min_margin":-8.0,"mae.max_margin":1.0}"#))
  }

  @Test func placesOfASweepCanBeAveraged() throws {
    let rows: [(label: String, axes: [(String, Value)], mae: Double)] = [
      ("ours", [("w.text", .string("tan")), ("step", .int(300))], 1),
      ("ours", [("w.text", .string("gray")), ("step", .int(300))], 3),
      ("ours", [("w.text", .string("tan")), ("step", .int(400))], 5),
      ("one", [("w.text", .string("tan")), ("step", .int(300))], 8),
    ]
    func average(_ names: String...) -> [String: Value] { ["average": .list(names.map(Value.string))] }
    #expect(
      try trend(rows, average("text")) == #"{"mae.min_step":3.0,"mae.min_margin":-6.0,"mae.max_margin":-6.0}"#)
    #expect(try trend(rows, average("text", "step")).hasPrefix(#"{"mae.min_step":4.5,"#), "of 2 and 5")
    #expect(
      issue { _ = try trend(rows, average("texts")) } == "'rows' has no swept axis 'texts': it has w.text, step")
  }

  @Test func oneSetLeadsNobody() throws {
    let rows: [(label: String, axes: [(String, Value)], mae: Double)] = [
      ("ours", [("step", .int(300))], 1), ("ours", [("step", .int(400))], 2),
    ]
    #expect(try trend(rows) == #"{"mae.min_step":1.0}"#)
    // Along a sweep of one place, nothing rises or falls; without a sweep there is nothing of the kind.
    #expect(try trend([rows[0]]) == #"{"mae.min_step":"nothing to measure"}"#)
    #expect(try trend([("ours", [], 1)]) == "{}")
  }

  @Test func trendsAreKnownToPlanning() throws {
    let kind = try BenchContext("table", [:]).kind
    let named = kind.outputs(Parameters(["measures": .list([.string("mae"), .string("s_dir")])]))
    #expect(
      named[1].measures == [
        "mae.min_step", "mae.min_margin", "mae.max_margin", "s_dir.min_step", "s_dir.min_margin",
        "s_dir.max_margin",
      ])
    #expect(kind.outputs(Parameters([:]))[1].measures == nil)
  }
}
