import Foundation

extension Store {
  /// The bytes of an object, verified.
  /// - Throws: ``StoreError/missing(_:)``, or ``StoreError/damaged(_:quarantined:)`` where the bytes do not have this
  ///   digest; they are then out of the way, so that the action that made them is executed again.
  public func read(_ digest: Digest) throws(StoreError) -> Data {
    let path = objects.path(of: digest)
    guard let data = try Files.read(path) else { throw .missing(digest) }
    guard Digest(of: data) == digest else {
      throw .damaged(digest, quarantined: try quarantine(digest, at: path))
    }
    return data
  }

  /// Puts an object or a download, which is at `path`, out of the way: where it is then.
  @discardableResult
  func quarantine(_ digest: Digest, at path: String) throws(StoreError) -> String {
    let quarantine = "\(folder)/quarantine/\(digest.hex)"
    try Files.move(path, to: quarantine)
    return quarantine
  }

  /// The size of an object in bytes; nil where it is missing. Does not look at the bytes.
  public func size(of digest: Digest) throws(StoreError) -> Int? {
    try objects.status(of: digest)?.size
  }
}
