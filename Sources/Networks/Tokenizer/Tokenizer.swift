/// CLIP's byte-level byte-pair encoding (Sennrich et al. 2016), as OpenAI's `SimpleTokenizer`.
///
/// Tokens are numbered: 256 bytes, 256 bytes that end a word, one for each merge, start of text, end of text.
public struct Tokenizer: Sendable {
  /// The pairs of symbols in the order of merging, as OpenAI's merges.txt spells them.
  public let merges: [Merge]
  public let vocabularySize: Int
  public let cleaning: Cleaning

  /// What is done to a text before it is cut into words.
  public enum Cleaning: String, Sendable, CaseIterable {
    /// As in OpenAI's CLIP: repairs by ftfy, HTML's character references, lower case.
    case openai
    /// As in Hugging Face's: Unicode's normal form C, lower case character by character.
    case huggingFace = "hugging_face"

    /// What a CLIP's metadata says of it: nothing of OpenAI's.
    public var metadata: [String: String] { self == .openai ? [:] : [Tokenizer.cleaningEntry: rawValue] }
  }

  public struct Merge: Sendable, Hashable {
    public let left: String
    public let right: String
    public init(left: String, right: String) {
      self.left = left
      self.right = right
    }
  }

  private struct Pair: Hashable {
    let left: Int, right: Int
  }

  /// The rank and the token of each pair that merges.
  private let pairs: [Pair: (rank: Int, token: Int)]

  public var startToken: Int { vocabularySize - 2 }
  public var endToken: Int { vocabularySize - 1 }

  /// - Parameter source: a name for messages.
  /// - Throws: ``NetworkError/badMerges(source:line:_:)``, lines counted from 1 after the version line.
  public init(
    merges: [Merge], cleaning: Cleaning = .openai, from source: String = "merges"
  ) throws(NetworkError) {
    var numbers: [String: Int] = [:]
    for (token, byte) in ByteAlphabet.bytes.enumerated() {
      let character = ByteAlphabet.characters[Int(byte)]
      numbers["\(character)"] = token
      numbers["\(character)\(endOfWord)"] = 256 + token
    }
    for (rank, merge) in merges.enumerated() {
      for symbol in [merge.left, merge.right] where numbers[symbol] == nil {
        throw .badMerges(source: source, line: rank + 1, "'\(symbol)' is neither a byte nor an earlier merge")
      }
      // Two merges may make the same symbol; it is the token of the later.
      numbers[merge.left + merge.right] = 512 + rank
    }
    var pairs: [Pair: (rank: Int, token: Int)] = [:]
    for (rank, merge) in merges.enumerated() {
      guard let left = numbers[merge.left], let right = numbers[merge.right],
        let token = numbers[merge.left + merge.right]
      else { continue }
      guard pairs.updateValue((rank, token), forKey: Pair(left: left, right: right)) == nil else {
        throw .badMerges(source: source, line: rank + 1, "'\(merge.left) \(merge.right)' is there twice")
      }
    }
    self.merges = merges
    self.pairs = pairs
    vocabularySize = 512 + merges.count + 2
    self.cleaning = cleaning
  }

  /// From the text of merges.txt: a version line, then a pair a line, its symbols apart by a space.
  /// - Throws: ``NetworkError/badMerges(source:line:_:)``.
  public init(
    merges text: String, cleaning: Cleaning = .openai, from source: String = "merges.txt"
  ) throws(NetworkError) {
    var lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    if lines.first?.contains("#version") == true { lines.removeFirst() }
    while lines.last?.isEmpty == true { lines.removeLast() }
    var merges: [Merge] = []
    for (index, line) in lines.enumerated() {
      let symbols = line.split(separator: " ")
      guard symbols.count == 2 else {
        throw .badMerges(source: source, line: index + 1, "expected two symbols, found '\(line)'")
      }
      merges.append(Merge(left: String(symbols[0]), right: String(symbols[1])))
    }
    try self.init(merges: merges, cleaning: cleaning, from: source)
  }

  /// From what a CLIP's file says beside the tensors: the merges, and how texts are cleaned.
  /// - Throws: ``NetworkError/badMerges(source:line:_:)``, ``NetworkError/badConfiguration(source:_:)``.
  public init(metadata: [String: String], merges: String? = nil, from source: String) throws(NetworkError) {
    guard let merges = merges ?? metadata[Self.mergesEntry] else {
      throw .badConfiguration(source: source, "no merges for the tokenizer: put merges.txt beside the file")
    }
    let cleaning = metadata[Self.cleaningEntry] ?? Cleaning.openai.rawValue
    guard let cleaning = Cleaning(rawValue: cleaning) else {
      throw .badConfiguration(
        source: source,
        "its texts are cleaned as '\(cleaning)', expected \(Cleaning.allCases.map(\.rawValue).joined(separator: " or "))"
      )
    }
    try self.init(merges: merges, cleaning: cleaning, from: source)
  }

