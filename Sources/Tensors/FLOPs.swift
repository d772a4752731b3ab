/// Floating-point operations: two for each multiplication of a matrix product, or of a convolution counted as a direct
/// one, whatever the method by which it is computed.
///
/// Operations count what they are asked for, with and without values: of a tensor without values
/// (``Tensor/init(withoutValues:type:)``) a network's work is known without doing it.
public enum FLOPs {
  /// Only the thread of the task that counts changes it.
  private final class Counter: @unchecked Sendable {
    var total = 0.0
  }

  @TaskLocal private static var counter: Counter?

  /// Counts the product of `sizes` as multiplications. (A `Double` holds also what no memory does.)
  static func add(multiplications sizes: Int...) {
    guard let counter else { return }
    counter.total += sizes.reduce(2) { $0 * Double($1) }
  }

  /// The operations that `body` asks for.
  public static func counted(_ body: () throws -> Void) rethrows -> Double {
    let counter = Counter()
    try $counter.withValue(counter, operation: body)
    Self.counter?.total += counter.total
    return counter.total
  }
}
