/// Reads a pickle, the notation of Python for values, and runs nothing of it.
///
/// A pickle is a program for a machine with a stack and a numbered memory. Where Python's machine calls whatever
/// function the program names, this one knows ``PickleGlobal`` alone and refuses all else by name. Its steps, and so its
/// memory, are bounded.
struct Unpickler {
  /// As long as a pickle may be: that of a large model has less than a megabyte.
  static let byteLimit = 1 << 26
  /// As many steps are taken, those within a step counted.
  static let stepLimit = 8_000_000
  /// The longest name of a class or storage.
  static let nameLimit = 1000

  var reader: ByteReader
  /// Whether classes of TorchScript are known.
  let inScript: Bool
  /// Where the present instruction begins, for messages.
  private var place = 0
  private var steps = 0
  private var stack: [PickleValue] = []
  /// The stack's height at each mark.
  private var marks: [Int] = []
  private var memory: [Int: PickleValue] = [:]
  var heap = PickleHeap()

  init(_ reader: ByteReader, inScript: Bool = false) {
    self.reader = reader
    self.inScript = inScript
  }

  /// The value that the pickle at the reader's place describes; the reader is left behind its end.
  mutating func value() throws(CheckpointError) -> PickleValue {
    while true {
      try spend(1)
      place = reader.position
      let code = try reader.number(UInt8.self)
      guard let opcode = PickleOpcode(rawValue: code) else { throw bad("an instruction", "byte \(code)") }
      if opcode == .stop { return try pop() }
      try run(opcode)
    }
  }

  mutating func spend(_ count: Int) throws(CheckpointError) {
    guard count <= Self.stepLimit - steps else {
      throw .tooLarge(file: reader.source, place: reader.part, limit: "takes more than \(Self.stepLimit) steps")
    }
    steps += count
  }

  func bad(_ expected: String, _ found: String) -> CheckpointError {
    .damaged(file: reader.source, place: "\(reader.part), byte \(place)", expected: expected, found: found)
  }

  // MARK: The stack

  private mutating func push(_ value: PickleValue) { stack.append(value) }

  /// Never below the last mark.
  private mutating func pop() throws(CheckpointError) -> PickleValue {
    guard stack.count > (marks.last ?? 0) else { throw bad("a value on the stack", "none") }
    return stack.removeLast()
  }

  private func top() throws(CheckpointError) -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.last else { throw bad("a value on the stack", "none") }
    return value
  }

  private mutating func popToMark() throws(CheckpointError) -> [PickleValue] {
    guard let mark = marks.popLast() else { throw bad("a mark on the stack", "none") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func pop(_ count: Int) throws(CheckpointError) -> [PickleValue] {
    guard stack.count - count >= (marks.last ?? 0) else { throw bad("\(count) values on the stack", "fewer") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  // MARK: The instructions

  private mutating func run(_ opcode: PickleOpcode) throws(CheckpointError) {
    switch opcode {
    case .stop: break
    case .proto:
      let version = try reader.number(UInt8.self)
      guard version <= 5 else { throw bad("a pickle of protocol 0 to 5", "\(version)") }
    case .frame: _ = try reader.length()
    case .mark: marks.append(stack.count)
    case .pop: if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    case .popMark: _ = try popToMark()
    case .duplicate: push(try top())
    case .put, .binPut, .longBinPut, .memoize, .get, .binGet, .longBinGet: try remember(opcode)
    case .emptyTuple, .emptyList, .emptySet: push(heap.sequence([]))
    case .tuple, .list, .frozenSet: push(heap.sequence(try popToMark()))
    case .tuple1: push(heap.sequence(try pop(1)))
    case .tuple2: push(heap.sequence(try pop(2)))
    case .tuple3: push(heap.sequence(try pop(3)))
    case .append: try append([try pop()])
    case .appends, .addItems: try append(try popToMark())
    case .emptyDict: push(heap.dictionary([]))
    case .dict: push(heap.dictionary(try pairs(try popToMark())))
    case .setItem: try set(try pop(2))
    case .setItems: try set(try popToMark())
    case .global, .stackGlobal, .inst, .obj, .reduce, .newObj, .newObjEx, .build: try make(opcode)
    case .persistentID, .binPersistentID:
      guard opcode == .binPersistentID else { throw bad("a storage's tuple", "a persistent id of protocol 0") }
      push(try storage(try pop()))
    default: push(try literal(opcode))
    }
  }

  private mutating func remember(_ opcode: PickleOpcode) throws(CheckpointError) {
    switch opcode {
    case .put: memory[try decimal()] = try top()
    case .binPut: memory[Int(try reader.number(UInt8.self))] = try top()
    case .longBinPut: memory[Int(try reader.number(UInt32.self))] = try top()
    case .memoize: memory[memory.count] = try top()
    case .get: push(try recalled(try decimal()))
    case .binGet: push(try recalled(Int(try reader.number(UInt8.self))))
    default: push(try recalled(Int(try reader.number(UInt32.self))))
    }
  }

  private func recalled(_ place: Int) throws(CheckpointError) -> PickleValue {
    guard let value = memory[place] else { throw bad("a value at place \(place) of the memory", "none") }
    return value
  }

  private mutating func append(_ items: [PickleValue]) throws(CheckpointError) {
    guard case .sequence(let index) = try top() else { throw bad("a list", try top().kind) }
    heap.sequences[index].append(contentsOf: items)
  }

  private mutating func set(_ items: [PickleValue]) throws(CheckpointError) {
    let pairs = try pairs(items)
    guard case .dictionary(let index) = try top() else { throw bad("a dictionary", try top().kind) }
    heap.dictionaries[index].append(contentsOf: pairs)
  }

  private func pairs(_ items: [PickleValue]) throws(CheckpointError) -> [(key: PickleValue, value: PickleValue)] {
    guard items.count % 2 == 0 else { throw bad("a value for each key", "\(items.count) values") }
    return stride(from: 0, to: items.count, by: 2).map { (items[$0], items[$0 + 1]) }
  }

  private mutating func make(_ opcode: PickleOpcode) throws(CheckpointError) {
    switch opcode {
    case .global:
      let module = text(try reader.line())
      push(.global(try global(module, text(try reader.line()))))
    case .stackGlobal:
      let names = try pop(2)
      guard case .string(let module) = names[0], case .string(let name) = names[1] else {
        throw bad("a module and a name", "\(names[0].kind) and \(names[1].kind)")
      }
      push(.global(try global(module, name)))
    case .inst:
      let module = text(try reader.line())
      let type = PickleValue.global(try global(module, text(try reader.line())))
      push(try call(type, heap.sequence(try popToMark())))
    case .obj:
      let items = try popToMark()
      guard let type = items.first else { throw bad("a class", "none") }
      push(try call(type, heap.sequence(Array(items.dropFirst()))))
    case .newObjEx:
      let items = try pop(3)
      guard case .dictionary(let index) = items[2], heap.dictionaries[index].isEmpty else {
        throw bad("no arguments by name", items[2].kind)
      }
      push(try call(items[0], items[1]))
    case .build:
      let state = try pop()
      try build(try top(), state)
    default:
      let items = try pop(2)
      push(try call(items[0], items[1]))
    }
  }
}
