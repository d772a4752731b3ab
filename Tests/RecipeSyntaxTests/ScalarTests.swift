import RecipeSyntax
import Testing

struct ScalarTests {
  @Test(
    arguments: [
      ("", .null), ("~", .null), ("null", .null), ("true", .bool(true)), ("False", .bool(false)),
      ("0", .int(0)), ("-12", .int(-12)), ("+7", .int(7)), ("007", .int(7)), ("0x1F", .int(31)), ("0o17", .int(15)),
      ("0.5", .double(0.5)), (".5", .double(0.5)), ("5.", .double(5)), ("1e-5", .double(1e-5)),
      ("-1E3", .double(-1000)),
      (".inf", .double(.infinity)), ("-.INF", .double(-.infinity)),
      ("99999999999999999999", .double(1e20)),
      // Words of YAML 1.1, of Swift's parser and near misses are all text.
      ("yes", .string), ("off", .string), ("nan", .string), ("inf", .string), ("0x", .string), ("0x-1", .string),
      ("1_000", .string), ("1e", .string), (".", .string), ("-", .string), ("1.2.3", .string), ("0x1p3", .string),
      ("--1", .string),
    ] as [(String, Scalar.Meaning)])
  func plainMeaning(text: String, meaning: Scalar.Meaning) {
    #expect(Scalar(text, isPlain: true).meaning == meaning)
  }

  @Test func notANumber() {
    guard case .double(let value) = Scalar(".nan", isPlain: true).meaning else {
      Issue.record("not a number")
      return
    }
    #expect(value.isNaN)
  }

  @Test(arguments: ["null", "true", "3", "0.5", ""])
  func quotedIsText(text: String) {
    #expect(Scalar(text, isPlain: false).meaning == .string)
  }
}
