import Foundation
import Imaging
import Testing

/// The files beside these tests; PROVENANCE.md there says what made them.
enum Fixture {
  static func data(_ name: String) throws -> Data {
    try Data(contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)"))
  }

  /// A PNG with one more chunk behind its header.
  static func data(_ name: String, adding type: String, _ content: [UInt8]) throws -> Data {
    func number(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
    let checked = Array(type.utf8) + content
    let sum = checked.reduce(UInt32.max) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ 0xEDB8_8320 }
    }
    var file = try data(name)
    file.insert(contentsOf: number(UInt32(content.count)) + checked + number(~sum), at: 33)
    return file
  }

  static func image(_ name: String) throws -> Image { try Image(decoding: data(name), name: name) }

  /// The pixels that `name.rgb` holds.
  static func expected(_ name: String, width: Int, height: Int) throws -> Image {
    let pixels = try [UInt8](data("\(name).rgb"))
    try #require(pixels.count == width * height * 3, "\(name).rgb has \(pixels.count) bytes")
    return Image(width: width, height: height, pixels: pixels)
  }
}

/// Expects two pictures to have the same size and no channel further apart than `tolerance` levels.
func expectEqual(
  _ actual: Image, _ expected: Image, tolerance: Int, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.width == expected.width, actual.height == expected.height else {
    let sizes = "\(actual.width)x\(actual.height), not \(expected.width)x\(expected.height)"
    Issue.record("\(what) is \(sizes)", sourceLocation: sourceLocation)
    return
  }
  let distances = zip(actual.pixels, expected.pixels).map { abs(Int($0) - Int($1)) }
  guard let worst = distances.indices.max(by: { distances[$0] < distances[$1] }) else { return }
  let place = "x \(worst / 3 % actual.width), y \(worst / 3 / actual.width), channel \(worst % 3)"
  #expect(
    distances[worst] <= tolerance,
    "\(what): \(actual.pixels[worst]) instead of \(expected.pixels[worst]) at \(place)",
    sourceLocation: sourceLocation)
}

extension Image {
  /// The picture with every pixel made a square of `factor`×`factor`.
  func magnified(by factor: Int) -> Image {
    resized(width: width * factor, height: height * factor, filter: .nearest)
  }
}
