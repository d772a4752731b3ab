import StageKit
import Testing

/// What values are called, and which are the same.
struct ValueTests {
  /// No two alike, also in what they read like.
  private let values: [Value] = [
    .null, .bool(true), .bool(false), .int(1), .int(-1), .double(1), .double(0.1), .double(1e300), .double(.infinity),
    .double(-.infinity), .string(""), .string("null"), .string("~"), .string("true"), .string("1"), .string("1.0"),
    .string("0x1"), .string(".inf"), .string("inf"), .string("a"), .string(" a"), .string("a "), .string("\"a\""),
    .string("a, b"), .string("a\nb"), .string("a\\nb"), .string("\u{E9}"), .string("e\u{301}"), .string("\u{301}"),
    .string("a\u{600}"), .string("a\u{202E}b"), .string("[a]"), .string("{a: 1}"), .string("x=1"), .string("a/b"),
    .string("a\u{A0}b"), .string("a b"), .string("\u{1F600}"), .string("\u{1F600}\u{200D}"), .list([]),
    .list([.string("a, b")]),
    .list([.string("a"), .string("b")]), .list([.list([.string("a")]), .string("b")]), .map(["a": .int(1)]),
    .map(["a: 1": .null]), .string("\u{212B}"), .string("\u{C5}"),
  ]

  @Test func spellingsAreInjective() {
    #expect(Set(values.map(\.spelling)).count == values.count, "Swift takes composed and decomposed texts for the same")
    #expect(Set(values).count == values.count)
    for value in values {
      #expect(value.spelling.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
      guard value.spelling.utf8.first == UInt8(ascii: "\"") else { continue }
      #expect(Value(quoted: value.spelling) == value)
    }
  }

  @Test func plainTextsStandAsTheyAre() {
    for text in [
      "a", "angry face", "man/woman", "5 o'clock", "caf\u{E9}", "\u{7B11}\u{9854}", "a:b", "#1", "\u{1F600}",
    ] {
      #expect(Value.string(text).spelling == text)
    }
    #expect(Value.double(0.1).spelling == "0.1" && Value.int(300).spelling == "300")
  }

  @Test func textsAreTheSameByTheirBytes() {
    #expect(Value.string("\u{E9}") != .string("e\u{301}"))
    #expect(Value.map(["\u{E9}": .null]) != .map(["e\u{301}": .null]))
    #expect(Value.string("a") == .string("a") && Value.string("a").hashValue == Value.string("a").hashValue)
  }

  @Test func canonicalSpellingsAreTakenApart() {
    for value in values { #expect(Value(canonical: value.canonical) == value) }
    for text in [
      "", "int:", "int:1.5", "bool:maybe", "list:[int:1", "list:[,]", "map:{1:a=int:1,1:a=int:2}",
      "map:{2:\u{E9}=null,3:e\u{301}=null}", "string:9:short", "string:-1:", "null ",
      String(repeating: "list:[", count: 100_000), String(repeating: "map:{0:=", count: 100_000),
    ] {
      #expect(Value(canonical: text) == nil, "\(text.prefix(40))")
    }
  }
}
