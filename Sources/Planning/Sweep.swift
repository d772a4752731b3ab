import RecipeSyntax
import StageKit

/// A direction in which a plan is repeated: a swept parameter, or several zipped ones.
struct Sweep {
  /// Qualified by the uses that lead to them: `target`, `zombies.target`.
  let names: [String]
  /// For each place along it, a value for each name.
  let values: [[Value]]
  /// How many of the names tell the places apart: of zipped sweeps the first, mostly.
  let labels: Int
  /// For each name, the places that have a value, by all that can mean it.
  private let places: [[Value: [Int]]]

  init(names: [String], values: [[Value]]) {
    (self.names, self.values) = (names, values)
    labels =
      (1...max(1, names.count)).first { count in Set(values.map { Array($0.prefix(count)) }).count == values.count }
      ?? names.count
    places = names.indices.map { column in
      values.indices.reduce(into: [:]) { places, place in
        for key in values[place][column].referenceKeys { places[key, default: []].append(place) }
      }
    }
  }

  /// The places where the axis `name` has the value that `text` means.
  func places(where name: String, is text: String) -> [Int] {
    guard let column = names.firstIndex(of: name) else { return [] }
    return Value.referenceKeys(for: text).lazy.compactMap { places[column][$0] }.first ?? []
  }
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

  /// How many places the grid of these sweeps has; nil for more than ``limit``.
  func count(along sweeps: Set<Int>) -> Int? {
    var count = 1
    for sweep in sweeps {
      count *= all[sweep].values.count
      if count > Self.limit { return nil }
    }
    return count
  }

  /// Every place in the grid of these sweeps, the last of them running fastest; nil for more than ``limit``.
  func points(along sweeps: Set<Int>) -> [Point]? {
    guard count(along: sweeps) != nil else { return nil }
    var points = [Point()]
    for sweep in sweeps.sorted() {
      let count = all[sweep].values.count
      points = points.flatMap { point in (0..<count).map { point.moved(to: Point(places: [sweep: $0])) } }
    }
    return points
  }

  /// The coordinates of a place; of zipped sweeps, no more than tell it from others.
  func axes(of point: Point) -> [Axis] {
    point.places.sorted { $0.key < $1.key }.flatMap { sweep, place in
      zip(all[sweep].names, all[sweep].values[place]).prefix(all[sweep].labels).map { Axis(name: $0, value: $1) }
    }
  }

  /// The names of the axes along these sweeps.
  func names(along sweeps: Set<Int>) -> [String] { sweeps.sorted().flatMap { all[$0].names } }

  /// The places along `sweep` where the axis `name` has the value that `text` means.
  func places(along sweep: Int, where name: String, is text: String) -> [Point] {
    all[sweep].places(where: name, is: text).map { Point(places: [sweep: $0]) }
  }
}
