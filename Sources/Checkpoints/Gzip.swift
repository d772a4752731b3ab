import Foundation

/// Reads gzip files (RFC 1951 and 1952) of one member: OpenAI's vocabulary is published as one.
public enum Gzip {
  /// The content of `data`, of at most `limit` bytes; `source` is its name in messages.
  /// - Throws: ``CheckpointError/damaged(file:place:expected:found:)``, ``CheckpointError/tooLarge(file:place:limit:)``,
  ///   ``CheckpointError/truncated(file:part:expected:found:)``.
  public static func content(of data: Data, from source: String, limit: Int) throws(CheckpointError) -> Data {
    let bytes = [UInt8](data)
    func bad(_ expected: String, _ found: String) -> CheckpointError {
      .damaged(file: source, place: "the gzip header", expected: expected, found: found)
    }
    guard bytes.count >= 18, bytes.starts(with: [0x1F, 0x8B, 8]) else { throw bad("a gzip file", "other bytes") }
    let flags = bytes[3]
    var start = 10
    func skipText() {
      while start < bytes.count, bytes[start] != 0 { start += 1 }
      start += 1
    }
    if flags & 4 != 0 {
      guard start + 2 <= bytes.count else { throw bad("its extra field", "the end") }
      start += 2 + Int(bytes[start]) + Int(bytes[start + 1]) << 8
    }
    if flags & 8 != 0 { skipText() }
    if flags & 16 != 0 { skipText() }
    if flags & 2 != 0 { start += 2 }
    guard start < bytes.count else { throw bad("its content", "the end") }
    var inflating = Inflating(bytes: bytes, position: start, source: source, limit: limit)
    return Data(try inflating.content())
  }
}

/// Decompression of one DEFLATE stream.
private struct Inflating {
  let bytes: [UInt8]
  var position: Int
  let source: String
  let limit: Int
  private var buffer: UInt32 = 0
  private var held = 0
  private var output: [UInt8] = []

  init(bytes: [UInt8], position: Int, source: String, limit: Int) {
    (self.bytes, self.position, self.source, self.limit) = (bytes, position, source, limit)
  }

  private func bad(_ expected: String, _ found: String) -> CheckpointError {
    .damaged(file: source, place: "its compressed bytes", expected: expected, found: found)
  }

  /// The next `count` bits, the lowest first.
  private mutating func bits(_ count: Int) throws(CheckpointError) -> Int {
    while held < count {
      guard position < bytes.count else {
        throw .truncated(file: source, part: "its content", expected: bytes.count + 1, found: bytes.count)
      }
      buffer |= UInt32(bytes[position]) << UInt32(held)
      position += 1
      held += 8
    }
    defer {
      buffer >>= UInt32(count)
      held -= count
    }
    return Int(buffer & (1 << UInt32(count) - 1))
  }

  /// A canonical prefix code, by the lengths of its words.
  private struct Code {
    /// How many words there are of each length.
    var counts = [Int](repeating: 0, count: 16)
    /// The symbols, by length, then by number.
    var symbols: [Int]

    init(_ lengths: [Int]) {
      for length in lengths { counts[length] += 1 }
      counts[0] = 0
      symbols = lengths.indices.filter { lengths[$0] > 0 }.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
    }
  }

  private mutating func symbol(_ code: Code) throws(CheckpointError) -> Int {
    var (word, first, index) = (0, 0, 0)
    for length in 1...15 {
      word |= try bits(1)
      let count = code.counts[length]
      if word - first < count {
        guard index + word - first < code.symbols.count, word >= first else { break }
        return code.symbols[index + word - first]
      }
      index += count
      first = (first + count) << 1
      word <<= 1
    }
    throw bad("a word of the code", "another")
  }

  mutating func content() throws(CheckpointError) -> [UInt8] {
    while true {
      let isLast = try bits(1) == 1
      switch try bits(2) {
      case 0: try copyStored()
      case 1:
        let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
        try expand(Code(lengths), Code(Array(repeating: 5, count: 30)))
      case 2:
        let (literals, distances) = try codes()
        try expand(literals, distances)
      default: throw bad("a block of kind 0, 1 or 2", "3")
      }
      if isLast { return output }
    }
  }

  private mutating func append(_ byte: UInt8) throws(CheckpointError) {
    guard output.count < limit else {
      throw .tooLarge(file: source, place: "its content", limit: "more than \(limit) bytes")
    }
    output.append(byte)
  }

  private mutating func copyStored() throws(CheckpointError) {
    (buffer, held) = (0, 0)
    let length = try bits(16)
    guard try bits(16) == length ^ 0xFFFF else { throw bad("a length and its complement", "other numbers") }
    for _ in 0..<length { try append(UInt8(try bits(8))) }
  }

  private mutating func codes() throws(CheckpointError) -> (Code, Code) {
    let (literals, distances, words) = (try bits(5) + 257, try bits(5) + 1, try bits(4) + 4)
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    var small = [Int](repeating: 0, count: 19)
    for place in order.prefix(words) { small[place] = try bits(3) }
    let code = Code(small)
    var lengths: [Int] = []
    while lengths.count < literals + distances {
      let word = try symbol(code)
      switch word {
      case 16:
        guard let last = lengths.last else { throw bad("a length before a repetition", "none") }
        lengths += Array(repeating: last, count: 3 + (try bits(2)))
      case 17: lengths += Array(repeating: 0, count: 3 + (try bits(3)))
      case 18: lengths += Array(repeating: 0, count: 11 + (try bits(7)))
      default: lengths.append(word)
      }
    }
    guard lengths.count == literals + distances else { throw bad("as many lengths as words", "more") }
    return (Code(Array(lengths.prefix(literals))), Code(Array(lengths.dropFirst(literals))))
  }

  private static let lengthBases = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
  ]
  private static let lengthBits = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  private static let distanceBases = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
  ]

  private mutating func expand(_ literals: Code, _ distances: Code) throws(CheckpointError) {
    while true {
      let word = try symbol(literals)
      if word == 256 { return }
      if word < 256 {
        try append(UInt8(word))
        continue
      }
      guard word - 257 < Self.lengthBases.count else { throw bad("a length", "another word") }
      let length = Self.lengthBases[word - 257] + (try bits(Self.lengthBits[word - 257]))
      let far = try symbol(distances)
      guard far < Self.distanceBases.count else { throw bad("a distance", "another word") }
      let distance = Self.distanceBases[far] + (try bits(max(0, far / 2 - 1)))
      guard distance <= output.count else { throw bad("a distance within the content", "\(distance)") }
      for _ in 0..<length { try append(output[output.count - distance]) }
    }
  }
}
