import Foundation

extension Store {
  /// The bytes of an object, verified.
  /// - Throws: ``StoreError/missing(_:)``, or ``StoreError/damaged(_:quarantined:)`` where the bytes do not have this
  ///   digest; they are then out of the way, so that the action that made them is executed again.
  public func read(_ digest: Digest) throws(StoreError) -> Data {
    let place = objects[digest]
    let data: Data?
    do { data = try Files.read(place, isInterrupted: isInterrupted) } catch let error where error.isUnreadable {
      throw .damaged(digest, quarantined: try quarantine(digest, at: place))
    }
    guard let data else { throw .missing(digest) }
    guard Digest(of: data) == digest else {
      throw .damaged(digest, quarantined: try quarantine(digest, at: place))
    }
    return data
  }

  /// Puts an object, a record or a download, or what is in its place, out of the way: where it is then. Nil where the
  /// store is only read.
  @discardableResult
  func quarantine(_ digest: Digest, at place: Place) throws(StoreError) -> String? {
    guard mode != .reading else { return nil }
    var quarantine = root["quarantine/\(digest.hex)"]
    do { try Files.move(place, to: quarantine) } catch {
      // A folder does not replace a file, nor the other way round.
      quarantine = quarantine.suffixed("-\(UInt32.random(in: 0 ... .max))")
      try Files.move(place, to: quarantine)
    }
    return quarantine.path
  }

  /// Gives a draft its name, in the place of whatever has it.
  func publish(_ draft: Place, as target: Place, _ digest: Digest) throws(StoreError) {
    do { try Files.move(draft, to: target) } catch let error where error.isUnreadable {
      try quarantine(digest, at: target)
      try Files.move(draft, to: target)
    }
  }

  /// Where an object is, or would be: for ``Files/share(_:as:holding:)``.
  package func place(of digest: Digest) -> Place { objects[digest] }

  /// The size of an object in bytes; nil where it is missing. Does not look at the bytes.
  public func size(of digest: Digest) throws(StoreError) -> Int? {
    try objects.status(of: digest)?.size
  }
}
