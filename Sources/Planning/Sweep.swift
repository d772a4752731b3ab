import RecipeSyntax
import StageKit

/// A direction in which a plan is repeated: a swept parameter, or several zipped ones.
struct Sweep {
  /// Qualified by the uses that lead to them: `return_step`, `zombies.return_step`.
  let names: [String]
  /// For each place along it, a value for each name.
  let values: [[Value]]
}

/// A place in the grid of a plan's sweeps: how far along some of them, by their numbers.
struct Point: Hashable {
  private(set) var places: [Int: Int] = [:]

  /// The same place, looked at along these sweeps alone.
  func along(_ sweeps: Set<Int>) -> Point { Point(places: places.filter { sweeps.contains($0.key) }) }

  /// This place, except where `other` says otherwise.
  func moved(to other: Point) -> Point { Point(places: places.merging(other.places) { $1 }) }
}

/// All sweeps of a plan, by number: in the order of the recipe, those of recipes in use behind it.
struct Sweeps {
  /// How many places a grid may have.
  static let limit = 10_000

  private(set) var all: [Sweep] = []

  /// Adds a sweep: its number.
  mutating func add(_ sweep: Sweep) -> Int {
    all.append(sweep)
    return all.count - 1
  }

  /// Every place in the grid of these sweeps, the last of them running fastest; nil for more than ``limit``.
  func points(along sweeps: Set<Int>) -> [Point]? {
    var points = [Point()]
    for sweep in sweeps.sorted() {
      let count = all[sweep].values.count
      guard points.count * count <= Self.limit else { return nil }
      points = points.flatMap { point in (0..<count).map { point.moved(to: Point(places: [sweep: $0])) } }
    }
    return points
  }

  /// The coordinates of a place.
  func axes(of point: Point) -> [Axis] {
    point.places.sorted { $0.key < $1.key }.flatMap { sweep, place in
      zip(all[sweep].names, all[sweep].values[place]).map { Axis(name: $0, value: $1) }
    }
  }

  /// The names of the axes along these sweeps.
  func names(along sweeps: Set<Int>) -> [String] { sweeps.sorted().flatMap { all[$0].names } }

  /// The places along `sweep` where the axis `name` has a value that reads `text`.
  func places(along sweep: Int, where name: String, is text: String) -> [Point] {
    guard let column = all[sweep].names.firstIndex(of: name) else { return [] }
    let wanted = Scalar(text, isPlain: true).value
    return all[sweep].values.indices.filter { place in
      let value = all[sweep].values[place][column]
      return value.text == text || (value.double != nil && value.double == wanted.double)
    }.map { Point(places: [sweep: $0]) }
  }
}
