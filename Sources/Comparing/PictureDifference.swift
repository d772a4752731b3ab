import Escaping
import Foundation
import Imaging
import OrderedCollections
import Runs
import StageKit

/// A picture of the runs that is not the same in all.
struct PictureDifference: Sendable {
  /// The file in the runs' folders.
  let file: String
  /// Of each run; nil where it has none.
  let images: [Image?]
  /// Of each run but the first: how much it differs from the first's; nil where there is nothing of the same size to
  /// compare.
  let differences: [(share: Double, mean: Double, image: Image)?]

  /// How many times the differences of colors are shown as they are.
  static let gain = 4
  /// No more pictures are shown.
  static let most = 60

  /// The greatest mean difference of colors, on [0, 1].
  var extent: Double { differences.map { $0?.mean ?? 1 }.max() ?? 0 }

  /// - Throws: `StoreError`.
  static func all(_ runs: [ComparedRun]) throws -> [PictureDifference] {
    let files = OrderedSet(runs.flatMap(\.files.keys)).filter { $0.fileExtension == "png" }
    return try files.compactMap { file in
      guard Set(runs.map { $0.files[file] }).count > 1 else { return nil }
      let images = try runs.map { run -> Image? in
        guard run.files[file] != nil, let data = try run.run?.file(file) else { return nil }
        return try? Image(decoding: data, name: file)
      }
      return PictureDifference(file: file, images)
    }
  }

  private init(file: String, _ images: [Image?]) {
    self.file = file
    self.images = images
    differences = images.dropFirst().map { other in
      guard let first = images[0], let other, first.width == other.width, first.height == other.height else {
        return nil
      }
      var (changed, sum) = (0, 0)
      var pixels = [UInt8](repeating: 0, count: first.pixels.count)
      for start in stride(from: 0, to: pixels.count, by: 3) {
        var isChanged = false
        for index in start..<start + 3 {
          let difference = abs(Int(first.pixels[index]) - Int(other.pixels[index]))
          sum += difference
          if difference > 0 { isChanged = true }
          pixels[index] = UInt8(min(255, difference * Self.gain))
        }
        if isChanged { changed += 1 }
      }
      let count = first.width * first.height
      return (
        Double(changed) / Double(count), Double(sum) / (3 * 255 * Double(count)),
        Image(width: first.width, height: first.height, pixels: pixels)
      )
    }
  }

  /// In words: how much each run differs from the first.
  var remarks: [String] {
    zip(images.dropFirst(), differences).map { image, difference in
      guard let difference else { return images[0] == nil ? "new" : image == nil ? "gone" : "of another size" }
      return difference.share == 0
        ? "same pixels"
        : "\(Readable.number(difference.share * 100)) % of the pixels, mean \(Readable.number(difference.mean))"
    }
  }

  /// The pictures of all runs and their differences from the first, side by side, wide ones one below the other; small
  /// ones enlarged.
  var strip: Image? {
    let shown = images.compactMap { $0 } + differences.compactMap { $0?.image }
    guard let tallest = shown.map(\.height).max(), let widest = shown.map(\.width).max() else { return nil }
    let isStacked = shown.reduce(0) { $0 + $1.width } > 1200
    let scale = max(1, min(4, 160 / max(tallest, widest)))
    let gap = 4
    let lengths = shown.map { (isStacked ? $0.height : $0.width) * scale }
    let length = lengths.reduce(-gap) { $0 + $1 + gap }
    let breadth = (isStacked ? widest : tallest) * scale
    guard length * breadth <= Image.maximumPixelCount / 4 else { return nil }
    var strip = Image(
      width: isStacked ? breadth : length, height: isStacked ? length : breadth,
      color: Color(red: 255, green: 255, blue: 255))
    var start = 0
    for (image, length) in zip(shown, lengths) {
      let (left, top) = isStacked ? (0, start) : (start, 0)
      for y in 0..<image.height * scale {
        for x in 0..<image.width * scale { strip[left + x, top + y] = image[x / scale, y / scale] }
      }
      start += length + gap
    }
    return strip
  }
}
