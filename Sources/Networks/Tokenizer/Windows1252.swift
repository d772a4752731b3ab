/// The code page in which wrongly decoded text is usually read.
enum Windows1252 {
  /// The character of a byte; of one that is not assigned, the control of that number.
  static func scalar(of byte: UInt8) -> Unicode.Scalar {
    (0x80...0x9F).contains(byte) ? high[Int(byte) - 0x80] : Unicode.Scalar(byte)
  }

  /// The bytes that read so in Latin-1 or else in Windows-1252; nil where there are none.
  static func bytes(_ text: [Unicode.Scalar]) -> [UInt8]? {
    bytes(text) { UInt8(exactly: $0.value) } ?? bytes(text) { byteOf[$0] }
  }

  private static func bytes(_ text: [Unicode.Scalar], _ byte: (Unicode.Scalar) -> UInt8?) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    for scalar in text {
      guard let byte = byte(scalar) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  private static let high = Array(
    "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ".unicodeScalars)

  private static let byteOf: [Unicode.Scalar: UInt8] = Dictionary(
    uniqueKeysWithValues: (0...255).map { (scalar(of: $0), $0) })
}
