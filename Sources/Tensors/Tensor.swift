import Kernels

/// A dense array of numbers in row-major order, and, where gradients are recorded, a node of the graph that made it.
///
/// Letters in shapes, here and everywhere: N items, H rows, W columns, C channels, T tokens, D width, K classes.
/// Images are channels-last, [N, H, W, C].
public final class Tensor {
  public let shape: [Int]
  public let type: ScalarType
  package let storage: Storage
  /// How it was made, where the graph was recorded; nil for parameters and inputs.
  package internal(set) var node: GraphNode?
  /// Whether gradients flow to (and through) this tensor.
  public internal(set) var requiresGradient: Bool
  /// Σ of the gradients that ``backward(_:)`` brought here, for a parameter.
  public var gradient: Tensor?

  package init(shape: [Int], type: ScalarType, storage: Storage, requiresGradient: Bool = false) {
    self.shape = shape
    self.type = type
    self.storage = storage
    self.requiresGradient = requiresGradient
  }

  /// A tensor with arbitrary content, for operations that are about to fill it.
  /// - Parameter gpu: the graphics card that it is to lie on; nil for the machine's memory.
  package convenience init(uninitialized shape: [Int], type: ScalarType, on gpu: GPU? = nil) {
    let bytes = max(1, shape.reduce(1, *)) * type.size
    self.init(shape: shape, type: type, storage: gpu.map { Storage(bytes: bytes, on: $0) } ?? Storage(bytes: bytes))
  }

  /// A tensor of which only the shape is known. Operations on it tell their result's shape and count their
  /// ``FLOPs``; they compute nothing, and the result has no values either.
  public convenience init(withoutValues shape: [Int], type: ScalarType = .float32) {
    self.init(shape: shape, type: type, storage: .none)
  }

  /// Whether it has values, or only a shape.
  public var hasValues: Bool { storage.bytes > 0 }

  /// The result of an operation on `inputs` where one of them has no values, else nil.
  static func withoutValues(_ shape: [Int], from inputs: Tensor?...) -> Tensor? {
    guard let input = inputs.lazy.compactMap({ $0 }).first(where: { !$0.hasValues }) else { return nil }
    return Tensor(withoutValues: shape, type: input.type)
  }

  public var count: Int { shape.reduce(1, *) }
  public var rank: Int { shape.count }

  package var pointer: UnsafeMutableRawPointer {
    precondition(hasValues, "a tensor \(shape) without values is read")
    return storage.pointer
  }
  package func pointer(at element: Int) -> UnsafeMutableRawPointer { pointer + element * type.size }

  /// The size along `axis`; negative axes count from the last.
  public func size(_ axis: Int) -> Int { shape[axis < 0 ? shape.count + axis : axis] }

  // MARK: Making tensors

  /// Every element `value`; of float32, on the ``GPU/current`` graphics card, if there is one.
  public convenience init(repeating value: Double, shape: [Int], type: ScalarType = .float32) {
    self.init(repeating: value, shape: shape, type: type, on: type == .float32 ? GPU.current : nil)
  }

  /// Every element `value`.
  convenience init(repeating value: Double, shape: [Int], type: ScalarType, on gpu: GPU?) {
    self.init(uninitialized: shape, type: type, on: gpu)
    guard let gpu else {
      fill(with: value)
      return
    }
    gpu.attempt("fill \(shape)") { try gpu.fill(buffer, with: value, count: count) }
  }

  /// Makes every element `value`, of a tensor of the machine's memory that nobody has seen.
  func fill(with value: Double) {
    switch type {
    case .float32: floats.update(repeating: Float(value))
    case .float64: doubles.update(repeating: value)
    }
  }

  public static func zeros(_ shape: [Int], type: ScalarType = .float32) -> Tensor {
    Tensor(repeating: 0, shape: shape, type: type)
  }

