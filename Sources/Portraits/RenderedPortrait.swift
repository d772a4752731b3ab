/// What a pixel belongs to; the raw values are the classes of the segmenter.
package enum Region: UInt8, CaseIterable, Sendable, Hashable {
  case background, skin, hair, brows, eyes, nose, mouth, neck, clothing, beard, glasses

  /// The name in tables: `clothing`.
  package var name: String { "\(self)" }
}

/// A picture and what its pixels belong to.
package struct RenderedPortrait: Sendable, Hashable {
  package let width: Int
  package let height: Int
  /// `height` × `width` × 3 bytes, sRGB.
  package let rgb: [UInt8]
  /// `height` × `width` raw values of ``Region``. They follow from the person's shape and the shapes of hair, beard,
  /// glasses, pose and expression alone: neither tan, makeup, gray hair nor style alters them.
  package let labels: [UInt8]
}
