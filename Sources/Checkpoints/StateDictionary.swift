import OrderedCollections

/// The weights of one model among what a file holds.
public struct StateDictionary: Sendable {
  /// By the names of the model's parameters.
  public let tensors: OrderedDictionary<String, StoredTensor>
  /// What was taken and why, a clause for each choice; nil where the file holds nothing else.
  public let note: String?
  /// The file's name, for messages.
  public let source: String
  /// The free text of a safetensors file.
  public let metadata: [String: String]

  public init(
    tensors: OrderedDictionary<String, StoredTensor>, note: String? = nil, source: String,
    metadata: [String: String] = [:]
  ) {
    self.tensors = tensors
    self.note = note
    self.source = source
    self.metadata = metadata
  }

  /// The weights in memory, as float32.
  public var checkpoint: CheckpointTensors {
    CheckpointTensors(tensors: tensors.mapValues(\.tensor), metadata: metadata, source: source)
  }
}

extension TensorFile {
  /// Names under which training programs keep averaged weights, and under which they keep the model itself.
  private static let averages = ["ema", "model_ema", "ema_model", "ema_state_dict", "params_ema"]
  private static let models = ["state_dict", "model_state_dict", "model", "params", "net"]

  /// The weights of the model in the file:
  ///
  /// - the whole of it, where it is one dictionary of tensors;
  /// - of a list, such as [model, optimizer, epoch, step, EMA], the first item with tensors, the model, or rather its
  ///   average (EMA): the last item whose tensors are all among the model's by name and shape;
  /// - of a dictionary of dictionaries, "state_dict", "model_state_dict", "model", "params" or "net", or else the only
  ///   one with tensors beside an optimizer's; or rather its average, which is called "ema", "model_ema", "ema_model",
  ///   "ema_state_dict" or "params_ema".
  ///
  /// Tensors that an average lacks (it has only what is trained) are the model's. A prefix "module." that all names
  /// have is dropped, and so is the part "_orig_mod" of a name.
  /// - Throws: ``CheckpointError/noModel(file:found:)``.
  public func stateDictionary() throws(CheckpointError) -> StateDictionary {
    guard !entries.isEmpty else { throw .noModel(file: source, found: "no tensors") }
    let groups = parts.filter { !$0.isTensor }
    func group(_ names: [String]) -> Contents.Part? {
      names.lazy.compactMap { name in groups.first { $0.name == name } }.first
    }
    if root == .list {
      guard let model = groups.first else { throw .noModel(file: source, found: "a list of tensors") }
      return chosen(model, averages: Array(groups.dropFirst()))
    }
    let average = group(Self.averages)
    if let model = group(Self.models) { return chosen(model, averages: average.map { [$0] } ?? []) }
    if let average { return chosen(average, averages: []) }
    guard root == .dictionary, !groups.isEmpty, groups.count == parts.count else { return whole }
    let candidates = groups.filter { !$0.name.hasPrefix("optim") }
    guard candidates.count == 1 else {
      let names = groups.prefix(8).map { "'\($0.name)'" }.joined(separator: ", ")
      throw .noModel(file: source, found: "dictionaries called \(names)\(groups.count > 8 ? ", …" : "")")
    }
    return chosen(candidates[0], averages: [])
  }

  private typealias Tensors = OrderedDictionary<String, StoredTensor>

  private var whole: StateDictionary {
    let (tensors, note) = Self.unwrapped(entries)
    return StateDictionary(tensors: tensors, note: note, source: source, metadata: metadata)
  }

  /// The tensors of `model`, or those of the last of `averages` that is its average.
  private func chosen(_ model: Contents.Part, averages: [Contents.Part]) -> StateDictionary {
    func title(_ part: Contents.Part) -> String { root == .list ? "item \(part.name)" : "'\(part.name)'" }
    var (tensors, prefixNote) = tensors(of: model)
    var notes = ["took \(title(model))" + (Self.averages.contains(model.name) ? ", an average (EMA)" : "")]
    for part in averages.reversed() {
      let (average, averagePrefixNote) = self.tensors(of: part)
      guard average.allSatisfy({ name, tensor in tensors[name]?.shape == tensor.shape }) else { continue }
      notes = ["took \(title(part)), the average (EMA) of \(title(model))"]
      let missing = tensors.count - average.count
      if missing > 0 { notes.append("took what it lacks, \(missing) tensors, from \(title(model))") }
      tensors.merge(average) { $1 }
      prefixNote = averagePrefixNote ?? prefixNote
      break
    }
    if let prefixNote { notes.append(prefixNote) }
    return StateDictionary(
      tensors: tensors, note: notes.joined(separator: "; "), source: source, metadata: metadata)
  }

  /// The tensors of `part` by their own names, without "module.".
  private func tensors(of part: Contents.Part) -> (Tensors, note: String?) {
    let prefix = part.name.isEmpty ? 0 : part.name.utf8.count + 1
    let own = entries.elements[part.entries].map { name, tensor in
      (String(Substring(name.utf8.dropFirst(prefix))), tensor)
    }
    return Self.unwrapped(Tensors(own) { first, _ in first })
  }

  /// The tensors by the names that they have without what PyTorch wraps a model in: the part "_orig_mod" of
  /// torch.compile, wherever it is in a name, and the "module." of DataParallel before all of them.
  private static func unwrapped(_ tensors: Tensors) -> (Tensors, note: String?) {
    let compiled = "_orig_mod"
    var notes: [String] = []
    var names = tensors.keys.map { name in
      name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        .filter { !$0.elementsEqual(compiled.utf8) }.map { String(Substring($0)) }.joined(separator: ".")
    }
    // Of two that would have one name, neither is renamed.
    if names != Array(tensors.keys), Set(names).count == names.count {
      notes.append("dropped '\(compiled).' in names")
    } else {
      names = Array(tensors.keys)
    }
    let prefix = "module."
    if !names.isEmpty, names.allSatisfy({ $0.utf8.starts(with: prefix.utf8) }) {
      names = names.map { String(Substring($0.utf8.dropFirst(prefix.utf8.count))) }
      notes.append("dropped '\(prefix)' before each name")
    }
    guard !notes.isEmpty else { return (tensors, nil) }
    return (Tensors(zip(names, tensors.values)) { first, _ in first }, notes.joined(separator: "; "))
  }
}
