import ArtifactStore
import Foundation
import Imaging
import JSONSyntax
import StageKit

/// What is inside of a picture file: for `inspect`.
public struct PictureReport {
  private let path: String
  private let bytes: Int
  private let size: PictureSize
  private let format: String
  /// Or why it is not read.
  private let metadata: Result<PictureMetadata, ImagingError>
  private let origin: [(name: String, value: String)]

  /// Nil where the file begins as no picture does.
  /// - Throws: where it cannot be read, or is a damaged picture.
  public init?(path: String) throws {
    // What is no plain file is told by whoever reads files of weights.
    guard Image.isPicture(file: path), let data = try Files.read(path) else { return nil }
    self.path = path
    bytes = data.count
    let image = try readingInput { try Image(decoding: data, name: path) }
    size = PictureSize(width: image.width, height: image.height)
    format = Picture.isPNG(data) ? "PNG" : "JPEG"
    do throws(ImagingError) { metadata = .success(try PictureMetadata(ofFile: [UInt8](data), name: path)) } catch {
      metadata = .failure(error)
    }
    let texts = try readingInput { try Image.texts(ofFile: data, name: path) }
    origin = PictureOrigin.entries(of: texts)
  }

  /// For people.
  public var text: String {
    var lines = ["\(path): \(format), \(bytes) bytes", "picture: \(size)"]
    switch metadata {
    case .success(let metadata):
      if let exif = metadata.exif { lines.append("EXIF: \(exif.count) bytes") }
      if let profile = metadata.profile { lines.append("color profile: \(profile.count) bytes") }
    case .failure(let error): lines.append("problem: \(error)")
    }
    return (lines + origin.map { "made: \($0.name): \($0.value)" }).joined(separator: "\n") + "\n"
  }

  public var json: JSON {
    let found = try? metadata.get()
    var problems: [JSON] = []
    if case .failure(let error) = metadata { problems.append(.string("\(error)")) }
    return [
      "path": .string(path), "bytes": .int(bytes), "formats": [.string(format)], "width": .int(size.width),
      "height": .int(size.height), "exif_bytes": .int(found?.exif?.count ?? 0),
      "profile_bytes": .int(found?.profile?.count ?? 0),
      "made": .object(origin.map { JSON.Member($0.name, .string($0.value)) }), "problems": .array(problems),
    ]
  }
}

/// What an exported PNG says of how it was made, in a text chunk: the entries of ``ModelOrigin`` as a JSON object.
enum PictureOrigin {
  /// The chunk's keyword.
  static let keyword = "diffusionclip"

  /// A file of this program's that says so; as it is where there is nothing to say.
  static func png(_ data: Data, made origin: [String: String]) -> Data {
    guard !origin.isEmpty else { return data }
    let members = origin.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { JSON.Member($0.key, .string($0.value)) }
    return Image.png(data, adding: (keyword, JSON.object(members).text))
  }

  /// The entries among a file's texts; none where they are not what ``png(_:made:)`` writes.
  static func entries(of texts: [(keyword: String, text: String)]) -> [(name: String, value: String)] {
    guard let text = texts.first(where: { $0.keyword == keyword })?.text,
      let members = (try? JSON(parsing: Data(text.utf8)))?.members
    else { return [] }
    return members.compactMap { member in member.value.string.map { (member.name, $0) } }
  }
}
