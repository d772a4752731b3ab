import Foundation

/// The name of a run among those of its recipe: when it began, in UTC and to the millisecond, `20261129-150455-312`. Names
/// are in the order of time, and of two runs at once the second takes the next millisecond.
public struct RunID: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let text: String
  public var description: String { text }

  /// Nil for what is no such name.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 19 else { return nil }
    for (place, byte) in bytes.enumerated() {
      let isRight = place == 8 || place == 15 ? byte == UInt8(ascii: "-") : Self.isDigit(byte)
      guard isRight else { return nil }
    }
    self.text = String(text)
  }

  /// - Parameter milliseconds: since 1970.
  package init(milliseconds: Int) {
    let milliseconds = max(0, min(milliseconds, 253_402_300_799_999))
    var (seconds, time) = (time_t(milliseconds / 1000), tm())
    gmtime_r(&seconds, &time)
    func padded(_ value: some BinaryInteger, _ width: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
    text =
      padded(time.tm_year + 1900, 4) + padded(time.tm_mon + 1, 2) + padded(time.tm_mday, 2) + "-"
      + padded(time.tm_hour, 2) + padded(time.tm_min, 2) + padded(time.tm_sec, 2) + "-"
      + padded(milliseconds % 1000, 3)
  }

  /// Of a date as records have it, `2026-11-29T15:04:55Z`; nil for any other text.
  package init?(date: String) {
    let digits = date.utf8.filter(Self.isDigit)
    guard date.utf8.count == 20, digits.count == 14 else { return nil }
    let text = String(decoding: digits, as: UTF8.self)
    self.init(text.prefix(8) + "-" + text.suffix(6) + "-000")
  }

  package static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  public static func < (a: Self, b: Self) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }
}
