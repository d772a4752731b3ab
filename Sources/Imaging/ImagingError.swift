/// What can be wrong with a picture. `name` is the file as its user knows it.
public enum ImagingError: Error, Sendable, Equatable {
  /// A kind of picture file that is read.
  public enum Format: String, Sendable {
    case png = "PNG"
    case jpeg = "JPEG"
  }

  /// What a picture file says besides its pixels.
  public enum MetadataPart: String, Sendable {
    case exif = "EXIF"
    case profile = "color profile"
  }

  /// The file has no bytes.
  case empty(name: String)
  /// Not a kind of picture that is read; `seen` says what it is or how it starts.
  case unknownFormat(name: String, seen: String)
  /// The file ends before its picture does.
  case truncated(name: String, format: Format, detail: String)
  /// The file is not what its format prescribes.
  case corrupt(name: String, format: Format, detail: String)
  /// A JPEG in printing colors.
  case printColors(name: String)
  /// An interlaced PNG of 16 bits a channel.
  case interlacedDeepColor(name: String)
  /// More than ``Image/maximumPixelCount`` pixels.
  case tooLarge(name: String, width: Int, height: Int)
  /// What a file says besides its pixels is damaged, or more than is handled.
  case badMetadata(name: String, part: MetadataPart, detail: String)
  /// The PNG library cannot write a picture of this size.
  case cannotEncode(width: Int, height: Int, detail: String)
}

extension ImagingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .empty(let name):
      "\(name): the file is empty. A PNG or JPEG picture is expected."
    case .unknownFormat(let name, let seen):
      "\(name): not a PNG or JPEG picture: \(seen). Convert it to PNG or JPEG."
    case .truncated(let name, let format, let detail):
      "\(name): the \(format.rawValue) ends early: \(detail). Copy or download it again."
    case .corrupt(let name, let format, let detail):
      "\(name): the \(format.rawValue) is damaged: \(detail). Copy, download or export it again."
    case .printColors(let name):
      "\(name): the JPEG has printing colors (CMYK), which look different on every printer. Save it as RGB."
    case .interlacedDeepColor(let name):
      "\(name): the PNG is interlaced and has 16 bits a channel, which are not read together. Save it without"
        + " interlacing."
    case .tooLarge(let name, let width, let height):
      "\(name): \(width)x\(height) pixels are too many: at most \(Image.maximumPixelCount / 1_000_000) million are"
        + " handled. Make it smaller."
    case .badMetadata(let name, let part, let detail):
      "\(name): its \(part.rawValue) cannot be kept: \(detail). Drop the metadata, or save the picture again."
    case .cannotEncode(let width, let height, let detail):
      "a picture of \(width)x\(height) pixels cannot be encoded: \(detail). Make it smaller."
    }
  }
}
