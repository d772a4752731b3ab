/// SHA-1 (FIPS 180-4), by which git calls what it keeps. Nothing of this program's is called by it.
package enum SHA1 {
  /// The 20 bytes of the digest.
  package static func digest(of message: [UInt8]) -> [UInt8] {
    var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
    let rest = message.count % 64
    var tail = Array(message.suffix(rest))
    tail.append(0x80)
    tail += [UInt8](repeating: 0, count: (rest < 56 ? 55 : 119) - rest)
    let bits = UInt64(message.count) * 8
    for shift in stride(from: UInt64(56), through: 0, by: -8) { tail.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    var words = [UInt32](repeating: 0, count: 80)
    message.withUnsafeBufferPointer { message in
      for block in 0..<message.count / 64 {
        add(UnsafeBufferPointer(rebasing: message[64 * block..<64 * block + 64]), to: &state, &words)
      }
    }
    tail.withUnsafeBufferPointer { tail in
      for block in 0..<tail.count / 64 {
        add(UnsafeBufferPointer(rebasing: tail[64 * block..<64 * block + 64]), to: &state, &words)
      }
    }
    return state.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
  }

  private static func add(_ block: UnsafeBufferPointer<UInt8>, to state: inout [UInt32], _ words: inout [UInt32]) {
    func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
    for index in 0..<16 {
      var word: UInt32 = 0
      for byte in block[4 * index..<4 * index + 4] { word = word << 8 | UInt32(byte) }
      words[index] = word
    }
    for index in 16..<80 {
      words[index] = rotated(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1)
    }
    var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
    for index in 0..<80 {
      let (mixed, constant): (UInt32, UInt32) =
        switch index {
        case ..<20: (b & c | ~b & d, 0x5A82_7999)
        case ..<40: (b ^ c ^ d, 0x6ED9_EBA1)
        case ..<60: (b & c | b & d | c & d, 0x8F1B_BCDC)
        default: (b ^ c ^ d, 0xCA62_C1D6)
        }
      let next = rotated(a, 5) &+ mixed &+ e &+ constant &+ words[index]
      (a, b, c, d, e) = (next, a, rotated(b, 30), c, d)
    }
    for (index, word) in [a, b, c, d, e].enumerated() { state[index] &+= word }
  }
}
