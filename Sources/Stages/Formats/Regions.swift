import StageKit

// Places in pictures as recipes give them: in pixels from the top left corner, or in shares of the picture's sides.

/// What the parameters that give places say of the two units.
let regionUnits = "in pixels, or in shares of the picture where none is above 1."

extension [Double] {
  /// What is wrong with a box [left, top, right, bottom].
  func boxIssues(about property: StageProperty) -> [ValidationIssue] {
    if count != 4 {
      return [
        ValidationIssue(about: property, "'\(property.name)' has \(count) numbers: give [left, top, right, bottom]")
      ]
    }
    guard self[0] < self[2], self[1] < self[3] else {
      return [
        ValidationIssue(
          about: property, "'\(property.name)' holds nothing: left must be below right, and top below bottom")
      ]
    }
    return unitIssues(about: property)
  }

  /// What is wrong with places of which some can only be shares and some only pixels.
  func unitIssues(about property: StageProperty) -> [ValidationIssue] {
    // Where none is above 1, a whole side is a share as well.
    let share = first { $0 > 0 && (areShares ? $0 <= 1 : $0 < 1) }
    guard let share, let pixel = first(where: { $0 > 1 || $0 < -1 }) else { return [] }
    return [
      ValidationIssue(
        about: property,
        "'\(property.name)' has \(Readable.number(share)) beside \(Readable.number(pixel)): give all in pixels, or all in shares of the picture, of which none is above 1"
      )
    ]
  }

  /// Whether they are taken for shares of a picture's sides.
  private var areShares: Bool { allSatisfy { $0 <= 1 } }

  /// Points of x and y in turn, in pixels of a picture of this size: those given in shares are of its sides.
  func points(in size: PictureSize) -> [(x: Double, y: Double)] {
    let areShares = areShares
    return stride(from: 0, to: count, by: 2).map { place in
      let (x, y) = (self[place], self[place + 1])
      return areShares ? (x * Double(size.width), y * Double(size.height)) : (x, y)
    }
  }
}
