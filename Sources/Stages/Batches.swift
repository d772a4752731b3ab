import StageKit
import Tensors

/// How many pictures of this shape, [1, H, W, C], go into one network evaluation: as many as make 32,768 pixels. For
/// eight of 64² it takes 0.6 of the time of eight evaluations; more pixels at once save no more.
func batchSize(for shape: [Int]) -> Int { max(1, 32_768 / (shape[1] * shape[2])) }

/// The actions of one stage that are done at once, at least one. They differ in their items alone.
extension [any StageContext] {
  /// What is the same for all.
  var common: any StageContext { self[0] }

  /// Tells how far they are, and stops where the run was interrupted.
  func tell(_ step: Int, of total: Int, _ values: [ProgressValue] = []) throws {
    for context in self {
      try context.checkCancellation()
      context.progress(step, of: total, unit: "step", values: values)
    }
  }

  /// Each one's noise for each of `steps` steps, together [N, H, W, 3].
  /// - Parameter shape: of one, [1, H, W, 3].
  func noise(_ shape: [Int], steps: Int, for port: String) throws -> (_ step: Int) throws -> Tensor {
    let sources = try map { try $0.noise(shape, steps: steps, for: port) }
    return { step in try .concatenated(sources.map { try $0(step) }, axis: 0) }
  }
}

extension Tensor {
  /// The parts of a batch [N, …], each [1, …].
  var each: [Tensor] { (0..<shape[0]).map { narrowed(0, $0..<$0 + 1) } }
}
