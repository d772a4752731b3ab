import Synchronization

/// How much arithmetic has been done, for benchmarks: two operations per multiplication of a convolution, counted as a
/// direct one, or of a matrix product.
public enum Work {
  private static let counter = Atomic<Int>(0)

  package static func add(_ multiplications: Int) {
    counter.wrappingAdd(2 * multiplications, ordering: .relaxed)
  }

  /// The operations counted while `body` runs, on whatever threads.
  public static func counted(_ body: () throws -> Void) rethrows -> Int {
    let before = counter.load(ordering: .relaxed)
    try body()
    return counter.load(ordering: .relaxed) - before
  }
}
