/// A rectangle of a picture, in pixels from the top left corner, of which pixel i covers [i, i+1). It may reach beyond the
/// picture.
public struct Frame: Sendable, Equatable {
  public var left, top, width, height: Double

  public init(left: Double, top: Double, width: Double, height: Double) {
    self.left = left
    self.top = top
    self.width = width
    self.height = height
  }

  public var right: Double { left + width }
  public var bottom: Double { top + height }

  /// How a rectangle comes to the ratio of sides of what it is to fill.
  public enum Fit: String, Sendable, CaseIterable {
    /// The largest part of it around its center.
    case cover
    /// The smallest rectangle around it.
    case contain
    /// Itself: what is in it is squashed.
    case stretch
  }

  /// The rectangle that fills `width`×`height` pixels. Where it is as wide or as high as those, it begins at a whole pixel,
  /// so that nothing is resampled that way.
  public func fitted(_ fit: Fit, width: Int, height: Int) -> Frame {
    var frame = self
    if fit != .stretch {
      // Pixels of this rectangle for one of those to fill.
      let (across, down) = (self.width / Double(width), self.height / Double(height))
      let scale = fit == .cover ? min(across, down) : max(across, down)
      frame = centered(width: Double(width) * scale, height: Double(height) * scale)
    }
    if frame.width == Double(width) { frame.left.round(.down) }
    if frame.height == Double(height) { frame.top.round(.down) }
    return frame
  }

  /// One of other sides around the same center.
  public func centered(width: Double, height: Double) -> Frame {
    Frame(left: left + (self.width - width) / 2, top: top + (self.height - height) / 2, width: width, height: height)
  }
}

/// A picture of float32 numbers in [−1, 1], or a little beyond.
public struct FloatImage: Sendable, Equatable {
  public let width, height: Int
  /// `height`×`width`×3 numbers, in the order of ``Image/pixels``.
  public let values: [Float]

  public init(width: Int, height: Int, values: [Float]) {
    precondition(width > 0 && height > 0 && values.count == width * height * 3, "\(values.count) of \(width)×\(height)")
    self.width = width
    self.height = height
    self.values = values
  }
}

extension FloatImage {
  /// What a frame shows of the picture, at another size.
  ///
  /// Output pixel i has its center at left + (i + ½)·(frame/new), and the kernel of Keys' cubic convolution is widened by
  /// frame/new when shrinking. At the picture's border it is cut off and renormalized, as by Pillow's `resize` with its
  /// `box`; where the frame reaches beyond, the picture goes on as `border` says. Nothing is rounded to 8 bits between
  /// columns and rows, and results are clamped to [−1, 1].
  public func sampled(_ frame: Frame, width: Int, height: Int, border: Border) -> FloatImage {
    let values = resampled(
      values, width: self.width, height: self.height, frame, to: (width, height), border: border)
    return FloatImage(width: width, height: height, values: values)
  }
}

extension Image {
  /// What a frame shows of the picture, at another size: as ``FloatImage/sampled(_:width:height:border:)``.
  public func sampled(_ frame: Frame, width: Int, height: Int, border: Border) -> FloatImage {
    let values = resampled(
      pixels, width: self.width, height: self.height, frame, to: (width, height), border: border)
    return FloatImage(width: width, height: height, values: values)
  }
}

private func resampled<Channel: PictureChannel>(
  _ pixels: [Channel], width: Int, height: Int, _ frame: Frame, to size: (width: Int, height: Int), border: Border
) -> [Float] {
  func resampling(_ start: Double, _ end: Double, from old: Int, to new: Int) -> Resampling {
    let isInside = start >= 0 && end <= Double(old)
    return Resampling(of: start..<end, from: old, to: new, filter: .bicubic, border: isInside ? nil : border)
  }
  let columns = resampling(frame.left, frame.right, from: width, to: size.width)
  let rows = resampling(frame.top, frame.bottom, from: height, to: size.height)
  let needed = rows.needed
  let narrow = columns.resampleColumns(of: pixels, rows: needed, channels: 3)
  return rows.resampleRows(of: narrow, rowLength: size.width * 3, first: needed.lowerBound).map {
    min(max(($0 - Channel.middle) / Channel.span, -1), 1)
  }
}
