import Tensors

/// A tensor as it lies in a file: a view of a storage that may be shared, strided and of any type.
///
/// Element [i, j, …] is number `offset` + i · `strides[0]` + j · `strides[1]` + … of the storage. Every element is known
/// to lie within it. Nothing is read before ``tensor`` is asked for.
public struct StoredTensor: Sendable {
  public let type: StoredType
  public let shape: [Int]
  /// The distance between neighbors along each axis, in elements; 0 where one element is repeated.
  public let strides: [Int]
  /// The place of the first element in the storage, in elements.
  public let offset: Int
  private let file: FileBytes
  /// The storage's bytes in the file.
  private let storage: Range<Int>

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The most axes that a tensor may have, PyTorch's limit.
  static let rankLimit = 64

  /// A view of the bytes `storage` of `file`; `name` is for messages.
  /// - Throws: ``CheckpointError/badTensor(file:tensor:expected:found:)`` if an element lies outside the storage.
  init(
    _ type: StoredType, shape: [Int], strides: [Int], offset: Int, storage: Range<Int>, of file: FileBytes,
    name: String, source: String
  ) throws(CheckpointError) {
    func bad(_ expected: String, _ found: String) -> CheckpointError {
      .badTensor(file: source, tensor: name, expected: expected, found: found)
    }
    guard shape.count <= Self.rankLimit else { throw bad("at most \(Self.rankLimit) axes", "\(shape.count)") }
    guard Self.elements(shape) != nil else { throw bad("a shape of sizes that fit in memory", "\(shape)") }
    guard strides.count == shape.count, strides.allSatisfy({ $0 >= 0 }) else {
      throw bad("a stride ≥ 0 for each axis of \(shape)", "\(strides)")
    }
    guard offset >= 0 else { throw bad("an offset ≥ 0", "\(offset)") }
    let held = storage.count / type.size
    if !shape.contains(0) {
      var last = offset
      var overflow = false
      for (size, stride) in zip(shape, strides) {
        let reach = (size - 1).multipliedReportingOverflow(by: stride)
        let sum = last.addingReportingOverflow(reach.partialValue)
        last = sum.partialValue
        overflow = overflow || reach.overflow || sum.overflow
      }
      guard !overflow, last < held else {
        throw bad(
          "elements within its storage of \(held)",
          "shape \(shape), strides \(strides), offset \(offset)")
      }
    }
    self.type = type
    self.shape = shape
    self.strides = strides
    self.offset = offset
    self.storage = storage
    self.file = file
  }

  /// The number of elements of `shape`; nil where their bytes could not be counted. Axes of size 0 do not excuse others.
  static func elements(_ shape: [Int]) -> Int? {
    var bytes = 8
    for size in shape {
      guard size >= 0 else { return nil }
      let product = bytes.multipliedReportingOverflow(by: max(1, size))
      guard !product.overflow else { return nil }
      bytes = product.partialValue
    }
    return shape.contains(0) ? 0 : bytes / 8
  }

  /// The strides of a tensor of `shape` whose elements follow one another, the last axis fastest.
  static func rowMajor(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] &* max(1, shape[axis + 1]) }
    return strides
  }

  /// Whether the elements follow one another in the storage as they do in memory.
  private var isRowMajor: Bool {
    zip(shape, zip(strides, Self.rowMajor(shape))).allSatisfy { size, strides in size == 1 || strides.0 == strides.1 }
  }

  /// The numbers as a float32 tensor in row-major order, read from the file now.
  public var tensor: Tensor {
    let count = count
    guard count > 0 else { return Tensor(uninitialized: shape, type: .float32) }
    if isRowMajor {
      let start = storage.lowerBound + offset * type.size
      return file.readOnce(start..<start + count * type.size) { type.tensor($0, shape) }
    }
    return file.readOnce(storage) { bytes in
      switch type.size {
      case 1: gathered(bytes, UInt8.self)
      case 2: gathered(bytes, UInt16.self)
      case 4: gathered(bytes, UInt32.self)
      default: gathered(bytes, UInt64.self)
      }
    }
  }

  /// The elements brought together in row-major order, then converted; `Bits` has their size.
  private func gathered<Bits: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, _: Bits.Type) -> Tensor {
    let count = count
    let elements = [Bits](unsafeUninitializedCapacity: count) { buffer, filled in
      var index = [Int](repeating: 0, count: shape.count)
      var place = offset
      while filled < count {
        let last = shape.count - 1
        for position in 0..<shape[last] {
          let element = place + position * strides[last]
          buffer[filled] = bytes.loadUnaligned(fromByteOffset: element * type.size, as: Bits.self)
          filled += 1
        }
        // The next row, as an odometer turns.
        for axis in (0..<last).reversed() {
          index[axis] += 1
          place += strides[axis]
          if index[axis] < shape[axis] { break }
          place -= shape[axis] * strides[axis]
          index[axis] = 0
        }
      }
    }
    return elements.withUnsafeBytes { type.tensor($0, shape) }
  }
}
