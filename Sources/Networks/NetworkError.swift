/// Why a network cannot be made or used.
public enum NetworkError: Error, Sendable, CustomStringConvertible {
  /// One parameter that is not as the network has it. A nil shape says that there is no such parameter on that side.
  public struct Difference: Sendable, Hashable {
    public let name: String
    public let expected: [Int]?
    public let found: [Int]?
  }

  /// The names or shapes in a checkpoint are not those of the network.
  case parametersDoNotFit(source: String, [Difference])
  /// A checkpoint does not say what network it is for, or names another one.
  case wrongArchitecture(source: String, expected: [String], found: String?)
  /// A checkpoint's description of its network cannot be read or cannot be built.
  case badConfiguration(source: String, String)
  /// A tokenizer's list of merges is damaged.
  case badMerges(source: String, line: Int, String)
  /// A text has more tokens than the network takes.
  case textTooLong(String, tokens: Int, limit: Int)

  public var description: String {
    switch self {
    case .parametersDoNotFit(let source, let differences):
      "\(source): the parameters are not those of this network\n"
        + differences.map { "  " + Self.line($0) }.joined(separator: "\n")
        + "\ncheck that the file is for this architecture and configuration"
    case .wrongArchitecture(let source, let expected, let found):
      "\(source): expected a network of architecture \(expected.map { "'\($0)'" }.joined(separator: " or ")), found "
        + (found.map { "'\($0)'" } ?? "no description (metadata entry \"architecture\")")
        + "; check that this is the right file"
    case .badConfiguration(let source, let reason): "\(source): the network's configuration is unusable: \(reason)"
    case .badMerges(let source, let line, let reason): "\(source): merge \(line) of the tokenizer: \(reason)"
    case .textTooLong(let text, let tokens, let limit):
      "the text '\(text)' has \(tokens) tokens, the network takes at most \(limit); shorten it"
    }
  }

  private static func line(_ difference: Difference) -> String {
    switch (difference.expected, difference.found) {
    case (let expected?, let found?): "misshaped \(difference.name): expected \(expected), found \(found)"
    case (let expected?, nil): "missing \(difference.name): expected \(expected)"
    case (nil, let found): "extra \(difference.name): found \(found ?? [])"
    }
  }
}
