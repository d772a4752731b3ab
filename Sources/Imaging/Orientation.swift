/// How a stored picture is to be turned to be upright (EXIF 2.3, tag 0x0112). The raw value is EXIF's.
enum Orientation: Int, CaseIterable {
  case upright = 1
  case mirrored, rotated180, flipped, transposed, rotated90, transversed, rotated270

  /// The orientation that the EXIF segment of a JPEG tells; `upright` where there is none or it makes no sense.
  init(ofJPEG bytes: [UInt8]) {
    self = JPEG.exif(of: bytes).flatMap(Self.init(inTIFF:)) ?? .upright
  }

  /// The orientation in the first directory of a TIFF structure, which is what EXIF is; nil where there is none. Some
  /// programs put the head of a JPEG's segment before it in PNGs too.
  init?(inTIFF bytes: ArraySlice<UInt8>) {
    let tiff = bytes.starts(with: "Exif\0\0".utf8) ? bytes.dropFirst(6) : bytes
    var reader = ByteReader(bytes: tiff)
    switch reader.uint16(at: 0) {
    case 0x4D4D: reader.isBigEndian = true
    case 0x4949: reader.isBigEndian = false
    default: return nil
    }
    guard reader.uint16(at: 2) == 42, let directory = reader.uint32(at: 4) else { return nil }
    for entry in 0..<(reader.uint16(at: directory) ?? 0) {
      let offset = directory + 2 + entry * 12
      // A SHORT (type 3) stands left-aligned in the value field.
      if reader.uint16(at: offset) == 0x0112, reader.uint16(at: offset + 2) == 3 {
        guard let value = reader.uint16(at: offset + 8), let found = Orientation(rawValue: value) else { return nil }
        self = found
        return
      }
    }
    return nil
  }

  /// Whether rows and columns change places.
  var swapsSides: Bool { rawValue >= Orientation.transposed.rawValue }
}

extension Image {
  /// This picture, stored in the given orientation, turned upright.
  func upright(from orientation: Orientation) -> Image {
    if orientation == .upright { return self }
    let (newWidth, newHeight) = orientation.swapsSides ? (height, width) : (width, height)
    let (right, bottom) = (width - 1, height - 1)
    var turned = [UInt8]()
    turned.reserveCapacity(pixels.count)
    for y in 0..<newHeight {
      for x in 0..<newWidth {
        let (column, row) =
          switch orientation {
          case .upright: (x, y)
          case .mirrored: (right - x, y)
          case .rotated180: (right - x, bottom - y)
          case .flipped: (x, bottom - y)
          case .transposed: (y, x)
          case .rotated90: (y, bottom - x)
          case .transversed: (right - y, bottom - x)
          case .rotated270: (right - y, x)
          }
        let index = (row * width + column) * 3
        turned += pixels[index..<index + 3]
      }
    }
    return Image(width: newWidth, height: newHeight, pixels: turned)
  }
}
