import ArtifactStore
import Foundation
import StageKit
import Stages
import Testing

struct TrainTests {
  private static let attributes: Value = .list([.string("age"), .string("tan")])
  private static let regions = [
    "background", "skin", "hair", "brows", "eyes", "nose", "mouth", "neck", "clothing", "beard", "glasses",
  ]

  /// Six portraits of two people, their table and labels.
  private static let world = Result {
    try BenchContext("synthesize", ["count": .int(6), "people": .int(2), "size": .int(16)]).run()
  }

  private func train(
    _ network: String, _ values: [String: Value] = [:], changing: [String: BenchContext.Input] = [:]
  ) throws -> BenchContext {
    let world = try Self.world.get()
    let inputs: [String: BenchContext.Input] = [
      "images": .one(.images, world["images"] ?? []), "table": .one(.table, world["table"] ?? []),
      "labels": .one(.images, world["labels"] ?? []),
    ]
    let tiny: [String: Value] = [
      "network": .string(network), "steps": .int(2), "batch_size": .int(2), "warmup_steps": .int(1),
      "channels": .int(8),
      "multipliers": .list([.int(1), .int(2)]), "groups": .int(4), "merges": .int(50), "attributes": Self.attributes,
      "classes": .list(Self.regions.map(Value.string)),
    ]
    return try BenchContext(
      "train", tiny.merging(values) { $1 }, inputs: inputs.merging(changing) { $1 })
  }

  @Test(arguments: ["diffusion", "clip", "identity", "segmenter", "perceptual", "classifier"])
  func everyNetworkLearnsAndCanBeLoaded(network: String) throws {
    let context = try train(network)
    let model = try #require(context.run()["model"]?.first).data
    let losses = try context.table("losses")
    #expect(losses.header == ["step", "loss", "learning_rate"])
    #expect(losses.column("step") == ["2"])
    #expect(losses.column("loss").flatMap { Double($0[0]) }?.isFinite == true)
    #expect(String(decoding: model.prefix(4000), as: UTF8.self).contains("architecture"))
  }

  @Test func anAdversaryMakesCLIPsTrainingHarder() throws {
    func losses(_ epsilon: Double) throws -> [Double] {
      let context = try train(
        "clip",
        ["steps": .int(40), "batch_size": .int(4), "group_size": .int(2), "adversarial_epsilon": .double(epsilon)])
      try context.run()
      return try (context.table("losses").column("loss") ?? []).compactMap(Double.init)
    }
    let (plain, robust) = (try losses(0), try losses(20))
    #expect(plain.count == 4 && plain != robust)
    #expect(try robust == losses(20))
    #expect(robust[3] > plain[3])
  }

  @Test func wordsAreLearntByAHeadThatIsDropped() throws {
    func trained(_ weight: Double) throws -> (model: Data, losses: [Double]) {
      let context = try train(
        "clip",
        [
          "steps": .int(60), "batch_size": .int(4), "learning_rate": .double(3e-3),
          "caption_loss_weight": .double(weight),
        ])
      let model = try #require(context.run()["model"]?.first).data
      return (model, try (context.table("losses").column("loss") ?? []).compactMap(Double.init))
    }
    let (plain, worded) = (try trained(0), try trained(1))
    #expect(plain.model.count == worded.model.count && plain.model != worded.model)
    // Contrast alone ends near log 4; the rest of the loss is that of the words.
    #expect(worded.losses[0] > plain.losses[0] + 2)
    #expect(worded.losses[5] < worded.losses[0] - 1)
  }

  @Test func aCancelledTrainingGoesOnWithTheSameBytes() throws {
    let whole = try train("diffusion", ["steps": .int(35)]).run()

    let cut = try train("diffusion", ["steps": .int(35), "checkpoint_every_s": .double(0)])
    cut.patience = 27
    #expect(throws: Cancelled.self) { try cut.run() }
    #expect(cut.savings == 3 && cut.written.isEmpty, "after 10 and 20 steps, and where it was stopped")

    let resumed = try train("diffusion", ["steps": .int(35)])
    resumed.state = cut.state
    #expect(try resumed.run().mapValues { $0.map(\.data) } == whole.mapValues { $0.map(\.data) })
    #expect(resumed.lines == ["goes on after 27 steps"])
    #expect(resumed.savings == 0, "it is over before a minute has passed")
  }

  @Test func stateOfAnotherShapeIsLeftAlone() throws {
    let cut = try train("diffusion", ["steps": .int(11), "checkpoint_every_s": .double(0)])
    try cut.run()
    let other = try train("diffusion", ["channels": .int(4)])
    other.state = cut.state
    try other.run()
    #expect(other.lines.isEmpty)
  }

  @Test func picturesMustBeSquareAndAlike() throws {
    let pictures = [("a", try plainPicture(0)), ("b", try plainPicture(9, side: 24))]
    let context = try train("diffusion", changing: ["images": .one(.images, pictures)])
    #expect(issue { try context.run() } == "picture 'b' is 24×24, expected 16×16: load them with one `size`")
  }

  @Test(arguments: [
    ("classifier", "name,age\n", "the table has no column 'item': its cells name the pictures"),
    ("classifier", "item,age,tan\n", "the table has no row for picture 'portrait-0'"),
    ("classifier", Self.rows("item,age", "young"), "the table has no column 'tan': it has age, item"),
    ("classifier", Self.rows("item,age,tan", "young,"), "the table's column 'tan' is empty"),
    ("identity", Self.rows("item,age", "young"), "the table has no column 'person': it has age, item"),
    ("clip", Self.rows("item,age", "young"), "the table has no column 'caption': CLIP learns from captions"),
  ])
  func theTableMustHoldWhatTheNetworkLearns(network: String, table: String, message: String) throws {
    let context = try train(network, changing: ["table": .one(.table, [("", Data(table.utf8))])])
    #expect(issue { try context.run() } == message)
  }

  /// A table with the same cells for each of the portraits.
  private static func rows(_ header: String, _ cells: String) -> String {
    header + "\n" + (0..<6).map { "portrait-\($0),\(cells)\n" }.joined()
  }

  @Test func labelsMustBeClasses() throws {
    let context = try train("segmenter", ["classes": .list([.string("background")])])
    #expect(issue { try context.run() }?.hasSuffix(", but there are 1 classes") == true)
    let unlabeled = try train("segmenter", changing: ["labels": .one(.images, [("x", plainPicture(0))])])
    #expect(issue { try unlabeled.run() } == "'labels' has no item 'portrait-0'")
  }

  @Test func whatANetworkLearnsFromIsAskedForBeforeAnythingRuns() throws {
    func issues(_ network: String, _ types: [String: [ArtifactType]] = ["images": [.images]]) throws -> [String] {
      try BenchContext("train", ["network": .string(network), "steps": .int(1)]).issues(types)
    }
    #expect(try issues("diffusion") == [])
    #expect(try issues("clip") == ["training clip needs the input 'table': add it"])
    #expect(
      try issues("classifier", ["images": [.images], "table": [.table]])
        == ["training classifier needs 'attributes': name the table's columns that it shall tell apart"])
    #expect(
      try issues("segmenter") == [
        "training a segmenter needs the input 'labels': add it",
        "training a segmenter needs 'classes': name one per gray level",
      ])
    let lists: [String: Value] = ["multipliers": .list([]), "channels": .int(10)]
    #expect(
      try BenchContext("train", ["network": .string("diffusion"), "steps": .int(1)].merging(lists) { $1 })
        .issues(["images": [.images]]) == [
          "'multipliers' is empty: give it at least one value",
          "10 channels do not fall into 8 groups: choose a divisor",
        ])
  }
}
