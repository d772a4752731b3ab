import Imaging
import Kernels
import Tensors

extension MTCNN {
  /// How sure the networks must be, of 1, one after the other, as facenet-pytorch has it.
  private static let thresholds: [Float] = [0.6, 0.7, 0.7]
  /// From one scale to the next.
  private static let factor = 0.709
  /// Windows of the first network on a side of a tile: what is in memory at once does not grow with the picture.
  private static let tile = 256
  /// More proposals than this, the best of them, are of no picture with faces.
  private static let mostProposals = 50_000
  /// Pictures in one evaluation of the second and third network.
  private static let batch = 128

  /// The faces in a picture, the largest first, as facenet-pytorch finds them.
  ///
  /// O(pixels · (12/minimumSize)²) for the first network, and linear in the number of proposals for the others.
  ///
  /// - Parameters:
  ///   - minimumSize: of the faces that are looked for, in pixels; at least 12.
  ///   - step: called now and then; what it throws ends the search.
  public func faces(in image: Image, minimumSize: Int, step: () throws -> Void = {}) rethrows -> [DetectedFace] {
    precondition(minimumSize >= ProposalNetwork.window, "faces of \(minimumSize) pixels are too small")
    return try Gradients.off {
      var proposals: [BoxCandidate] = []
      for scale in Self.scales(width: image.width, height: image.height, minimumSize: minimumSize) {
        let found = try self.proposals(image, scale: scale, step)
        // Those of two scales differ too much in size for one to suppress the other.
        proposals += BoxCandidate.best(of: found, overlapping: 0.5, .ofUnion)
      }
      if proposals.count > Self.mostProposals {
        proposals = Array(proposals.sorted { $0.score > $1.score }[..<Self.mostProposals])
      }
      let squares = proposals.map { $0.moved(adding: 0).squared }
      let refined = try refined(squares, image, step)
      return try decided(refined, image, step).sorted { ($1.area, $0.top, $0.left) < ($0.area, $1.top, $1.left) }
    }
  }

  /// At which the first network's windows are faces of `minimumSize` and more.
  private static func scales(width: Int, height: Int, minimumSize: Int) -> [Double] {
    var scale = Double(ProposalNetwork.window) / Double(minimumSize)
    var side = Double(min(width, height)) * scale
    var scales: [Double] = []
    while side >= Double(ProposalNetwork.window) {
      scales.append(scale)
      scale *= factor
      side *= factor
    }
    return scales
  }

  /// What the first network takes for faces at a scale.
  private func proposals(_ image: Image, scale: Double, _ step: () throws -> Void) rethrows -> [BoxCandidate] {
    let (width, height) = (Int(Double(image.width) * scale + 1), Int(Double(image.height) * scale + 1))
    let (columns, rows) = (ProposalNetwork.count(along: width), ProposalNetwork.count(along: height))
    /// The pixels that windows from `first` on see: up to the edge where no tile follows.
    func pixels(from first: Int, of count: Int, _ side: Int) -> Range<Int> {
      let reach = ProposalNetwork.step * (first + Self.tile) + ProposalNetwork.window - ProposalNetwork.step
      return ProposalNetwork.step * first..<(first + Self.tile < count ? reach : side)
    }
    var found: [BoxCandidate] = []
    for top in stride(from: 0, to: rows, by: Self.tile) {
      for left in stride(from: 0, to: columns, by: Self.tile) {
        try step()
        let (across, down) = (pixels(from: left, of: columns, width), pixels(from: top, of: rows, height))
        let x = Tensor(uninitialized: [1, down.count, across.count, 3], type: .float32)
        let line = across.count * 3
        let values = x.floats
        Parallel.forEachRange(down.count, grain: 16) { part in
          let means = image.cellMeans(
            x: 0..<image.width, y: 0..<image.height, width: width, height: height, columns: across,
            rows: down.lowerBound + part.lowerBound..<down.lowerBound + part.upperBound)
          for (place, mean) in means.enumerated() { values[part.lowerBound * line + place] = mean }
        }
        let (probability, box) = proposal(Self.normalized(x))
        let (scores, edges) = (probability.floats, box.floats)
        let tileColumns = probability.shape[2]
        for place in 0..<probability.count / 2 where scores[2 * place + 1] >= Self.thresholds[0] {
          let (row, column) = (top + place / tileColumns, left + place % tileColumns)
          /// Of the window's edges in the picture, in single precision as the original has it.
          func edge(_ index: Int, _ offset: Int) -> Float {
            (Float(ProposalNetwork.step * index + offset) / Float(scale)).rounded(.down)
          }
          found.append(
            BoxCandidate(
              left: edge(column, 1), top: edge(row, 1), right: edge(column, ProposalNetwork.window),
              bottom: edge(row, ProposalNetwork.window), score: scores[2 * place + 1],
              regression: (0..<4).map { edges[4 * place + $0] }))
        }
      }
    }
    return found
  }

