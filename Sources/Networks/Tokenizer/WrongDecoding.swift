/// UTF-8 that was read as Latin-1 or Windows-1252, "Ã©" for "é": recognised and read again.
///
/// Repaired is the plain case alone, once or several times over: a line that is such a text from one end to the other.
/// Not repaired are lines with other characters among the wrong ones, lines that lost bytes (a no-break space that
/// became a space, a question mark), and other code pages.
enum WrongDecoding {
  /// The text as it was meant, or as it is.
  static func repaired(_ line: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var line = line
    while !line.allSatisfy(\.isASCII), let bytes = Windows1252.bytes(line),
      let text = String(validating: bytes, as: UTF8.self), isEvident(line, bytes)
    {
      line = Array(text.unicodeScalars)
    }
    return line
  }

  /// Whether some character of the UTF-8 in `bytes` would look wrong as it stands in `line`.
  ///
  /// Correct texts too may end a word with a letter and punctuation that together are UTF-8: "CAFÉ…", "MARCHÉ™", "5×½".
  private static func isEvident(_ line: [Unicode.Scalar], _ bytes: [UInt8]) -> Bool {
    var position = 0
    while position < line.count {
      let length = max(1, (~bytes[position]).leadingZeroBitCount)
      let sequence = line[position..<position + length]
      if length > 1, isEvident(sequence, after: line[..<position].last, before: line[sequence.endIndex...].first) {
        return true
      }
      position += length
    }
    return false
  }

  private static func isEvident(
    _ sequence: ArraySlice<Unicode.Scalar>, after previous: Unicode.Scalar?, before next: Unicode.Scalar?
  ) -> Bool {
    guard let lead = sequence.first, let last = sequence.last else { return false }
    let others = sequence.dropFirst()
    if rareAtEnds.contains(lead), !["…", "’", "Ž"].contains(last) { return true }
    // What follows a space belongs to another word.
    if others.contains("\u{A0}") || lead == "×" && fractions.contains(last) { return false }
    if !others.allSatisfy({ joints.contains($0) || marks.contains($0) }) { return true }
    let isBeforeWord = next.map { $0.properties.isAlphabetic || $0 == "×" } == true
    let isAfterSmall = previous.map { ("a"..."z").contains($0) } == true
    return isBeforeWord && marks.contains(last)
      || isAfterSmall && lead.properties.isUppercase && openingMarks.contains(last)
  }

  private static let fractions = Set("¼½¾".unicodeScalars)
  /// Punctuation before words, never after one.
  private static let openingMarks = Set("«“‘‚„‹©•¿¡".unicodeScalars)
  /// Punctuation between words, never in one.
  private static let marks = openingMarks.union("»”›™®".unicodeScalars)
  /// What comes after a letter in a word or between two.
  private static let joints = Set("ŠšŽžŒœŸ…–—’\u{AD}·´".unicodeScalars)
  /// Letters that words hardly end with.
  private static let rareAtEnds = Set("ÂÃÎÐ".unicodeScalars)
}
