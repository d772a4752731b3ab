import Foundation
import Hashing

/// Signs records, as a file holds them, by a secret that those who trust each other share: HMAC-SHA256.
package struct RecordSigner: Sendable {
  private let secret: [UInt8]

  package init(secret: String) { self.secret = Array(secret.utf8) }

  /// 32 bytes.
  package func signature(of record: Data) -> Data {
    Data(SHA256.authenticationCode(of: record, secret: secret))
  }

  /// Whether `signature` is that of `record`; takes as long for any.
  package func isValid(_ signature: Data, of record: Data) -> Bool {
    SHA256.isSame(signature, as: SHA256.authenticationCode(of: record, secret: secret))
  }
}