  /// What the second network leaves of proposals.
  private func refined(
    _ boxes: [BoxCandidate], _ image: Image, _ step: () throws -> Void
  ) rethrows -> [BoxCandidate] {
    var passed: [BoxCandidate] = []
    try inBatches(boxes, of: image, side: RefinementNetwork.side, step) { boxes, x in
      let (probability, box) = refinement(x)
      for (place, candidate) in boxes.enumerated() where probability.floats[2 * place + 1] > Self.thresholds[1] {
        var candidate = candidate
        candidate.score = probability.floats[2 * place + 1]
        candidate.regression = (0..<4).map { box.floats[4 * place + $0] }
        passed.append(candidate)
      }
    }
    return BoxCandidate.best(of: passed, overlapping: 0.7, .ofUnion).map { $0.moved().squared }
  }

  /// What the third network takes for faces.
  private func decided(
    _ boxes: [BoxCandidate], _ image: Image, _ step: () throws -> Void
  ) rethrows -> [DetectedFace] {
    var passed: [BoxCandidate] = []
    try inBatches(boxes, of: image, side: OutputNetwork.side, step) { boxes, x in
      let (probability, box, landmarks) = output(x)
      for (place, candidate) in boxes.enumerated() where probability.floats[2 * place + 1] > Self.thresholds[2] {
        var candidate = candidate
        let width = candidate.right - candidate.left + 1
        let height = candidate.bottom - candidate.top + 1
        candidate.landmarks = (0..<10).map { part in
          let value = landmarks.floats[10 * place + part]
          return part < 5 ? width * value + candidate.left - 1 : height * value + candidate.top - 1
        }
        candidate.score = probability.floats[2 * place + 1]
        candidate.regression = (0..<4).map { box.floats[4 * place + $0] }
        passed.append(candidate.moved())
      }
    }
    return BoxCandidate.best(of: passed.filter(\.isUsable), overlapping: 0.7, .ofSmaller).map(DetectedFace.init)
  }

  /// Hands the parts of a picture that candidates cover to `body`, some at a time, each as a picture of `side`×`side`;
  /// without those of which nothing is in the picture.
  private func inBatches(
    _ boxes: [BoxCandidate], of image: Image, side: Int, _ step: () throws -> Void,
    _ body: (_ boxes: [BoxCandidate], _ x: Tensor) -> Void
  ) rethrows {
    let covered = boxes.filter(\.isUsable).compactMap { box in box.pixels(in: image).map { (box: box, part: $0) } }
    for first in stride(from: 0, to: covered.count, by: Self.batch) {
      try step()
      let some = covered[first..<min(first + Self.batch, covered.count)]
      let x = Tensor(uninitialized: [some.count, side, side, 3], type: .float32)
      let values = x.floats
      Parallel.forEach(some.count) { place in
        let part = some[first + place].part
        let means = image.cellMeans(
          x: part.columns, y: part.rows, width: side, height: side, columns: 0..<side, rows: 0..<side)
        for (offset, mean) in means.enumerated() { values[place * means.count + offset] = mean }
      }
      body(some.map(\.box), Self.normalized(x))
    }
  }

  /// Levels 0…255 as the networks take them: (x − 127.5)/128.
  private static func normalized(_ x: Tensor) -> Tensor { x.affine(scale: 1.0 / 128, shift: -127.5 / 128) }
}

extension DetectedFace {
  /// A candidate with landmarks, in whose coordinates pixel i has its center at i.
  fileprivate init(_ box: BoxCandidate) {
    func point(_ place: Int) -> Placement.Point {
      Placement.Point(x: Double(box.landmarks[place]) + 0.5, y: Double(box.landmarks[place + 5]) + 0.5)
    }
    self.init(
      left: Double(box.left) + 0.5, top: Double(box.top) + 0.5, right: Double(box.right) + 0.5,
      bottom: Double(box.bottom) + 0.5, confidence: Double(box.score), leftEye: point(0), rightEye: point(1),
      nose: point(2), leftMouthCorner: point(3), rightMouthCorner: point(4))
  }
}
