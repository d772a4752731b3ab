import Foundation

/// A column as people read it: by itself, or a number with the interval in the two columns behind it.
public struct ShownColumn: Sendable {
  /// Its place in the table.
  public let place: Int
  fileprivate let isInterval: Bool

  /// `0.125 ± 0.012`, or `0.125 [0.11, 0.15]` where one side is longer; nil for a column without intervals, and where a
  /// row has none. There are as many digits as two of half the interval's width.
  public func interval(in row: [String]) -> String? {
    guard isInterval, let value = CSV.number(row[place]), let low = CSV.number(row[place + 1]),
      let high = CSV.number(row[place + 2]), value.isFinite, low.isFinite, high.isFinite
    else { return nil }
    let width = (high - low) / 2
    let decimals = width > 0 ? min(max(1 - Int(log10(width).rounded(.down)), 0), 9) : 3
    func text(_ number: Double) -> String { String(format: "%.\(decimals)f", number) }
    let (below, above) = (text(value - low), text(high - value))
    return below == above ? "\(text(value)) ± \(above)" : "\(text(value)) [\(text(low)), \(text(high))]"
  }
}

extension CSV {
  /// The columns, those called `NAME_low` and `NAME_high` right behind `NAME` as the interval of that.
  public var shownColumns: [ShownColumn] {
    var columns: [ShownColumn] = []
    var place = 0
    while place < header.count {
      let isInterval =
        place + 2 < header.count && header[place + 1] == header[place] + "_low"
        && header[place + 2] == header[place] + "_high"
      columns.append(ShownColumn(place: place, isInterval: isInterval))
      place += isInterval ? 3 : 1
    }
    return columns
  }
}
