import Crypto
import Foundation

/// The SHA-256 of some bytes: the name of an object in the store, or of an action.
public struct Digest: Hashable, Sendable, Comparable, CustomStringConvertible, Codable {
  /// 64 lower-case hexadecimal digits.
  public let hex: String

  /// The digest of `data`.
  public init(of data: some DataProtocol) {
    self.init(SHA256.hash(data: data))
  }

  /// The digest of the UTF-8 bytes of `text`.
  public init(of text: String) {
    self.init(of: Data(text.utf8))
  }

  init(_ hash: SHA256.Digest) {
    self.init(bytes: hash)
  }

  /// The digest that these 32 bytes are.
  init(bytes: some Sequence<UInt8>) {
    hex = String(unsafeUninitializedCapacity: 64) { text in
      var count = 0
      for byte in bytes {
        text[count] = Self.digits[Int(byte >> 4)]
        text[count + 1] = Self.digits[Int(byte & 15)]
        count += 2
      }
      return count
    }
  }

  /// The 32 bytes of the digest.
  var bytes: [UInt8] {
    let digits = Array(hex.utf8)
    func value(_ digit: UInt8) -> UInt8 { digit < 58 ? digit - 48 : digit - 87 }
    return (0..<32).map { value(digits[2 * $0]) << 4 | value(digits[2 * $0 + 1]) }
  }

  /// The digest written as `hex`, or nil where that is not 64 hexadecimal digits.
  public init?(hex: some StringProtocol) {
    let lower = hex.lowercased()
    guard lower.utf8.count == 64, lower.utf8.allSatisfy(Self.digits.contains) else { return nil }
    self.hex = lower
  }

  private static let digits = Array("0123456789abcdef".utf8)

  public var description: String { hex }

  /// The first twelve digits, for people.
  public var short: String { String(hex.prefix(12)) }

  public static func < (a: Digest, b: Digest) -> Bool { a.hex < b.hex }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let digest = Digest(hex: text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a SHA-256: \(text)")
    }
    self = digest
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(hex)
  }
}
