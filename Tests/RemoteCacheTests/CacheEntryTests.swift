import ArtifactStore
import Foundation
import RemoteCache
import TestSupport
import Testing

/// Entries of a shared cache as bytes.
struct CacheEntryTests {
  private let record = Data("a record".utf8)

  private var objects: [Artifact.Item] {
    [300, 0, 1 << 40].map { Artifact.Item(name: "x", object: Digest(of: "\($0)"), size: $0) }
  }

  @Test(arguments: [nil, Data(repeating: 0xFF, count: 32)]) func itIsReadAsItWasWritten(signature: Data?) {
    let entry = CacheEntry(record: record, signature: signature)
    #expect(CacheEntry(entry.encoded(with: objects)) == entry)
    #expect(CacheEntry(entry.encoded(with: [])) == entry)
  }

  /// Written down by hand from the definition of the message and the wire format of protocol buffers.
  @Test func theBytesAreThoseOfAnActionResult() {
    let object = Artifact.Item(name: "", object: Digest(of: ""), size: 300)
    let hex = Array(Digest(of: "").hex.utf8)
    let digest: [UInt8] = [0x0A, 64] + hex + [0x10, 0xAC, 0x02]
    let file: [UInt8] = [0x0A, 64] + hex + [0x12, 69] + digest
    let expected: [UInt8] = [0x12, 0x89, 0x01] + file + [0x2A, 8] + Array(record)
    #expect(Array(CacheEntry(record: record, signature: nil).encoded(with: [object])) == expected)
  }

  @Test func fieldsThatItDoesNotKnowAreSkipped() {
    let entry = CacheEntry(record: record, signature: nil)
    // exit_code, execution_metadata, and numbers of 64 and of 32 bits.
    let others: [[UInt8]] = [[0x20, 1], [0x4A, 2, 0x0A, 0], [0x61] + [1, 2, 3, 4, 5, 6, 7, 8], [0x6D, 1, 2, 3, 4]]
    for other in others { #expect(CacheEntry(Data(other) + entry.encoded(with: []) + Data(other)) == entry) }
  }

  @Test(
    arguments: [
      [], [0x2A], [0x2A, 9, 1], [0x00, 0x00], [0x2B, 0x2C], [0x28, 1], [0x2A, 0, 0x3A], [0x2A, 0, 0x38, 1],
      [0x2A] + [UInt8](repeating: 0xFF, count: 9) + [0x01], [0x2A] + [UInt8](repeating: 0xFF, count: 11), [0x80],
      [0x2A, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02], [0x21, 1], [0x25, 1], [0xFA, 0xFF],
      Array("<html>".utf8),
    ] as [[UInt8]])
  func whatIsNoEntryIsNone(bytes: [UInt8]) {
    #expect(CacheEntry(Data(bytes)) == nil)
  }

  @Test func damageNeverCrashes() {
    let whole = CacheEntry(record: record, signature: record).encoded(with: objects)
    for count in 0..<whole.count { _ = CacheEntry(whole.prefix(count)) }
    var random = SeededGenerator(seed: 7)
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = CacheEntry(bytes)
    }
    #expect(CacheEntry(Data(count: CacheEntry.limit + 1)) == nil)
  }
}
