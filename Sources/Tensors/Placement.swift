import Kernels

// Where tensors lie: in the machine's memory, or in that of a graphics card. An operation is computed where its inputs are, and
// leaves its result there. What goes wrong on a card is its ``GPU/takeFailure()``; until that is asked, nothing more is computed.

extension GPU {
  /// The graphics card on which tensors of float32 are made from numbers; nil for the machine's memory. Those that operations
  /// make lie where their inputs do.
  @TaskLocal package static var current: GPU?

  /// Runs `body` with this card as the ``current`` one.
  package func use<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Self.$current.withValue(self, operation: body)
  }
}

extension Tensor {
  /// The graphics card that it lies on; nil for the machine's memory.
  package var gpu: GPU? { storage.buffer?.device }

  /// Its memory on a graphics card.
  var buffer: GPUBuffer {
    guard let buffer = storage.buffer else {
      preconditionFailure("a tensor \(shape) of the machine's memory meets a card's")
    }
    return buffer
  }

  /// The same elements, without the graph, on a graphics card, or in the machine's memory. O(1) where they are.
  package func placed(on gpu: GPU?) -> Tensor {
    if self.gpu === gpu || !hasValues { return detached }
    precondition(type == .float32, "graphics cards compute in float32")
    let moved = Tensor(uninitialized: shape, type: type, on: gpu)
    if let gpu {
      let host = placed(on: nil)
      gpu.attempt("moving \(shape) to the card") {
        try gpu.write(UnsafeRawBufferPointer(host.floats), to: moved.buffer)
      }
    } else if let card = self.gpu {
      moved.floats.update(repeating: .nan)
      card.attempt("moving \(shape) from the card") {
        try card.read(buffer, to: UnsafeMutableRawBufferPointer(moved.floats))
      }
    }
    return moved
  }

  /// A tensor with arbitrary content where `other` is, of its type.
  convenience init(uninitialized shape: [Int], like other: Tensor) {
    self.init(uninitialized: shape, type: other.type, on: other.gpu)
  }

  /// Every element `value`, where `other` is, of its type.
  public convenience init(repeating value: Double, shape: [Int], like other: Tensor) {
    self.init(repeating: value, shape: shape, type: other.type, on: other.gpu)
  }

  /// Numbers that do not change, where `other` is, of its type. A card keeps them, so that they are brought there once.
  public static func constant(_ values: [Double], shape: [Int], like other: Tensor) -> Tensor {
    guard let gpu = other.gpu else { return Tensor(values, shape: shape).converted(to: other.type) }
    return Tensor(shape: shape, type: .float32, storage: gpu.constant(values.map { Float($0) }))
  }

  /// The results of an operation on inputs that lie in one place, computed there. Where an input has no values, they have none.
  /// - Parameters:
  ///   - shapes: of the results.
  ///   - host: fills them in the machine's memory.
  ///   - card: has that queued on a graphics card.
  static func computed(
    _ name: String, _ shapes: [[Int]], from inputs: [Tensor?], host: ([Tensor]) -> Void,
    card: (GPU, [GPUBuffer]) throws -> Void
  ) -> [Tensor] {
    let inputs = inputs.compactMap(\.self)
    let first = inputs[0]
    guard inputs.allSatisfy(\.hasValues) else { return shapes.map { Tensor(withoutValues: $0, type: first.type) } }
    precondition(inputs.allSatisfy { $0.gpu === first.gpu }, "\(name): its inputs lie in different places")
    let results = shapes.map { Tensor(uninitialized: $0, like: first) }
    if let gpu = first.gpu {
      gpu.attempt("\(name) of \(inputs.map(\.shape))") { try card(gpu, results.map(\.buffer)) }
    } else {
      host(results)
    }
    return results
  }

  /// The only result of such an operation.
  static func computed(
    _ name: String, _ shape: [Int], from inputs: Tensor?..., host: (Tensor) -> Void,
    card: (GPU, GPUBuffer) throws -> Void
  ) -> Tensor {
    computed(name, [shape], from: inputs, host: { host($0[0]) }, card: { try card($0, $1[0]) })[0]
  }
}
