// What Swift's own functions do by `Character`, done by scalars and bytes.

extension StringProtocol {
  /// The parts between the signs `separator`. A part that starts or ends with a mark is one like any other.
  package func parts(at separator: Unicode.Scalar, maxSplits: Int = .max, omittingEmpty: Bool = true) -> [String] {
    unicodeScalars.split(separator: separator, maxSplits: maxSplits, omittingEmptySubsequences: omittingEmpty)
      .map { String(String.UnicodeScalarView($0)) }
  }

  /// Whether `scalar` is in it, whatever stands around it.
  package func has(_ scalar: Unicode.Scalar) -> Bool { unicodeScalars.contains(scalar) }

  /// Whether its bytes begin with those of `text`.
  package func begins(with text: String) -> Bool { utf8.starts(with: text.utf8) }

  /// Whether its bytes end with those of `text`.
  package func ends(with text: String) -> Bool { utf8.reversed().starts(with: text.utf8.reversed()) }

  /// Whether it is the same text, byte by byte: `==` takes an `é` of one scalar for an `é` of two.
  package func isSame(as other: some StringProtocol) -> Bool { utf8.elementsEqual(other.utf8) }

  /// What stands behind its first `count` bytes.
  package func dropping(bytes count: Int) -> String { String(decoding: utf8.dropFirst(count), as: UTF8.self) }
}

extension String {
  /// The text as a message repeats it: of a long one, which nobody would read, the beginning.
  package var abridged: String {
    let limit = 80
    guard utf8.count > limit, unicodeScalars.count > limit else { return self }
    return String(String.UnicodeScalarView(unicodeScalars.prefix(limit - 1))) + "…"
  }

  /// Each `old` replaced by `new`.
  package func replacingScalar(_ old: Unicode.Scalar, with new: String) -> String {
    Escape.replacing(in: self) { $0 == old ? new : nil }
  }

  // MARK: Paths, of which Foundation's own functions trap where a name is one sign

  /// The last part of a path; "/" for the root.
  package var fileName: String {
    let slash = UInt8(ascii: "/")
    guard let last = utf8.lastIndex(where: { $0 != slash }) else { return isEmpty ? "" : "/" }
    let start = utf8[..<last].lastIndex(of: slash).map { utf8.index(after: $0) } ?? startIndex
    return String(self[start..<utf8.index(after: last)])
  }

  /// A path without its last part: "" where it has but one, "/" for the root.
  package var parentFolder: String {
    var bytes = Array(utf8)
    let slash = UInt8(ascii: "/")
    while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
    while let last = bytes.last, last != slash { bytes.removeLast() }
    while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A file's name without its extension; a leading point starts none.
  package var fileStem: String {
    let name = fileName
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot > name.startIndex else { return name }
    return String(name[..<dot])
  }

  /// What stands behind the last point of a file's name, unless nothing stands before it; else "".
  package var fileExtension: String {
    let name = fileName
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot > name.startIndex else { return "" }
    return String(name.utf8[name.utf8.index(after: dot)...]) ?? ""
  }

  /// The path with another extension, or with one.
  package func withEnding(_ ending: String) -> String {
    let old = fileExtension.isEmpty ? 0 : fileExtension.utf8.count + 1
    return String(decoding: utf8.dropLast(old), as: UTF8.self) + "." + ending
  }
}
