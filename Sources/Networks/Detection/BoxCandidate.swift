import Imaging

/// A place where a face may be. Edges are as facenet-pytorch has them, in float32: pixel i has its center at i.
struct BoxCandidate {
  var left, top, right, bottom: Float
  /// How sure it is, of 1.
  var score: Float
  /// How far the face's edges lie from these, in parts of a side: left, top, right, bottom.
  var regression: [Float]
  /// x of the five landmarks, then y.
  var landmarks: [Float] = []

  private var width: Float { right - left }
  private var height: Float { bottom - top }

  /// With its edges where the regression has them.
  /// - Parameter added: to the sides' lengths: the networks behind the first one count an edge's pixels.
  func moved(adding added: Float = 1) -> BoxCandidate {
    let (w, h) = (width + added, height + added)
    var moved = self
    moved.left = left + regression[0] * w
    moved.top = top + regression[1] * h
    moved.right = right + regression[2] * w
    moved.bottom = bottom + regression[3] * h
    return moved
  }

  /// The square of its longer side around its center.
  var squared: BoxCandidate {
    let side = max(width, height)
    var square = self
    square.left = left + width * 0.5 - side * 0.5
    square.top = top + height * 0.5 - side * 0.5
    square.right = square.left + side
    square.bottom = square.top + side
    return square
  }

  /// Whether it lies anywhere near a picture: weights that are of no use may send it far away.
  var isUsable: Bool {
    // Also false for what is not a number.
    [left, top, right, bottom].allSatisfy { abs($0) < 1e7 } && width > 0 && height > 0
      && landmarks.allSatisfy { abs($0) < 1e7 }
  }

  /// The columns and rows of a picture that it covers; nil for none.
  func pixels(in image: Image) -> (columns: Range<Int>, rows: Range<Int>)? {
    let (x, y) = (max(1, Int(left)) - 1, max(1, Int(top)) - 1)
    let (endX, endY) = (min(image.width, Int(right)), min(image.height, Int(bottom)))
    return endX > x && endY > y ? (x..<endX, y..<endY) : nil
  }

  /// Of what an overlap is a part.
  enum Overlap { case ofUnion, ofSmaller }

  private func overlap(with other: BoxCandidate, _ overlap: Overlap) -> Float {
    let extra: Float = overlap == .ofSmaller ? 1 : 0
    func area(_ box: BoxCandidate) -> Float { (box.width + extra) * (box.height + extra) }
    let w = max(0, min(right, other.right) - max(left, other.left) + extra)
    let h = max(0, min(bottom, other.bottom) - max(top, other.top) + extra)
    let common = w * h
    return common / (overlap == .ofUnion ? area(self) + area(other) - common : min(area(self), area(other)))
  }

  /// Non-maximum suppression: those of which no better one overlaps more than `limit`, the best first.
  ///
  /// Only those of neighboring cells can overlap, where a cell is as large as the largest of them: near-linear in their
  /// number for boxes of one size.
  static func best(of boxes: [BoxCandidate], overlapping limit: Float, _ overlap: Overlap) -> [BoxCandidate] {
    struct Cell: Hashable { let x, y: Int }
    let side = boxes.reduce(1) { max($0, $1.width, $1.height) } + 1
    let order = boxes.indices.sorted { (boxes[$1].score, $0) < (boxes[$0].score, $1) }
    var kept: [BoxCandidate] = []
    var cells: [Cell: [Int]] = [:]
    for place in order {
      let box = boxes[place]
      let (x, y) = (Int((box.left / side).rounded(.down)), Int((box.top / side).rounded(.down)))
      let isSuppressed = (x - 1...x + 1).contains { x in
        (y - 1...y + 1).contains { y in
          cells[Cell(x: x, y: y), default: []].contains { kept[$0].overlap(with: box, overlap) > limit }
        }
      }
      guard !isSuppressed else { continue }
      cells[Cell(x: x, y: y), default: []].append(kept.count)
      kept.append(box)
    }
    return kept
  }
}
