import Crypto
import Foundation

/// Signs records, as a file holds them, by a secret that those who trust each other share: HMAC-SHA256.
package struct RecordSigner: Sendable {
  private let key: SymmetricKey

  package init(secret: String) { key = SymmetricKey(data: Data(secret.utf8)) }

  /// 32 bytes.
  package func signature(of record: Data) -> Data {
    Data(HMAC<SHA256>.authenticationCode(for: record, using: key))
  }

  /// Whether `signature` is that of `record`; takes as long for any.
  package func isValid(_ signature: Data, of record: Data) -> Bool {
    HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: record, using: key)
  }
}
