import RecipeSyntax

/// Puts stages, and the links between them, behind those that they depend on.
struct StageOrder {
  /// The numbers in such an order: the recipe's, except that what something needs is moved before it.
  private(set) var order: [Int] = []
  /// Each circle once, of very many the first: every number in it needs the next one, and the last is the first again.
  private(set) var circles: [[Int]] = []

  /// O(dependencies), and the lengths of the circles.
  /// - Parameter dependencies: for each number, those that it needs.
  init(dependencies: [[Int]]) {
    enum State { case new, open, done }
    var states = Array(repeating: State.new, count: dependencies.count)
    // The path from a stage to what is looked at: each stage, and how many of its dependencies have been.
    var path: [(stage: Int, seen: Int)] = []
    for start in dependencies.indices where states[start] == .new {
      path.append((start, 0))
      states[start] = .open
      while let (stage, seen) = path.last {
        guard seen < dependencies[stage].count else {
          states[stage] = .done
          order.append(stage)
          path.removeLast()
          continue
        }
        path[path.count - 1].seen += 1
        let next = dependencies[stage][seen]
        switch states[next] {
        case .done: break
        case .new:
          states[next] = .open
          path.append((next, 0))
        case .open where circles.count < Problems.limit:
          circles.append(path.map(\.stage).drop { $0 != next } + [next])
        case .open: break
        }
      }
    }
  }
}
