import Tensors

/// How far a tensor is from what it should be: the largest difference of two elements, and where.
///
/// Not a number, and a different shape, are infinitely far from everything.
package struct TensorDifference: CustomStringConvertible {
  package let foundShape: [Int]
  package let expectedShape: [Int]
  /// The largest |found − expected|.
  package let absolute: Double
  /// `absolute` over the largest |expected|.
  package let relative: Double
  /// The index of that element, and its two values.
  package let place: [Int]
  package let found: Double
  package let expected: Double

  package init(_ found: Tensor, _ expected: Tensor) {
    (foundShape, expectedShape) = (found.shape, expected.shape)
    guard found.shape == expected.shape else {
      (absolute, relative, place, self.found, self.expected) = (.infinity, .infinity, [], .nan, .nan)
      return
    }
    let (a, b) = (found.doubleValues, expected.doubleValues)
    var worst = 0
    var largest = -1.0
    for index in a.indices {
      let distance = abs(a[index] - b[index])
      if distance.isNaN || distance > largest { (worst, largest) = (index, distance.isNaN ? .infinity : distance) }
      if largest == .infinity { break }
    }
    absolute = max(0, largest)
    let magnitude = b.reduce(0) { max($0, abs($1)) }
    relative = absolute == 0 ? 0 : magnitude.isFinite ? absolute / magnitude : .infinity
    (self.found, self.expected) = a.isEmpty ? (0, 0) : (a[worst], b[worst])
    var place: [Int] = []
    var rest = worst
    for size in found.shape.reversed() {
      place.insert(size == 0 ? 0 : rest % size, at: 0)
      rest /= max(1, size)
    }
    self.place = place
  }

  package var description: String {
    guard foundShape == expectedShape else { return "shape \(foundShape), expected \(expectedShape)" }
    return "largest error \(absolute), \(relative) of the largest value, "
      + "at \(place) of \(foundShape): \(found), expected \(expected)"
  }
}
