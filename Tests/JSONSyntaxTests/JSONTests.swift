import Foundation
import JSONSyntax
import Testing

@Suite struct JSONTests {
  @Test func whatIsWrittenIsRead() throws {
    let json: JSON = [
      "text": "a \"quote\", a \\, é, 🙂,\n\t\u{1}",
      "numbers": [0, -12, .double(0.1), .double(1e-12), .double(-2.5e30)],
      "nested": ["empty": [], "none": .null, "yes": .bool(true), "object": [:]],
    ]
    #expect(try JSON(parsing: Data(json.text.utf8)) == json)
    #expect(try JSON(parsing: Data(json.prettyText.utf8)) == json)
  }

  @Test func membersKeepTheirOrder() throws {
    let text = #"{"b":1,"a":[{"z":null}],"c":{}}"#
    #expect(try JSON(parsing: Data(text.utf8)).text == text)
  }

  @Test func whatJSONHasNoNumberForIsText() throws {
    let text = JSON.array([.double(.nan), .double(.infinity), .double(-.infinity), .double(-.nan)]).text
    #expect(text == #"["NaN","Infinity","-Infinity","NaN"]"#)
    let read = try #require(JSON(parsing: Data(text.utf8)).array).map(\.double)
    #expect(read[1...2] == [.infinity, -.infinity] && read[0]?.isNaN == true && read[3]?.isNaN == true)
    #expect(JSON.string("inf").double == nil)
  }

  @Test func escapesAreUnderstood() throws {
    #expect(try JSON(parsing: Data(#" "\u0041\/\ud83d\ude42\b" "#.utf8)) == "A/🙂\u{8}")
  }

  @Test(arguments: [
    ("", 0), ("{", 1), ("[1,]", 3), ("[1 2]", 3), ("\"open", 5), ("nul", 0), ("1 1", 2), ("{\"a\" 1}", 5),
    ("\"\\ud83d\"", 7), ("--1", 0), ("[1e999]", 1), ("\"a\nb\"", 2),
  ])
  func mistakesAreLocated(text: String, offset: Int) {
    let error = #expect(throws: JSON.SyntaxError.self) { try JSON(parsing: Data(text.utf8)) }
    #expect(error?.offset == offset)
  }

  @Test func depthIsBounded() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: JSON.SyntaxError.self) { try JSON(parsing: Data(deep.utf8)) }
  }

  /// Of two, every reader would take another one.
  @Test(arguments: [
    (#"{"mae":1,"mae":2}"#, 9, "mae"), (#"{"a":{"é":1},"b":{"é":1,"c":0,"\u00e9":2}}"#, 32, "é"),
    (#"[{"":1,"":1}]"#, 7, ""),
  ])
  func noNameComesTwice(text: String, offset: Int, name: String) {
    let error = #expect(throws: JSON.SyntaxError.self) { try JSON(parsing: Data(text.utf8)) }
    #expect(error?.description == "not JSON: expected no second '\(name)' at byte \(offset)")
  }

  @Test func namesAreComparedByteByByte() throws {
    let text = "{\"\u{E9}\":1,\"e\u{301}\":2}"
    #expect(try JSON(parsing: Data(text.utf8)).members?.count == 2)
  }
}
