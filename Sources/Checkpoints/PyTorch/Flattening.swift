import OrderedCollections

/// Gives the tensors and facts of a pickled value dotted names: the keys of dictionaries and the positions in lists
/// that lead to them.
struct Flattening {
  /// As many values are looked at; one that is met in two places counts twice.
  static let visitLimit = 1_000_000
  static let depthLimit = 100
  /// Bytes of all names together.
  static let nameLimit = 1 << 26

  private let heap: PickleHeap
  private let file: FileBytes
  private let source: String
  /// Where the bytes of a storage lie in the file; the name is that of a tensor that needs it.
  private let locate: (_ storage: PickleHeap.Storage, _ name: String) throws(CheckpointError) -> Range<Int>

  private(set) var contents = TensorFile.Contents()
  private var visits = 0
  private var nameBytes = 0
  /// The containers around the present value.
  private var around: [Container] = []

  private enum Container: Equatable {
    case sequence(Int)
    case dictionary(Int)
    case object(Int)
  }

  init(
    _ root: PickleValue, _ heap: PickleHeap, of file: FileBytes, source: String,
    locate: @escaping (_ storage: PickleHeap.Storage, _ name: String) throws(CheckpointError) -> Range<Int>
  ) throws(CheckpointError) {
    self.heap = heap
    self.file = file
    self.source = source
    self.locate = locate
    switch root {
    case .sequence: contents.root = .list
    case .dictionary: contents.root = .dictionary
    case .object: contents.root = .object
    default: contents.root = .single
    }
    try visit(root, name: "")
  }

  private mutating func visit(_ value: PickleValue, name: String) throws(CheckpointError) {
    try spend(1, names: name)
    switch value {
    case .none, .long, .bytes, .global, .storage: break
    case .bool(let flag): try add(.flag(flag), name)
    case .int(let number): try add(.integer(number), name)
    case .float(let number): try add(.number(number), name)
    case .string(let text): try add(.text(text), name)
    case .tensor(let index): try add(heap.tensors[index], name)
    case .sequence(let index):
      try inside(.sequence(index), name) { (flattening) throws(CheckpointError) in
        for (position, item) in flattening.heap.sequences[index].enumerated() {
          try flattening.visit(item, under: name, String(position))
        }
      }
    case .dictionary(let index):
      try inside(.dictionary(index), name) { (flattening) throws(CheckpointError) in
        for (key, item) in try flattening.items(index, name) { try flattening.visit(item, under: name, key) }
      }
    case .object(let index):
      try inside(.object(index), name) { (flattening) throws(CheckpointError) in
        try flattening.visit(flattening.heap.objects[index].state, name: name)
      }
    }
  }

  private mutating func spend(_ count: Int, names name: String) throws(CheckpointError) {
    visits += count
    nameBytes += name.utf8.count
    guard visits <= Self.visitLimit, nameBytes <= Self.nameLimit else {
      throw .tooLarge(
        file: source, place: "its values",
        limit: "more than \(Self.visitLimit), or names of more than \(Self.nameLimit) bytes")
    }
  }

  private mutating func visit(
    _ value: PickleValue, under parent: String, _ key: String
  ) throws(CheckpointError) {
    let isTop = around.count == 1
    let first = contents.entries.count
    try visit(value, name: parent.isEmpty ? key : "\(parent).\(key)")
    guard isTop, contents.entries.count > first else { return }
    let isTensor = if case .tensor = value { true } else { false }
    contents.parts.append(.init(name: key, isTensor: isTensor, entries: first..<contents.entries.count))
  }

  private mutating func inside(
    _ container: Container, _ name: String, _ body: (inout Flattening) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    guard !around.contains(container) else {
      throw .damaged(file: source, place: "'\(name)'", expected: "values that end", found: "one that holds itself")
    }
    guard around.count < Self.depthLimit else {
      throw .tooLarge(file: source, place: "'\(name.prefix(100))…'", limit: "more than \(Self.depthLimit) levels deep")
    }
    around.append(container)
    defer { around.removeLast() }
    try body(&self)
  }

  /// The items of a dictionary by key; of equal keys the last holds, as in Python.
  private mutating func items(
    _ index: Int, _ name: String
  ) throws(CheckpointError) -> OrderedDictionary<String, PickleValue> {
    var items: OrderedDictionary<String, PickleValue> = [:]
    for (key, value) in heap.dictionaries[index] {
      let text: String
      switch key {
      case .string(let key): text = key
      case .int(let key): text = String(key)
      case .bool(let key): text = key ? "True" : "False"
      case .float(let key): text = String(key)
      case .none: text = "None"
      default:
        throw .damaged(file: source, place: "'\(name)'", expected: "keys of text or numbers", found: key.kind)
      }
      // A key that is shared is compared each time.
      try spend(0, names: text)
      items[text] = value
    }
    // Those that are visited are counted there.
    try spend(heap.dictionaries[index].count - items.count, names: "")
    return items
  }

  private mutating func add(_ value: TensorFile.Value, _ name: String) throws(CheckpointError) {
    guard contents.values.updateValue(value, forKey: name) == nil else { throw twice(name) }
  }

  private mutating func add(_ tensor: PickleHeap.Tensor, _ name: String) throws(CheckpointError) {
    let storage = heap.storages[tensor.storage]
    let bytes = try locate(storage, name)
    let begin = bytes.lowerBound + storage.view.lowerBound * storage.type.size
    let view = begin..<begin + storage.view.count * storage.type.size
    let stored = try StoredTensor(
      storage.type, shape: tensor.shape, strides: tensor.strides, offset: tensor.offset, storage: view, of: file,
      name: name, source: source)
    guard contents.entries.updateValue(stored, forKey: name) == nil else { throw twice(name) }
  }

  private func twice(_ name: String) -> CheckpointError {
    .damaged(file: source, place: "'\(name)'", expected: "one value of this name", found: "two")
  }
}
