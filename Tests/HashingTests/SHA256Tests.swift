import Foundation
import Hashing
import Testing

struct SHA256Tests {
  private static func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String(format: "%02x", $0) }.joined()
  }

  private static func digest(_ bytes: [UInt8]) -> String {
    bytes.withUnsafeBytes { SHA256.withDigest(of: $0) { hex($0) } }
  }

  /// The examples of FIPS 180-4 by NIST, and the text of none.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ])
  func examples(text: String, expected: String) {
    let bytes = Array(text.utf8)
    #expect(Self.digest(bytes) == expected)
    for size in [1, 63, 64, 65, 4096] where bytes.count / size < 100_000 {
      var hash = SHA256()
      var rest = bytes[...]
      while !rest.isEmpty {
        rest.prefix(size).withUnsafeBytes { hash.update($0) }
        rest = rest.dropFirst(size)
      }
      #expect(Self.hex(hash.finalize()) == expected, "in pieces of \(size)")
    }
  }

  /// Test cases 1, 2 and 6 of RFC 4231; the last one's key is longer than a block.
  @Test(arguments: [
    (
      [UInt8](repeating: 0x0B, count: 20), "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
  ])
  func codes(secret: [UInt8], text: String, expected: String) {
    let code = SHA256.authenticationCode(of: text.utf8, secret: secret)
    #expect(Self.hex(code) == expected)
    #expect(SHA256.isSame(code, as: code))
    for place in code.indices {
      var other = code
      other[place] ^= 1
      #expect(!SHA256.isSame(other, as: code))
    }
    #expect(!SHA256.isSame(code.dropLast(), as: code) && !SHA256.isSame([], as: []))
  }

  @Test func threadsDoNotMeet() async {
    await withTaskGroup(of: Bool.self) { group in
      for number in 0..<8 {
        group.addTask {
          let text = Array("\(number)".utf8)
          let expected = Self.digest(text)
          return (0..<2000).allSatisfy { _ in Self.digest(text) == expected }
        }
      }
      for await isSame in group { #expect(isSame) }
    }
  }
}