  /// `values` in row-major order, on the ``GPU/current`` graphics card, if there is one.
  public convenience init(_ values: [Float], shape: [Int]) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
    if let gpu = GPU.current {
      self.init(shape: shape, type: .float32, storage: gpu.placed(values))
      return
    }
    self.init(uninitialized: shape, type: .float32)
    values.withUnsafeBufferPointer { _ = floats.update(fromContentsOf: $0) }
  }

  public convenience init(_ values: [Double], shape: [Int]) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values for shape \(shape)")
    self.init(uninitialized: shape, type: .float64)
    values.withUnsafeBufferPointer { _ = doubles.update(fromContentsOf: $0) }
  }

  /// Elements as Float, to be read, or written by whoever just made the tensor. Only for `float32`.
  package var floats: UnsafeMutableBufferPointer<Float> {
    precondition(type == .float32)
    return UnsafeMutableBufferPointer(start: pointer.assumingMemoryBound(to: Float.self), count: count)
  }

  package var doubles: UnsafeMutableBufferPointer<Double> {
    precondition(type == .float64)
    return UnsafeMutableBufferPointer(start: pointer.assumingMemoryBound(to: Double.self), count: count)
  }

  /// A copy of the elements.
  public var values: [Float] {
    guard gpu == nil else { return placed(on: nil).values }
    return type == .float32 ? Array(floats) : doubles.map { Float($0) }
  }

  /// A copy of the elements in double precision.
  public var doubleValues: [Double] {
    guard gpu == nil else { return placed(on: nil).doubleValues }
    return type == .float64 ? Array(doubles) : floats.map { Double($0) }
  }

  /// The only element.
  public var item: Double {
    precondition(count == 1, "shape \(shape) is not a single number")
    guard gpu == nil else { return placed(on: nil).item }
    return type == .float32 ? Double(floats[0]) : doubles[0]
  }

  /// The same elements without the graph. Shares memory. O(1).
  public var detached: Tensor { Tensor(shape: shape, type: type, storage: storage) }

  /// A parameter with a copy of these elements: gradients flow to it.
  public func parameterCopy() -> Tensor {
    let copy = Tensor(uninitialized: shape, like: self)
    copy.takeElements(of: self)
    copy.requiresGradient = true
    return copy
  }

  /// Turns the flow of gradients to this parameter on or off. Only for tensors that no operation made.
  public func setRequiresGradient(_ flag: Bool) {
    precondition(node == nil, "only a parameter can be switched")
    requiresGradient = flag
    if !flag { gradient = nil }
  }

  /// The elements converted to `type`, without the graph: in the machine's memory where the type is another one, as graphics
  /// cards compute in float32.
  public func converted(to type: ScalarType) -> Tensor {
    if type == self.type { return detached }
    guard hasValues else { return Tensor(withoutValues: shape, type: type) }
    guard gpu == nil else { return placed(on: nil).converted(to: type) }
    let converted = Tensor(uninitialized: shape, type: type)
    switch type {
    case .float32: for (place, value) in doubles.enumerated() { converted.floats[place] = Float(value) }
    case .float64: for (place, value) in floats.enumerated() { converted.doubles[place] = Double(value) }
    }
    return converted
  }
}

extension Tensor {
  /// Overwrites a parameter's elements with those of `other`, of the same shape, wherever that lies.
  public func assign(_ other: Tensor) {
    precondition(node == nil && other.shape == shape && other.type == type, "\(other.shape) into \(shape)")
    takeElements(of: other.placed(on: gpu))
    storage.contentChanged()
  }

  fileprivate func takeElements(of other: Tensor) {
    guard let gpu else {
      return pointer.copyMemory(from: other.pointer, byteCount: count * type.size)
    }
    gpu.attempt("copying \(shape)") { try gpu.copy(other.buffer, to: buffer, bytes: count * type.size) }
  }

  /// Σ x² in double precision, without the graph.
  package var squaredLength: Double { Self.squaredLength(of: [self]) }

  /// Σ x² over all elements of tensors that lie in one place. A graphics card is asked once.
  package static func squaredLength(of tensors: [Tensor]) -> Double {
    guard let gpu = tensors.first?.gpu else {
      return tensors.reduce(0) { $0 + ck_dot($1.type.rawValue, $1.pointer, $1.pointer, $1.count) }
    }
    let squares = Tensor(uninitialized: [tensors.count], type: .float32, on: gpu)
    gpu.attempt("the lengths of \(tensors.count) tensors") {
      for (place, x) in tensors.enumerated() {
        try gpu.sum(x.buffer, times: x.buffer, into: squares.buffer, at: place, count: x.count)
      }
    }
    return squares.doubleValues.reduce(0, +)
  }

  /// The only elements of tensors that lie in one place. A graphics card is asked once.
  public static func items(of tensors: [Tensor]) -> [Double] {
    guard tensors.count > 1, tensors[0].gpu != nil else { return tensors.map(\.item) }
    return Gradients.off { concatenated(tensors.map { $0.detached.reshaped([1]) }, axis: 0) }.doubleValues
  }
}
