import RecipeSyntax

/// Puts stages behind those that they depend on.
enum StageOrder {
  /// The indices of the stages in such an order: the recipe's, except that what a stage needs is moved before it.
  /// Each cycle is reported once, as a path. O(stages + dependencies).
  /// - Parameter dependencies: for each stage, the index of each stage that it needs, and where it says so.
  static func sorted(
    names: [String], dependencies: [[(stage: Int, location: SourceLocation)]], into problems: inout Problems
  ) -> [Int] {
    enum State { case new, open, done }
    var states = Array(repeating: State.new, count: names.count)
    var order: [Int] = []
    // The path from a stage to what is looked at: each stage, and how many of its dependencies have been.
    var path: [(stage: Int, seen: Int)] = []
    for start in names.indices where states[start] == .new {
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
        switch states[next.stage] {
        case .done: break
        case .new:
          states[next.stage] = .open
          path.append((next.stage, 0))
        case .open:
          let cycle = path.map(\.stage).drop { $0 != next.stage } + [next.stage]
          problems.report(
            "stages need each other in a circle: " + cycle.map { names[$0] }.joined(separator: " -> "),
            at: next.location, hint: "let one of them take its input from elsewhere")
        }
      }
    }
    return order
  }
}
