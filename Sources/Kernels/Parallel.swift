import Synchronization

/// How the work of a tensor operation is spread over threads. The only place in the engine that starts any.
public enum Parallel {
  private static let limit = Atomic<Int>(0)

  /// How many threads an operation may use; the number of cores unless set.
  public static var threads: Int {
    get {
      let set = limit.load(ordering: .relaxed)
      return set > 0 ? set : max(1, processorCount)
    }
    set { limit.store(max(1, newValue), ordering: .relaxed) }
  }

  private static let processorCount = ProcessorCount.available

  /// Runs `body` once for each of `count` independent pieces, on up to ``threads`` threads; returns when all are done.
  ///
  /// Which thread runs a piece is left to chance, so pieces must not share what they write, and how the work is cut
  /// into pieces must not depend on the number of threads: then results do not either.
  public static func forEach(_ count: Int, _ body: (Int) -> Void) {
    WorkerPool.shared.run(count, helpers: min(threads, count) - 1, body)
  }

  /// Runs `body` on consecutive ranges of at most `grain` that cover 0..<count.
  public static func forEachRange(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    let pieces = (count + grain - 1) / grain
    forEach(pieces) { body($0 * grain..<min(count, ($0 + 1) * grain)) }
  }
}
