import Hashing
import Testing

struct SHA1Tests {
  /// FIPS 180-4's examples, and what `git hash-object` and Python's hashlib say of others.
  @Test(arguments: [
    ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
    ("blob 6\0hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
  ])
  func knownDigests(_ text: String, _ digest: String) {
    let hex = SHA1.digest(of: Array(text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(hex == digest)
  }

  @Test func everyLengthAroundABlock() {
    #expect(Set((0...200).map { SHA1.digest(of: [UInt8](repeating: 97, count: $0)) }).count == 201)
    let million = SHA1.digest(of: [UInt8](repeating: 97, count: 1_000_000))
    #expect(million.prefix(4) == [0x34, 0xAA, 0x97, 0x3C])
  }
}
