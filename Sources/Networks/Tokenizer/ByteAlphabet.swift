/// The printable characters that stand for bytes in merges, and the numbers of their tokens (`bytes_to_unicode` in
/// OpenAI's code): printable bytes of Latin-1 stand for themselves, the others for characters from U+0100 on.
enum ByteAlphabet {
  /// Bytes in the order of their tokens.
  static let bytes: [UInt8] = printable + others

  /// The character of each byte.
  static let characters: [Character] = {
    var characters = (0..<256).map { Character(Unicode.Scalar(UInt8($0))) }
    for (index, byte) in others.enumerated() {
      characters[Int(byte)] = Character(Unicode.Scalar(UInt32(256 + index)) ?? " ")
    }
    return characters
  }()

  /// The token of each byte.
  static let tokens: [Int] = {
    var tokens = [Int](repeating: 0, count: 256)
    for (token, byte) in bytes.enumerated() { tokens[Int(byte)] = token }
    return tokens
  }()

  private static let printable = [UInt8](33...126) + [UInt8](161...172) + [UInt8](174...255)
  private static let others = (0...255).map { UInt8($0) }.filter { !printable.contains($0) }
}
