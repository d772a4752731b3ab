/// What comes into a picture in the place of a part that was cut out of it.
///
/// Each pixel of the picture is looked up in the patch by ``Placement``, by Keys' cubic convolution. Where the patch has
/// more pixels than the part, it is shrunk before, with the same antialiasing as when it was cut out; so detail is neither
/// lost nor aliased on the way back.
public struct Patch: Sendable {
  let placement: Placement
  /// Columns and rows after shrinking.
  let width, height: Int
  /// For each pixel red, green and blue in [−1, 1], or their changes.
  let colors: [Float]
  /// Whether the colors are what is added to the picture, instead of what replaces it.
  let isChange: Bool
  /// For each pixel how much of it is taken, in [0, 1]; nil for all.
  let weights: [Float]?
  /// Over so many pixels of the patch it fades out towards the sides of it that lie inside of the picture.
  let feather: Double

  /// - Parameters:
  ///   - original: what was cut out. Where it is given, only what differs from it is brought in, so that the picture keeps
  ///     all its detail where nothing was edited. Of the edit's size.
  ///   - mask: what is taken of the edit; all unless given. Of the edit's size.
  ///   - feather: in pixels of the edit.
  public init(
    _ edit: FloatImage, original: FloatImage? = nil, mask: Mask? = nil, feather: Double, at placement: Placement
  ) {
    precondition(edit.width == placement.width && edit.height == placement.height, "an edit of another size")
    precondition(
      original.map { $0.width == edit.width && $0.height == edit.height } ?? true, "an original of another size")
    precondition(mask.map { $0.width == edit.width && $0.height == edit.height } ?? true, "a mask of another size")
    let across = distance(placement.topLeft, placement.topRight)
    let down = distance(placement.topLeft, placement.bottomLeft)
    let (width, height) = (
      min(edit.width, max(1, Int(across.rounded(.up)))), min(edit.height, max(1, Int(down.rounded(.up))))
    )
    func shrunk(_ values: [Float], channels: Int, _ filter: ResizeFilter) -> [Float] {
      guard width < edit.width || height < edit.height else { return values }
      let columns = Resampling(from: edit.width, to: width, filter: filter)
      let rows = Resampling(from: edit.height, to: height, filter: filter)
      let narrow = columns.resampleColumns(of: values, rows: 0..<edit.height, channels: channels)
      return rows.resampleRows(of: narrow, rowLength: width * channels)
    }
    let values = original.map { original in zip(edit.values, original.values).map { $0 - $1 } } ?? edit.values
    self.placement = placement
    self.width = width
    self.height = height
    self.feather = feather
    colors = shrunk(values, channels: 3, .bicubic)
    isChange = original != nil
    // A kernel that overshoots would take something from outside of the mask.
    weights = mask.map { shrunk($0.values, channels: 1, .bilinear) }
  }
}

private func distance(_ a: Placement.Point, _ b: Placement.Point) -> Double {
  ((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y)).squareRoot()
}

extension Image {
  /// The picture with patches, later ones over earlier ones. A pixel of which no patch takes anything is the same byte for
  /// byte.
  public func pasting(_ patches: [Patch]) -> Image {
    var result = self
    paste(patches, into: &result.pixels, width: width, height: height)
    return result
  }
}

extension FloatImage {
  /// The picture with patches: as ``Image/pasting(_:)``, without any rounding.
  public func pasting(_ patches: [Patch]) -> FloatImage {
    var values = values
    paste(patches, into: &values, width: width, height: height)
    return FloatImage(width: width, height: height, values: values)
  }
}

/// Row by row, so that patches over each other are rounded once. Memory is that of a row.
private func paste<Channel: PictureChannel>(
  _ patches: [Patch], into pixels: inout [Channel], width: Int, height: Int
) {
  let samplers = patches.map { PatchSampler($0, width: width, height: height) }
  var row = [Float](repeating: 0, count: width * 3)
  for y in (samplers.map(\.rows.lowerBound).min() ?? 0)..<(samplers.map(\.rows.upperBound).max() ?? 0) {
    let active = samplers.filter { $0.rows.contains(y) && !$0.columns.isEmpty }
    guard let first = active.map(\.columns.lowerBound).min(), let end = active.map(\.columns.upperBound).max() else {
      continue
    }
    let start = y * width * 3
    for place in first * 3..<end * 3 { row[place] = pixels[start + place].number }
    var touched = [Bool](repeating: false, count: width)
    for sampler in active {
      for x in sampler.columns {
        guard let (weight, color) = sampler.sample(x, y) else { continue }
        touched[x] = true
        for channel in 0..<3 {
          let place = x * 3 + channel
          let value = color[channel] * Channel.span
          row[place] += weight * (sampler.isChange ? value : value + Channel.middle - row[place])
        }
      }
    }
    for x in first..<end where touched[x] {
      for place in x * 3..<x * 3 + 3 { pixels[start + place] = Channel(nearest: row[place]) }
    }
  }
}

