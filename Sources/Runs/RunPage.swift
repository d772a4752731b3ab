import ArtifactStore
import Escaping
import Foundation

/// The page of a run, whose pictures are part of it or lie beside it. Only the newest page of a recipe is its own; it can
/// be made so of every other.
package enum RunPage {
  private static let source = Array(" src=\"".utf8)
  private static let inside = Array("data:image/".utf8)
  private static let beside = Array("./".utf8)
  private static let coding = Array(";base64,".utf8)
  /// What pictures the page's policy lets be shown.
  private static let policies = (
    inside: Array("img-src data:;".utf8), beside: Array("img-src data: 'self' file:;".utf8)
  )

  /// A page that refers to those of its pictures that are among `files` of its folder.
  static func withPicturesBeside(_ page: Data, files: [(path: String, digest: String)]) -> Data {
    let paths = Dictionary(files.map { ($0.digest, $0.path) }) { first, _ in first }
    return replacingSources(in: page, from: policies.inside, to: policies.beside) { source in
      guard source.starts(with: inside), let start = source.firstRange(of: coding),
        let picture = Data(base64Encoded: Data(source[start.upperBound...])), let path = paths[Digest(of: picture).hex],
        type(of: path) != nil
      else { return nil }
      return Array(Escape.attribute(Escape.address(ofFile: path)).utf8)
    }
  }

  /// A page with those pictures in it again.
  /// - Parameter read: the bytes of one of `files`.
  package static func withPicturesInside(_ page: Data, files: [String], read: (String) -> Data?) -> Data {
    let paths = Dictionary(files.map { (Array(Escape.attribute(Escape.address(ofFile: $0)).utf8), $0) }) { first, _ in
      first
    }
    return replacingSources(in: page, from: policies.beside, to: policies.inside) { source in
      guard source.starts(with: beside), let path = paths[Array(source)], let type = type(of: path),
        let picture = read(path)
      else { return nil }
      return inside + Array(type.utf8) + coding + Array(picture.base64EncodedString().utf8)
    }
  }

  private static func type(of path: String) -> String? {
    ["png": "png", "svg": "svg+xml", "jpg": "jpeg"][path.fileExtension]
  }

  /// The page with the values of `src` that `replacement` has something for replaced by that. No text of the page has
  /// such a value in it: its quotes are written in another way.
  private static func replacingSources(
    in page: Data, from policy: [UInt8], to other: [UInt8], _ replacement: (ArraySlice<UInt8>) -> [UInt8]?
  ) -> Data {
    let bytes = [UInt8](page)
    var made: [UInt8] = []
    made.reserveCapacity(bytes.count)
    var place = 0
    if let range = bytes.prefix(4096).firstRange(of: policy) {
      made += bytes[..<range.lowerBound] + other
      place = range.upperBound
    }
    while let start = bytes.firstIndex(of: source, from: place),
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\""))
    {
      made += bytes[place..<start]
      made += replacement(bytes[start..<end]) ?? Array(bytes[start..<end])
      place = end
    }
    made += bytes[place...]
    return Data(made)
  }
}

extension [UInt8] {
  /// The place behind the next `text`.
  fileprivate func firstIndex(of text: [UInt8], from start: Int) -> Int? {
    guard let first = text.first else { return nil }
    return withUnsafeBufferPointer { bytes in
      var place = start
      while place + text.count <= bytes.count {
        guard let found = bytes[place...].firstIndex(of: first), found + text.count <= bytes.count else { return nil }
        if bytes[found..<found + text.count].elementsEqual(text) { return found + text.count }
        place = found + 1
      }
      return nil
    }
  }
}
