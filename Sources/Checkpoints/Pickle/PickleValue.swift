/// A value that a pickle describes. Whatever holds others lies on a ``PickleHeap`` and is named by its place there, so
/// that values which hold themselves, or lie a million deep, are harmless.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  /// An integer of more than 64 bits, as digits.
  case long(String)
  case float(Double)
  case string(String)
  case bytes([UInt8])
  case global(PickleGlobal)
  /// A list, tuple or set.
  case sequence(Int)
  case dictionary(Int)
  case object(Int)
  case storage(Int)
  case tensor(Int)

  /// What it is, for messages.
  var kind: String {
    switch self {
    case .none: "None"
    case .bool(let flag): flag ? "True" : "False"
    case .int(let number): "the number \(number)"
    case .long: "a number of more than 64 bits"
    case .float(let number): "the number \(number)"
    case .string(let text): "the text '\(text.prefix(40))'"
    case .bytes: "bytes"
    case .global(let global): "'\(global)'"
    case .sequence: "a list or tuple"
    case .dictionary: "a dictionary"
    case .object: "an object"
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// What the values of one pickle refer to.
struct PickleHeap {
  /// An object of a class that is not known here: its fields.
  struct Object {
    let type: String
    var state: PickleValue
  }

  /// A run of numbers, which other bytes of the file hold.
  struct Storage {
    let type: StoredType
    let key: String
    /// The length of the whole storage, in numbers.
    let count: Int
    /// The part of it that is meant, in numbers.
    let view: Range<Int>
  }

  struct Tensor {
    let storage: Int
    let offset: Int
    let shape: [Int]
    let strides: [Int]
  }

  var sequences: [[PickleValue]] = []
  var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  var objects: [Object] = []
  var storages: [Storage] = []
  var tensors: [Tensor] = []

  mutating func sequence(_ items: [PickleValue]) -> PickleValue {
    sequences.append(items)
    return .sequence(sequences.count - 1)
  }

  mutating func dictionary(_ items: [(key: PickleValue, value: PickleValue)]) -> PickleValue {
    dictionaries.append(items)
    return .dictionary(dictionaries.count - 1)
  }

  mutating func object(_ type: String, _ state: PickleValue) -> PickleValue {
    objects.append(Object(type: type, state: state))
    return .object(objects.count - 1)
  }
}
