/// Paints portraits.
package enum Renderer {
  /// A square picture of the portrait in a style, with the label of each pixel.
  ///
  /// Deterministic to the byte on every machine. `size` is the side in pixels; the world's networks are made for 64.
  package static func render(_ portrait: Portrait, style: Style = .photo, size: Int = 64) -> RenderedPortrait {
    let canvas = Canvas(size: size)
    let painter = Painter(portrait, style: style)
    painter.paint(on: canvas)
    switch style {
    case .photo, .zombie, .clown, .statue, .robot: break
    case .sketch: Effects.sketch(canvas)
    case .pixelArt: Effects.pixelate(canvas, palette: painter.look.palette)
    case .watercolor: Effects.watercolor(canvas, seed: UInt32(truncatingIfNeeded: portrait.person.id))
    }
    return RenderedPortrait(width: size, height: size, rgb: canvas.bytes(), labels: canvas.labelBytes())
  }
}

/// One portrait about to be painted: its shapes and its colors. The layers, from back to front, are in the
/// extensions.
struct Painter {
  let portrait: Portrait
  let style: Style
  let anatomy: Anatomy
  let look: Look
  /// Seeds the texture of hair, stone and paint; the same in all pictures of a person.
  let texture: UInt32

  init(_ portrait: Portrait, style: Style) {
    self.portrait = portrait
    self.style = style
    anatomy = Anatomy(portrait)
    look = Look(portrait, style: style)
    texture = UInt32(truncatingIfNeeded: portrait.person.id ^ (portrait.person.id >> 32))
  }

  func paint(on canvas: borrowing Canvas) {
    paintBackground(canvas)
    paintClothing(canvas)
    paintHairBehind(canvas)
    paintNeck(canvas)
    paintEars(canvas)
    paintFace(canvas)
    if portrait.age == .old { paintWrinkles(canvas) }
    if portrait.beard == .bearded { paintBeard(canvas) }
    paintMouth(canvas)
    paintEyes(canvas)
    paintNose(canvas)
    paintBrows(canvas)
    paintOverSkin(canvas)
    paintHairInFront(canvas)
    if portrait.glasses == .glasses { paintGlasses(canvas) }
    paintOverAll(canvas)
  }
}
