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
    let allowed: Value = .map(["hair_colour": .list([.string("black"), .string("brown")])])
    let colours = try portraits(["count": .int(20), "attributes": allowed]).table("table").column("hair_colour")
    #expect(Set(colours ?? []) == ["black", "brown"])
  }

  @Test func attributesMustBeKnown() throws {
    func complaints(_ name: String, _ value: String) throws -> [String] {
      try BenchContext("synthesize", ["count": .int(1), "attributes": .map([name: .list([.string(value)])])])
        .complaints()
    }
    #expect(try complaints("tan", "tanned") == [])
    #expect(try complaints("tan", "red") == ["'red' is no tan: expected one of natural, tanned"])
    let unknown = try complaints("hat", "red")
    #expect(unknown.count == 1 && unknown[0].hasPrefix("portraits have no attribute 'hat': expected one of "))
  }
}
