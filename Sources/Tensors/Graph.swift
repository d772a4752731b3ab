import Kernels

/// How a tensor was made: what from, and how its gradient becomes theirs.
package final class GraphNode {
  /// The operation's name, as in ``GradientCases``.
  let name: String
  var inputs: [Tensor]
  /// From the gradient of the result to those of `inputs`, nil where none is needed.
  var pullback: ((Tensor) -> [Tensor?])?

  init(name: String, inputs: [Tensor], pullback: @escaping (Tensor) -> [Tensor?]) {
    self.name = name
    self.inputs = inputs
    self.pullback = pullback
  }
}

/// Whether operations record how to differentiate them.
public enum Gradients {
  @TaskLocal static var areRecorded = true

  /// Runs `body` without recording: its results have no gradient, and its intermediates are freed at once.
  public static func off<Result>(_ body: () throws -> Result) rethrows -> Result {
    try $areRecorded.withValue(false, operation: body)
  }
}

extension Tensor {
  /// This tensor as the result of operation `name` on `inputs`.
  ///
  /// `pullback` must not capture the tensor itself (capture `detached`), or the graph would keep itself alive.
  package func recorded(_ name: String, _ inputs: [Tensor], pullback: @escaping (Tensor) -> [Tensor?]) -> Tensor {
    guard inputs.contains(where: \.requiresGradient), Gradients.areRecorded else { return self }
    requiresGradient = true
    node = GraphNode(name: name, inputs: inputs, pullback: pullback)
    return self
  }

  /// Adds to the ``gradient`` of every parameter that this tensor depends on: seed · ∂self/∂parameter.
  ///
  /// Reverse-mode differentiation in one pass over the recorded graph, which is taken apart on the way, so that each
  /// intermediate is freed as soon as it has been used. `seed` has the shape of `self`; one number needs none.
  public func backward(_ seed: Tensor? = nil) {
    precondition(seed != nil || count == 1, "the gradient of shape \(shape) needs a seed")
    precondition(seed == nil || seed!.shape == shape, "a seed of shape \(seed!.shape) for \(shape)")
    var pending: [ObjectIdentifier: Tensor] = [
      ObjectIdentifier(self): seed ?? Tensor(repeating: 1, shape: shape, like: self)
    ]
    var order = topologicalOrder()
    while let tensor = order.popLast() {
      guard let outputGradient = pending.removeValue(forKey: ObjectIdentifier(tensor)) else { continue }
      guard let node = tensor.node else {
        tensor.gradient = tensor.gradient.map { $0.adding(outputGradient) } ?? outputGradient
        continue
      }
      guard let pullback = node.pullback else { preconditionFailure("\(node.name): this graph was used before") }
      let gradients = pullback(outputGradient)
      precondition(gradients.count == node.inputs.count, "\(node.name): one gradient per input")
      for (input, gradient) in zip(node.inputs, gradients) where input.requiresGradient {
        guard let gradient else { preconditionFailure("\(node.name) has no gradient for an input that needs one") }
        precondition(gradient.shape == input.shape, "\(node.name): gradient \(gradient.shape) for \(input.shape)")
        let key = ObjectIdentifier(input)
        pending[key] = pending[key].map { $0.adding(gradient) } ?? gradient
      }
      node.pullback = nil
      node.inputs = []
    }
  }

  /// Every tensor of the graph that gradients flow through, inputs before results.
  private func topologicalOrder() -> [Tensor] {
    var order: [Tensor] = []
    var visited: Set<ObjectIdentifier> = []
    var stack: [(tensor: Tensor, next: Int)] = [(self, 0)]
    visited.insert(ObjectIdentifier(self))
    while let (tensor, next) = stack.last {
      let inputs = tensor.node?.inputs ?? []
      if next == inputs.count {
        order.append(tensor)
        stack.removeLast()
        continue
      }
      stack[stack.count - 1].next += 1
      let input = inputs[next]
      if input.requiresGradient, visited.insert(ObjectIdentifier(input)).inserted { stack.append((input, 0)) }
    }
    return order
  }

  /// self + other, without the graph.
  private func adding(_ other: Tensor) -> Tensor { combine(CK_ADD, self, other) }
}

/// Elements that one thread takes at a time in element-by-element operations.
let elementwiseGrain = 1 << 15
