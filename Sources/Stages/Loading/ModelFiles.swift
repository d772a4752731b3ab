import ArtifactStore
import Checkpoints
import Escaping
import Foundation
import Networks
import StageKit

/// The files of one model as its authors publish it: weights, in one file or several, and what lies beside them.
struct ModelFiles {
  /// All weights together.
  let state: StateDictionary
  /// The paths of the files with weights.
  let weights: [String]
  /// The formats of those.
  let formats: [TensorFile.Format]
  /// Numbers and texts among the weights.
  let values: [(name: String, value: TensorFile.Value)]
  /// The text of config.json or open_clip_config.json.
  let configuration: String?
  /// The tokenizer's list of merges, as it stands in merges.txt or in OpenAI's vocabulary.
  let merges: String?
  /// The tokens' numbers by vocab.json.
  let vocabulary: [String: Int]?
  /// Why no model was chosen among the tensors, which are then all of the file's.
  let ambiguity: CheckpointError?

  private static let weightExtensions = ["safetensors", "bin", "pt", "pth", "ckpt", "npy"]
  private static let textLimit = 1 << 26
  private static let configurations = ["config.json", "open_clip_config.json"]
  private static let openAIMerges = "bpe_simple_vocab_16e6.txt"

  /// Whether a file of this name may be a part of a model, by the end of the name.
  private static func isPart(name: String) -> Bool { ends.contains { name.utf8.reversed().starts(with: $0) } }
  private static let ends =
    (weightExtensions.map { "." + $0 } + configurations
    + ["merges.txt", openAIMerges, openAIMerges + ".gz", "vocab.json"]).map { Array($0.utf8.reversed()) }

  /// A file by the name that its authors gave it, wherever it is.
  typealias File = (name: String, path: String)

  /// One file, or what belongs together in a folder.
  /// - Parameter leniently: whether files are taken in which no model can be told from the rest.
  /// - Throws: ``InputError``, ``CheckpointError``.
  init(_ files: [File], leniently: Bool = false) throws {
    let folder = files.first?.path.parentFolder ?? ""
    // A folder may hold any number of files that are none of a model's.
    let files = files.count == 1 ? files : files.filter { Self.isPart(name: $0.name) }
    func named(_ names: [String]) -> String? {
      names.lazy.compactMap { name in files.first { $0.name == name }?.path }.first
    }
    func kind(_ file: File) -> String { file.name.fileExtension }
    var weights = files.count == 1 ? files : files.filter { Self.weightExtensions.contains(kind($0)) }
    // A folder may hold the same weights for several programs.
    if weights.contains(where: { kind($0) == "safetensors" }) {
      weights = weights.filter { kind($0) == "safetensors" }
    } else if weights.contains(where: { kind($0) != "bin" }) {
      weights = weights.filter { kind($0) != "bin" }
    }
    guard !weights.isEmpty else {
      throw InputError(
        "\(folder): no weights: expected a file that ends in \(Self.weightExtensions.map { ".\($0)" }.joined(separator: ", "))"
      )
    }
    var states: [StateDictionary] = []
    var formats: [TensorFile.Format] = []
    var values: [(name: String, value: TensorFile.Value)] = []
    var ambiguity: CheckpointError?
    for weights in weights {
      let file = try TensorFile(contentsOf: weights.path)
      formats.append(file.format)
      values += file.values.map { ($0.key, $0.value) }
      do throws(CheckpointError) {
        states.append(try file.stateDictionary())
      } catch {
        guard leniently else { throw error }
        states.append(StateDictionary(tensors: file.entries, source: file.source, metadata: file.metadata))
        ambiguity = error
      }
    }
    self.formats = formats
    self.values = values
    self.ambiguity = ambiguity
    self.weights = weights.map(\.path)
    state = states.count == 1 ? states[0] : try Self.joined(Self.named(states, weights.map(\.name)))
    configuration = try named(Self.configurations).map(Self.text)
    merges =
      try named(["merges.txt", Self.openAIMerges]).map(Self.text)
      ?? named([Self.openAIMerges + ".gz"]).map { path in
        String(decoding: try Gzip.content(of: Self.data(path), from: path, limit: Self.textLimit), as: UTF8.self)
      }
    vocabulary = try named(["vocab.json"]).map { path in
      do { return try JSONDecoder().decode([String: Int].self, from: Self.data(path)) } catch {
        throw InputError("\(path): expected an object of tokens and their numbers")
      }
    }
  }