/// Looks up pixels of a picture in a patch.
private struct PatchSampler {
  /// Those of the picture that the patch can lie in.
  let rows, columns: Range<Int>
  let isChange: Bool
  private let patch: Patch
  /// Which sides of the patch fade out: left, top, right, bottom.
  private let fading: (left: Bool, top: Bool, right: Bool, bottom: Bool)

  init(_ patch: Patch, width: Int, height: Int) {
    self.patch = patch
    isChange = patch.isChange
    let placement = patch.placement
    let corners = [(0, 0), (1, 0), (0, 1), (1, 1)].map { across, down in
      placement.inSource(x: Double(across * placement.width), y: Double(down * placement.height))
    }
    func whole(_ places: [Double], _ limit: Int) -> Range<Int> {
      let low = min(max((places.min() ?? 0).rounded(.down), 0), Double(limit))
      let high = min(max((places.max() ?? 0).rounded(.up), 0), Double(limit))
      return Int(low)..<Int(high)
    }
    rows = whole(corners.map(\.y), height)
    columns = whole(corners.map(\.x), width)
    // A side on the picture's own border or beyond has nothing to fade into.
    func isInside(_ a: Int, _ b: Int) -> Bool {
      let (a, b) = (corners[a], corners[b])
      let isOutside =
        max(a.x, b.x) <= 0 || max(a.y, b.y) <= 0 || min(a.x, b.x) >= Double(width) || min(a.y, b.y) >= Double(height)
      return !isOutside
    }
    fading = (isInside(0, 2), isInside(0, 1), isInside(1, 3), isInside(2, 3))
  }

  /// What a pixel of the picture gets, and how much of it; nil for nothing.
  func sample(_ x: Int, _ y: Int) -> (weight: Float, color: SIMD4<Float>)? {
    let (wide, high) = (Double(patch.placement.width), Double(patch.placement.height))
    let place = patch.placement.inCutOut(x: Double(x) + 0.5, y: Double(y) + 0.5)
    guard place.x > 0, place.y > 0, place.x < wide, place.y < high else { return nil }
    var distance = Double.infinity
    if fading.left { distance = place.x }
    if fading.top { distance = min(distance, place.y) }
    if fading.right { distance = min(distance, wide - place.x) }
    if fading.bottom { distance = min(distance, high - place.y) }
    let ramp = patch.feather > 0 ? min(1, distance / patch.feather) : 1
    // Smoothstep, so that the ramp has no edge of its own.
    var weight = Float(ramp * ramp * (3 - 2 * ramp))
    let (u, v) = (place.x * Double(patch.width) / wide - 0.5, place.y * Double(patch.height) / high - 0.5)
    if let weights = patch.weights { weight *= interpolated(weights, u, v) }
    return weight > 0 ? (weight, interpolatedColor(u, v)) : nil
  }

  /// Between the four values around a place.
  private func interpolated(_ values: [Float], _ u: Double, _ v: Double) -> Float {
    let (left, top) = (u.rounded(.down), v.rounded(.down))
    let (across, down) = (Float(u - left), Float(v - top))
    func value(_ dx: Int, _ dy: Int) -> Float {
      values[clamped(Int(top) + dy, patch.height) * patch.width + clamped(Int(left) + dx, patch.width)]
    }
    let upper = value(0, 0) * (1 - across) + value(1, 0) * across
    let lower = value(0, 1) * (1 - across) + value(1, 1) * across
    return upper * (1 - down) + lower * down
  }

  /// By Keys' cubic convolution of the sixteen pixels around a place; at the border they go on as they are.
  private func interpolatedColor(_ u: Double, _ v: Double) -> SIMD4<Float> {
    let (left, top) = (Int(u.rounded(.down)), Int(v.rounded(.down)))
    let across = Self.weights(u - Double(left))
    let down = Self.weights(v - Double(top))
    return patch.colors.withUnsafeBufferPointer { colors in
      var sum = SIMD4<Float>()
      for j in 0..<4 {
        let row = clamped(top + j - 1, patch.height) * patch.width
        for i in 0..<4 {
          let place = (row + clamped(left + i - 1, patch.width)) * 3
          sum += across[i] * down[j] * SIMD4(colors[place], colors[place + 1], colors[place + 2], 0)
        }
      }
      return sum
    }
  }

  private static func weights(_ t: Double) -> SIMD4<Float> {
    func weight(_ distance: Double) -> Float { Float(ResizeFilter.bicubic.weight(distance)) }
    return SIMD4(weight(t + 1), weight(t), weight(t - 1), weight(t - 2))
  }

  private func clamped(_ index: Int, _ count: Int) -> Int { min(max(index, 0), count - 1) }
}
