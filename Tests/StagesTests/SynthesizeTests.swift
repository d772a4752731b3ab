import Foundation
import Imaging
import StageKit
import Stages
import Testing

struct SynthesizeTests {
  private func portraits(_ values: [String: Value]) throws -> BenchContext {
    let context = try BenchContext("synthesize", values.merging(["size": .int(16)]) { given, _ in given })
    try context.run()
    return context
  }

  @Test func everyPortraitHasItsRowAndLabels() throws {
    let context = try portraits(["count": .int(12), "captions": .int(2)])
    let names = (0..<12).map { $0 < 10 ? "portrait-0\($0)" : "portrait-\($0)" }
    #expect(context.written["images"]?.map(\.name) == names)
    #expect(context.written["labels"]?.map(\.name) == names)
    let table = try context.table("table")
    #expect(table.column("item") == names)
    #expect(table.column("caption")?.contains("") == false && table.column("caption_2")?.contains("") == false)
    let picture = try Image(decoding: #require(context.written["images"]?[3].data), name: names[3])
    #expect(picture.width == 16 && picture.height == 16)
  }

  @Test func portraitsDependOnSeedAndSplitAlone() throws {
    func pictures(_ values: [String: Value]) throws -> [Data] {
      try portraits(values).written["images"]?.map(\.data) ?? []
    }
    let three = try pictures(["count": .int(3)])
    #expect(try pictures(["count": .int(5)]).prefix(3) == three[...])
    #expect(try pictures(["count": .int(3), "seed": .int(2)]) != three)
    #expect(try pictures(["count": .int(3), "split": .string("held_out")]) != three)
    #expect(try pictures(["count": .int(3), "strokes": .bool(true)]) != three)
  }

  @Test func attributesMayBeRestricted() throws {
    let allowed: Value = .map(["hair_color": .list([.string("black"), .string("brown")])])
    let colors = try portraits(["count": .int(20), "attributes": allowed]).table("table").column("hair_color")
    #expect(Set(colors ?? []) == ["black", "brown"])
  }

  private static let contrasts = [
    "style", "expression", "makeup", "tan", "hair_color", "hair_length", "curly", "beard", "glasses", "age",
  ]

  @Test("a contrast is the same person with one attribute or the style changed, and the captions say so")
  func contrasts() throws {
    let table = try portraits(
      [
        "count": .int(120), "counterfactuals": .list(Self.contrasts.map(Value.string)), "captions": .int(8),
        "styles": .list(["photo", "sketch"].map(Value.string)),
      ]
    ).table("table")
    #expect(table.rows.count == 240)
    let facts = table.header.indices.filter {
      !["item", "person"].contains(table.header[$0]) && !table.header[$0].hasPrefix("caption")
    }
    var kinds: [String: Int] = [:]
    for pair in stride(from: 0, to: 240, by: 2) {
      let (one, other) = (table.rows[pair], table.rows[pair + 1])
      #expect(other[0] == one[0] + "-contrast" && one[1] == other[1])
      let changed = facts.filter { one[$0] != other[$0] }.map { table.header[$0] }
      // Another style hides or shows further attributes.
      #expect(changed.count == 1 || changed.contains("style"))
      kinds[changed.contains("style") ? "style" : changed[0], default: 0] += 1
      guard changed == ["makeup"], let captions = table.header.firstIndex(of: "caption") else { continue }
      let made = one.contains("strong") ? one : other
      #expect(made[captions...].allSatisfy { text in ["make", "made", "lip"].contains { text.contains($0) } })
    }
    #expect(kinds.count >= 7 && kinds["makeup", default: 0] > 3 && kinds["style", default: 0] > 5)
  }

  @Test func attributesMustBeKnown() throws {
    func issues(_ name: String, _ value: String) throws -> [String] {
      try BenchContext("synthesize", ["count": .int(1), "attributes": .map([name: .list([.string(value)])])])
        .issues()
    }
    #expect(try issues("tan", "tanned") == [])
    #expect(try issues("tan", "red") == ["'red' is no tan: expected one of natural, tanned"])
    let unknown = try issues("hat", "red")
    #expect(unknown.count == 1 && unknown[0].hasPrefix("portraits have no attribute 'hat': expected one of "))
  }
}
