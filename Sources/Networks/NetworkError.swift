import Escaping

/// Why a network cannot be made or used.
public enum NetworkError: Error, Sendable, CustomStringConvertible {
  /// One parameter that is not as the network has it. A nil shape says that there is no such parameter on that side.
  public struct Difference: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    public let expected: [Int]?
    public let found: [Int]?

    public var description: String {
      switch (expected, found) {
      case (let expected?, let found?): "misshaped \(name): expected \(expected), found \(found)"
      case (let expected?, nil): "missing \(name): expected \(expected)"
      case (nil, let found): "extra \(name): found \(found ?? [])"
      }
    }
  }

  /// The names or shapes in a checkpoint are not those of the network.
  case parametersDoNotFit(source: String, [Difference])
  /// A value of a network is infinite or not a number.
  case notFinite(source: String, tensor: String, place: [Int], value: Double)
  /// A checkpoint does not say what network it is for, or names another one.
  case wrongArchitecture(source: String, expected: [String], found: String?)
  /// A checkpoint's description of its network cannot be read or cannot be built.
  case badConfiguration(source: String, String)
  /// A file looks like `format`, but lacks a tensor without which nothing can be told.
  case lacksTensor(source: String, name: String, format: String)
  /// A tensor by which a network is told has another number of axes.
  case badTensorRank(source: String, name: String, axes: Int, found: [Int])
  /// The weights of LPIPS alone, without the network whose features they weigh.
  case lacksTrunk(source: String)
  /// No model is known that has such tensors.
  case unknownModel(source: String, tensors: Int, names: [String], formats: [String])
  /// A property of a network that its tensors do not tell.
  case cannotTell(source: String, String, remedy: String)
  /// A preset is for another kind of network than the file's.
  case wrongPreset(source: String, preset: String, found: String)
  /// A model of another purpose than the one asked for.
  case wrongPurpose(source: String, expected: String, found: String, format: String)
  /// A tokenizer's vocabulary numbers its tokens in another way than its merges.
  case badVocabulary(source: String, String)
  /// A tokenizer's list of merges is damaged.
  case badMerges(source: String, line: Int, String)
  /// A text has more tokens than the network takes.
  case textTooLong(String, tokens: Int, limit: Int)

  public var description: String {
    switch self {
    case .parametersDoNotFit(let source, let differences):
      "\(source): the parameters are not those of this network\n"
        + differences.map { "  \($0)" }.joined(separator: "\n")
        + "\ncheck that the file is for this architecture and configuration"
    case .notFinite(let source, let tensor, let place, let value):
      "\(source): tensor '\(tensor)' is \(value.isNaN ? "nan" : "\(value)") at \(place): the network is of no use; "
        + "fetch the file again, or take weights from before the training went wrong"
    case .wrongArchitecture(let source, let expected, let found):
      "\(source): expected a network of architecture \(expected.map { "'\($0)'" }.joined(separator: " or ")), found "
        + (found.map { "'\($0)'" } ?? "no description (metadata entry \"architecture\")")
        + "; check that this is the right file"
    case .badConfiguration(let source, let reason): "\(source): the network's configuration is unusable: \(reason)"
    case .lacksTensor(let source, let name, let format):
      "\(source): taken for '\(format)', it lacks the tensor '\(name)'; fetch the file again"
    case .badTensorRank(let source, let name, let axes, let found):
      "\(source): tensor '\(name)': expected \(axes) axes, found shape \(found)"
    case .lacksTrunk(let source):
      "\(source): holds the weights of LPIPS without the network under them; put torchvision's file of it "
        + "(alexnet, vgg16 or squeezenet1_1) beside it and load the folder"
    case .unknownModel(let source, let tensors, let names, let formats):
      "\(source): \(tensors) tensors of no model that is known here, such as "
        + names.map { "'\($0)'" }.joined(separator: ", ") + "; known are: " + formats.joined(separator: ", ")
    case .cannotTell(let source, let property, let remedy):
      "\(source): its tensors do not tell the network's \(property); \(remedy)"
    case .wrongPreset(let source, let preset, let found):
      "\(source): the preset '\(preset)' is for another network: this is a \(found); remove it or choose another"
    case .wrongPurpose(let source, let expected, let found, let format):
      "\(source): expected a network for '\(expected)', found '\(format)'; load it as `\(found)`"
    case .badVocabulary(let source, let reason): "\(source): the tokenizer's vocabulary is unusable: \(reason)"
    case .badMerges(let source, let line, let reason): "\(source): merge \(line) of the tokenizer: \(reason)"
    case .textTooLong(let text, let tokens, let limit):
      "the text '\(text.abridged)' has \(tokens) tokens, the network takes at most \(limit); shorten it"
    }
  }
}
