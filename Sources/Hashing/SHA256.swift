import CSHA256

/// SHA-256 (FIPS 180-4), fed piece by piece.
package struct SHA256: ~Copyable {
  /// How many bytes a digest has.
  package static let byteCount = Int(CSHA256_BYTES)

  private let state: OpaquePointer

  package init() {
    guard let state = csha256_begin() else { Self.isOutOfMemory() }
    self.state = state
  }

  deinit { csha256_abandon(state) }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    csha256_update(state, bytes.baseAddress, bytes.count)
  }

  /// The 32 bytes of the digest.
  package consuming func finalize() -> [UInt8] {
    let state = self.state
    discard self
    return [UInt8](unsafeUninitializedCapacity: Self.byteCount) { digest, count in
      csha256_end(state, digest.baseAddress)
      count = Self.byteCount
    }
  }

  /// Gives `body` the 32 bytes of the digest of `bytes`.
  package static func withDigest<Result>(
    of bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { digest in
      let start = digest.assumingMemoryBound(to: UInt8.self).baseAddress
      csha256(bytes.baseAddress, bytes.count, start)
      return body(UnsafeRawBufferPointer(digest))
    }
  }

  /// The 32 bytes of the code by which those who know `secret` can tell that `bytes` come from one of them: HMAC-SHA256
  /// (RFC 2104).
  package static func authenticationCode(of bytes: some Sequence<UInt8>, secret: [UInt8]) -> [UInt8] {
    let bytes = Array(bytes)
    return [UInt8](unsafeUninitializedCapacity: byteCount) { code, count in
      guard csha256_authenticate(secret, secret.count, bytes, bytes.count, code.baseAddress) == 0 else {
        isOutOfMemory()
      }
      count = byteCount
    }
  }

  /// Whether two codes are the same; takes as long for any.
  package static func isSame(_ code: some Sequence<UInt8>, as other: some Sequence<UInt8>) -> Bool {
    let (code, other) = (Array(code), Array(other))
    return code.count == byteCount && other.count == byteCount && csha256_is_same(code, other) != 0
  }

  private static func isOutOfMemory() -> Never { fatalError("no memory for a hash") }
}