  /// Networks that are published in a file each, under names that do not tell them apart: the names of the files do.
  private static let networksByFile: [Set<String>] = [["pnet", "rnet", "onet"]]

  private static func named(_ states: [StateDictionary], _ files: [String]) -> [StateDictionary] {
    let stems = files.map(\.fileStem)
    guard stems.count == Set(stems).count, networksByFile.contains(Set(stems)) else { return states }
    return zip(states, stems).map { state, stem in
      StateDictionary(
        tensors: .init(uniqueKeysWithValues: state.tensors.map { ("\(stem).\($0.key)", $0.value) }), note: state.note,
        source: state.source, metadata: state.metadata)
    }
  }

  private static func joined(_ states: [StateDictionary]) throws -> StateDictionary {
    var tensors = states[0].tensors
    for state in states.dropFirst() {
      for (name, tensor) in state.tensors {
        guard tensors.updateValue(tensor, forKey: name) == nil else {
          throw InputError("\(state.source): its tensor '\(name)' is in \(states[0].source) too: load one of the files")
        }
      }
    }
    let notes = states.compactMap(\.note)
    return StateDictionary(
      tensors: tensors, note: notes.isEmpty ? nil : notes.joined(separator: "; "),
      source: states.map(\.source).joined(separator: " + "), metadata: states[0].metadata)
  }

  private static func data(_ path: String) throws -> Data {
    guard let status = try Files.status(of: path), status.size <= textLimit else {
      throw InputError("\(path): larger than \(textLimit) bytes")
    }
    guard let data = try Files.read(path) else { throw InputError("\(path): no such file") }
    return data
  }

  private static func text(_ path: String) throws -> String { String(decoding: try data(path), as: UTF8.self) }

  /// The model that the files are; `hints` are those of the recipe.
  func model(_ hints: PublishedHints = PublishedHints()) throws(NetworkError) -> PublishedModel {
    var hints = hints
    hints.configuration = configuration
    return try state.publishedModel(hints)
  }

  /// The model of this type that the files are, by what they tell before its values are read.
  /// - Throws: `NetworkError` where it is another one, or its tensors are not those of its architecture.
  func model(of type: ArtifactType, _ hints: PublishedHints) throws(NetworkError) -> PublishedModel {
    let model = try model(hints)
    guard model.purpose.rawValue == type.rawValue else {
      throw .wrongPurpose(
        source: model.source, expected: type.rawValue, found: model.purpose.rawValue, format: model.format)
    }
    guard model.differences.isEmpty else { throw .parametersDoNotFit(source: model.source, model.differences) }
    if model.network is CLIP { _ = try mergesText() }
    return model
  }

  private func mergesText() throws(NetworkError) -> String {
    if let merges = merges ?? state.metadata[Tokenizer.mergesEntry] { return merges }
    throw .badConfiguration(
      source: state.source,
      "no merges for the tokenizer: put merges.txt or bpe_simple_vocab_16e6.txt.gz beside the file, and load the folder"
    )
  }

  /// The text of the merges that belong to a CLIP.
  /// - Throws: where there are none, or where they make other tokens than it knows.
  func merges(for clip: CLIP) throws(NetworkError) -> String {
    let size = clip.configuration.vocabularySize
    let merges = try mergesText()
    let source = "the merges beside \(state.source)"
    var tokenizer = try Tokenizer(merges: merges, from: source)
    // OpenAI's file has more merges than their models use.
    let isWhole = tokenizer.vocabularySize == size
    if tokenizer.vocabularySize > size { tokenizer = try tokenizer.shortened(to: size, from: source) }
    if let vocabulary { try tokenizer.check(vocabulary, from: source) }
    try CLIPModel.check(clip, tokenizer)
    return isWhole ? merges : tokenizer.mergesText
  }
}
