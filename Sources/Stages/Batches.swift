import StageKit
import Tensors

/// How many pictures of this shape, [1, H, W, C], go into one network evaluation: as many as make 32,768 pixels. For
/// eight of 64² it takes 0.6 of the time of eight evaluations; more pixels at once save no more.
func batchSize(for shape: [Int]) -> Int { max(1, 32_768 / (shape[1] * shape[2])) }

extension [any StageContext] {
  /// Tells how far actions that are done at once are, and stops where the run was interrupted.
  func tell(_ step: Int, of total: Int, _ values: [ProgressValue] = []) throws {
    for context in self {
      try context.checkCancellation()
      context.progress(step, of: total, unit: "step", values: values)
    }
  }
}

extension Array {
  /// What each of several actions has for each of the steps that they take at once, together [N, H, W, 3].
  func together(
    _ part: (Element) throws -> ((_ step: Int) throws -> Tensor)
  ) rethrows -> ((_ step: Int) throws -> Tensor) {
    let parts = try map(part)
    return { step in try .concatenated(parts.map { try $0(step) }, axis: 0) }
  }
}

extension Tensor {
  /// The parts of a batch [N, …], each [1, …].
  var each: [Tensor] { (0..<shape[0]).map { narrowed(0, $0..<$0 + 1) } }
}
