import Foundation
import Hashing

/// The SHA-256 of some bytes: the name of an object in the store, or of an action.
public struct Digest: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The 32 bytes, eight at a time, the first ones highest.
  private let words: (UInt64, UInt64, UInt64, UInt64)

  /// The digest of `data`.
  public init(of data: some DataProtocol) {
    if data.regions.count == 1, let region = data.regions.first {
      self = region.withUnsafeBytes { SHA256.withDigest(of: $0) { Digest(bytes: $0) } }
    } else {
      var hash = SHA256()
      for region in data.regions { region.withUnsafeBytes { hash.update($0) } }
      self.init(hash.finalize())
    }
  }

  /// The digest of the UTF-8 bytes of `text`.
  public init(of text: String) {
    var text = text
    self = text.withUTF8 { bytes in SHA256.withDigest(of: UnsafeRawBufferPointer(bytes)) { Digest(bytes: $0) } }
  }

  /// The digest that 32 bytes are.
  init(_ bytes: [UInt8]) {
    self = bytes.withUnsafeBytes { Digest(bytes: $0) }
  }

  /// The digest that 32 bytes are.
  init(bytes: UnsafeRawBufferPointer) {
    func word(_ index: Int) -> UInt64 {
      UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
    }
    words = (word(0), word(1), word(2), word(3))
  }

  /// The digest written as `hex`, or nil where that is not 64 hexadecimal digits.
  public init?(hex: some StringProtocol) {
    var words: [UInt64] = [0, 0, 0, 0]
    var count = 0
    for byte in hex.utf8 {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: return nil
      }
      guard count < 64 else { return nil }
      words[count / 16] = words[count / 16] << 4 | UInt64(digit)
      count += 1
    }
    guard count == 64 else { return nil }
    self.words = (words[0], words[1], words[2], words[3])
  }

  /// Gives `body` the 32 bytes of the digest.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    withUnsafeBytes(of: (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)) { body($0) }
  }

  /// 64 lower-case hexadecimal digits.
  public var hex: String {
    String(unsafeUninitializedCapacity: 64) { text in
      withBytes { bytes in
        for (index, byte) in bytes.enumerated() {
          text[2 * index] = Self.digit(byte >> 4)
          text[2 * index + 1] = Self.digit(byte & 15)
        }
      }
      return 64
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  public static func == (a: Digest, b: Digest) -> Bool { a.words == b.words }

  /// A digest is as random as a hash needs to be.
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

  public static func < (a: Digest, b: Digest) -> Bool { a.words < b.words }

  public var description: String { hex }

  /// The bytes in base64, as HTML's policies have them.
  package var base64: String { withBytes { Data($0).base64EncodedString() } }

  /// The first twelve digits, for people.
  public var short: String { String(hex.prefix(12)) }
}
