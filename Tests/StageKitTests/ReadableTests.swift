import Testing

@testable import StageKit

/// Numbers for people, of records that anybody may have written.
struct ReadableTests {
  @Test func durations() {
    let texts = [0, 0.44, 12.2, 185, 3729].map(Readable.duration)
    #expect(texts == ["0.0 s", "0.4 s", "12 s", "3:05 min", "1:02:09 h"])
    for odd in [Double.nan, .infinity, -.infinity, 1e7, 1e308, -1e308] { #expect(Readable.duration(odd) == "?") }
  }
}
