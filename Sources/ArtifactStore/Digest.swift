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
    hex = String(decoding: hash.flatMap { [Self.digits[Int($0 >> 4)], Self.digits[Int($0 & 15)]] }, as: UTF8.self)
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
