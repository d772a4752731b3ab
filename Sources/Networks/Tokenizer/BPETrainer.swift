/// Learns merges from texts: again and again the most frequent pair of neighboring symbols becomes one symbol.
public enum BPETrainer {
  private struct Pair: Hashable {
    let left: Int, right: Int
  }

  /// At most `count` merges; fewer where the texts run out of pairs that occur twice.
  ///
  /// Among equally frequent pairs the one with the smaller token numbers comes first, so that the result does not
  /// depend on the order of the texts.
  public static func merges(from texts: [String], count: Int) -> [Tokenizer.Merge] {
    var occurrences: [String: Int] = [:]
    for text in texts {
      for case .word(let word) in TextSplitting.pieces(of: text, .openai) { occurrences[word, default: 0] += 1 }
    }
    var words = occurrences.map { (symbols: Tokenizer.symbols($0), count: $1) }
    var names = ByteAlphabet.bytes.map { String(ByteAlphabet.characters[Int($0)]) }
    names += names.map { $0 + endOfWord }
    var numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    var merges: [Tokenizer.Merge] = []
    while merges.count < count {
      var frequencies: [Pair: Int] = [:]
      for word in words {
        for (left, right) in zip(word.symbols, word.symbols.dropFirst()) {
          frequencies[Pair(left: left, right: right), default: 0] += word.count
        }
      }
      guard let best = frequencies.max(by: { isBefore($1, $0) }), best.value > 1 else { break }
      let pair = best.key
      let merge = Tokenizer.Merge(left: names[pair.left], right: names[pair.right])
      // Two merges may make the same symbol: to the tokenizer these are one.
      let name = merge.left + merge.right
      let token = numbers[name] ?? names.count
      if token == names.count { names.append(name) }
      numbers[name] = token
      merges.append(merge)
      for index in words.indices {
        words[index].symbols = Tokenizer.merged(words[index].symbols, to: token) { $0 == pair.left && $1 == pair.right }
      }
    }
    return merges
  }

  private static func isBefore(_ a: (key: Pair, value: Int), _ b: (key: Pair, value: Int)) -> Bool {
    (-a.value, a.key.left, a.key.right) < (-b.value, b.key.left, b.key.right)
  }
}