  /// Where a CLIP's file has them in its metadata.
  public static let mergesEntry = "merges", cleaningEntry = "cleaning"

  /// The tokenizer as entries of a CLIP's metadata.
  public var metadata: [String: String] {
    cleaning.metadata.merging([Self.mergesEntry: mergesText]) { $1 }
  }

  /// The tokenizer with only as many of the merges, the first ones, as make a vocabulary of `size`.
  public func shortened(to size: Int, from source: String) throws(NetworkError) -> Tokenizer {
    try Tokenizer(merges: Array(merges.prefix(max(0, size - 512 - 2))), cleaning: cleaning, from: source)
  }

  /// Makes sure that a vocabulary numbers the tokens as they are numbered here.
  /// - Throws: ``NetworkError/badVocabulary(source:_:)``.
  public func check(_ vocabulary: [String: Int], from source: String) throws(NetworkError) {
    let bytes = ByteAlphabet.bytes.map { String(ByteAlphabet.characters[Int($0)]) }
    let symbols =
      bytes + bytes.map { $0 + endOfWord } + merges.map { $0.left + $0.right } + [
        TextSplitting.startOfText, TextSplitting.endOfText,
      ]
    // Two merges may make the same symbol; it is the token of the later.
    let numbers = Dictionary(symbols.enumerated().map { ($1, $0) }) { $1 }
    for (symbol, number) in numbers where vocabulary[symbol] != number {
      let found = vocabulary[symbol].map(String.init) ?? "not there"
      throw .badVocabulary(source: source, "'\(symbol)' is \(found) in vocab.json, expected \(number)")
    }
    guard vocabulary.count == numbers.count else {
      throw .badVocabulary(source: source, "vocab.json has \(vocabulary.count) tokens, expected \(numbers.count)")
    }
  }

  /// The text of merges.txt.
  public var mergesText: String {
    "#version: 0.2\n" + merges.map { "\($0.left) \($0.right)\n" }.joined()
  }

  /// The tokens of a text, without start and end.
  public func encode(_ text: String) -> [Int] {
    TextSplitting.pieces(of: text, cleaning).flatMap { piece in
      switch piece {
      case .word(let word): encode(word: word)
      case .start: [startToken]
      case .end: [endToken]
      }
    }
  }

  /// Start, the text's tokens, end, then zeros up to `contextLength`.
  /// - Parameter truncating: whether a longer text is cut, the last token then being the end; if not, it is an error.
  /// - Throws: ``NetworkError/textTooLong(_:tokens:limit:)``.
  public func tokens(_ text: String, contextLength: Int, truncating: Bool = false) throws(NetworkError) -> [Int] {
    var tokens = [startToken] + encode(text) + [endToken]
    if tokens.count > contextLength {
      guard truncating else { throw .textTooLong(text, tokens: tokens.count, limit: contextLength) }
      tokens = tokens.prefix(contextLength - 1) + [endToken]
    }
    return tokens + Array(repeating: 0, count: contextLength - tokens.count)
  }

  private func encode(word: String) -> [Int] {
    var symbols = Self.symbols(word)
    while let best = zip(symbols, symbols.dropFirst()).compactMap({ pairs[Pair(left: $0, right: $1)] })
      .min(by: { $0.rank < $1.rank })
    {
      symbols = Self.merged(symbols, to: best.token) { pairs[Pair(left: $0, right: $1)]?.rank == best.rank }
    }
    return symbols
  }

  /// The tokens of a word's bytes, the last as one that ends a word.
  static func symbols(_ word: String) -> [Int] {
    var symbols = word.utf8.map { ByteAlphabet.tokens[Int($0)] }
    symbols[symbols.count - 1] += 256
    return symbols
  }

  /// `symbols` with every pair that `matches`, from the left, replaced by `token`.
  static func merged(_ symbols: [Int], to token: Int, _ matches: (Int, Int) -> Bool) -> [Int] {
    var result: [Int] = []
    var position = 0
    while position < symbols.count {
      if position + 1 < symbols.count, matches(symbols[position], symbols[position + 1]) {
        result.append(token)
        position += 2
      } else {
        result.append(symbols[position])
        position += 1
      }
    }
    return result
  }
}

/// What ends the last symbol of a word.
let endOfWord = "</w>"
