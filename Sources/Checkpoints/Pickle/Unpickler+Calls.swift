extension Unpickler {
  /// - Throws: ``CheckpointError/refusedGlobal(file:name:)`` for all that ``PickleGlobal`` does not list.
  func global(_ module: String, _ name: String) throws(CheckpointError) -> PickleGlobal {
    let full = "\(module.prefix(Self.nameLimit)).\(name.prefix(Self.nameLimit))"
    guard full.utf8.count <= Self.nameLimit, let global = PickleGlobal(full, inScript: inScript) else {
      throw .refusedGlobal(file: reader.source, name: String(full.prefix(100)))
    }
    return global
  }

  /// What the function or class `callee` makes of `arguments`.
  mutating func call(_ callee: PickleValue, _ arguments: PickleValue) throws(CheckpointError) -> PickleValue {
    guard case .global(let global) = callee else { throw bad("a function or class", callee.kind) }
    guard case .sequence(let index) = arguments else { throw bad("a tuple of arguments", arguments.kind) }
    let count = heap.sequences[index].count
    func takes(_ range: ClosedRange<Int>) throws(CheckpointError) {
      guard range.contains(count) else { throw bad("\(range) arguments for \(global)", "\(count)") }
    }
    func argument(_ position: Int) -> PickleValue { heap.sequences[index][position] }
    switch global {
    case .orderedDictionary:
      try takes(0...1)
      return try orderedDictionary(count == 0 ? nil : argument(0))
    case .rebuildTensor, .rebuildTensor2:
      try takes(global == .rebuildTensor ? 4...4 : 6...7)
      if count == 7 { try checkMetadata(argument(6)) }
      return try tensor(argument(0), offset: argument(1), shape: argument(2), strides: argument(3))
    case .rebuildParameter, .rebuildParameterWithState:
      try takes(global == .rebuildParameter ? 3...3 : 4...4)
      guard case .tensor = argument(0) else { throw bad("a tensor", argument(0).kind) }
      return argument(0)
    case .identity:
      try takes(1...2)
      return argument(0)
    case .scriptType(let name): return heap.object(name, arguments)
    case .numpyType: return heap.object("numpy.dtype", arguments)
    case .numpyScalar:
      try takes(2...2)
      return try numpyScalar(argument(0), argument(1))
    case .encode:
      try takes(2...2)
      return try encoded(argument(0), argument(1))
    case .storage: throw bad("a function or class", "'\(global)' called without a persistent id")
    }
  }

  /// Puts fields into an object. An ordered dictionary's (a state dict's versions) are of no use here.
  mutating func build(_ target: PickleValue, _ state: PickleValue) throws(CheckpointError) {
    switch target {
    case .object(let index):
      // A numpy type is what it was made as; its state says its byte order.
      guard heap.objects[index].type == "numpy.dtype" else {
        heap.objects[index].state = state
        return
      }
      guard case .sequence(let fields) = state, heap.sequences[fields].count >= 2,
        case .string(let order) = heap.sequences[fields][1], order == "<" || order == "|" || order == "="
      else { throw bad("a numpy type that is little-endian", "another") }
    case .dictionary: break
    default: throw bad("an object with fields", target.kind)
    }
  }

  /// A new dictionary; Python 2 gives its content as a list of pairs.
  private mutating func orderedDictionary(_ content: PickleValue?) throws(CheckpointError) -> PickleValue {
    guard let content else { return heap.dictionary([]) }
    guard case .sequence(let index) = content else { throw bad("a list of pairs", content.kind) }
    try spend(heap.sequences[index].count)
    var pairs: [(key: PickleValue, value: PickleValue)] = []
    for item in heap.sequences[index] {
      guard case .sequence(let pair) = item, heap.sequences[pair].count == 2 else { throw bad("a pair", item.kind) }
      pairs.append((heap.sequences[pair][0], heap.sequences[pair][1]))
    }
    return heap.dictionary(pairs)
  }

  // MARK: Tensors

  /// The storage of a persistent id: ('storage', class, key, device, count) and, in old files, None or a view:
  /// (key, first, count).
  mutating func storage(_ id: PickleValue) throws(CheckpointError) -> PickleValue {
    guard case .sequence(let index) = id, case let fields = heap.sequences[index],
      fields.count == 5 || fields.count == 6,
      case .string("storage") = fields[0], case .global(.storage(let type)) = fields[1]
    else { throw bad("a persistent id ('storage', class, key, device, count)", id.kind) }
    let key: String
    switch fields[2] {
    case .string(let text) where text.utf8.count <= Self.nameLimit: key = text
    case .int(let number): key = String(number)
    default: throw bad("a storage's key", fields[2].kind)
    }
    guard case .int(let count) = fields[4], count >= 0 else { throw bad("a storage's length", fields[4].kind) }
    var view = 0..<count
    if fields.count == 6, case .sequence(let index) = fields[5] {
      let part = heap.sequences[index]
      guard part.count == 3, case .int(let first) = part[1], case .int(let length) = part[2], first >= 0, length >= 0,
        first <= count, length <= count - first
      else { throw bad("a part of a storage of \(count)", "another") }
      view = first..<first + length
    }
    heap.storages.append(.init(type: type, key: key, count: count, view: view))
    return .storage(heap.storages.count - 1)
  }

  private mutating func tensor(
    _ storage: PickleValue, offset: PickleValue, shape: PickleValue, strides: PickleValue
  ) throws(CheckpointError) -> PickleValue {
    guard case .storage(let index) = storage else { throw bad("a storage", storage.kind) }
    guard case .int(let offset) = offset else { throw bad("an offset", offset.kind) }
    heap.tensors.append(
      .init(storage: index, offset: offset, shape: try integers(shape), strides: try integers(strides)))
    return .tensor(heap.tensors.count - 1)
  }

  private func integers(_ value: PickleValue) throws(CheckpointError) -> [Int] {
    guard case .sequence(let index) = value else { throw bad("a tuple of sizes", value.kind) }
    guard heap.sequences[index].count <= StoredTensor.rankLimit else {
      throw bad("at most \(StoredTensor.rankLimit) sizes", "\(heap.sequences[index].count)")
    }
    var result: [Int] = []
    for item in heap.sequences[index] {
      guard case .int(let number) = item else { throw bad("a size", item.kind) }
      result.append(number)
    }
    return result
  }

  /// PyTorch notes there that numbers are meant negated or conjugated.
  private func checkMetadata(_ value: PickleValue) throws(CheckpointError) {
    switch value {
    case .none: break
    case .dictionary(let index) where heap.dictionaries[index].isEmpty: break
    default: throw bad("a tensor that is stored as it is", "one that is negated or conjugated")
    }
  }

  // MARK: numpy

  /// A number that numpy made, such as a loss.
  private func numpyScalar(_ type: PickleValue, _ content: PickleValue) throws(CheckpointError) -> PickleValue {
    guard case .object(let object) = type, heap.objects[object].type == "numpy.dtype",
      case .sequence(let index) = heap.objects[object].state, case .string(let name)? = heap.sequences[index].first
    else { throw bad("a numpy type", type.kind) }
    let bytes: [UInt8]
    switch content {
    case .bytes(let content): bytes = content
    // Python 2 writes bytes as text.
    case .string(let text) where text.unicodeScalars.count <= 8 && text.unicodeScalars.allSatisfy({ $0.value < 256 }):
      bytes = text.unicodeScalars.map { UInt8($0.value) }
    default: throw bad("a number's bytes", content.kind)
    }
    let stored: [String: StoredType] = ["f8": .f64, "f4": .f32, "i8": .i64, "i4": .i32, "b1": .bool]
    guard let stored = stored[name], stored.size == bytes.count else {
      throw bad("a numpy number of type f8, f4, i8, i4 or b1", "'\(name.prefix(40))' of \(bytes.count) bytes")
    }
    return bytes.withUnsafeBytes { bytes in
      switch stored {
      case .f64: .float(bytes.loadUnaligned(as: Double.self))
      case .f32: .float(Double(bytes.loadUnaligned(as: Float.self)))
      case .i64: .int(Int(bytes.loadUnaligned(as: Int64.self)))
      case .i32: .int(Int(bytes.loadUnaligned(as: Int32.self)))
      default: .bool(bytes[0] != 0)
      }
    }
  }

  private mutating func encoded(_ value: PickleValue, _ encoding: PickleValue) throws(CheckpointError) -> PickleValue {
    guard case .string(let text) = value, case .string("latin1") = encoding else {
      throw bad("text to be encoded as latin1", "\(value.kind) as \(encoding.kind)")
    }
    try spend(text.utf8.count)
    guard text.unicodeScalars.allSatisfy({ $0.value < 256 }) else { throw bad("text of latin1", value.kind) }
    return .bytes(text.unicodeScalars.map { UInt8($0.value) })
  }
}
