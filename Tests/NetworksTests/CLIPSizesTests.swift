import Networks
import Tensors
import Testing

/// How pictures that are not square come to a CLIP.
struct CLIPSizesTests {
  private let clip: CLIP

  init() throws {
    clip = try CLIP(
      CLIP.Configuration(
        embedDim: 8, imageResolution: 8, visionLayers: 1, visionWidth: 8, visionPatchSize: 4, visionHeads: 1,
        contextLength: 8, vocabularySize: 600, textLayers: 1, textWidth: 8, textHeads: 1), seed: 1)
  }

  /// The short side is scaled and the center of the long one is kept, as by resizing all of it and cutting.
  @Test(arguments: [(16, 16), (24, 16), (16, 25), (8, 8), (8, 12), (13, 8)], CLIP.Preprocessing.allCases)
  func theCenterIsSeen(size: (Int, Int), preprocessing: CLIP.Preprocessing) {
    var random = RandomSource(seed: 3, name: "picture")
    let (height, width) = size
    let x = random.normal([1, height, width, 3]) * 0.3
    let seen = clip.preprocessed(x, by: preprocessing)
    #expect(seen.shape == [1, 8, 8, 3])
    let short = min(height, width)
    let (tall, wide) = (8 * height / short, 8 * width / short)
    var whole = ((x + 1) / 2).resizedBicubic(height: tall, width: wide, antialias: preprocessing != .official)
    // Half to even, as Python rounds: of 12 rows the third to the tenth.
    let (top, left) = (
      Int((Double(tall - 8) / 2).rounded(.toNearestOrEven)), Int((Double(wide - 8) / 2).rounded(.toNearestOrEven))
    )
    whole = whole.narrowed(1, top..<top + 8).narrowed(2, left..<left + 8)
    if preprocessing == .clamped { whole = whole.clamped(to: 0...1) }
    let mean = Tensor(CLIP.mean, shape: [3]).converted(to: .float32)
    let deviation = Tensor(CLIP.deviation, shape: [3]).converted(to: .float32)
    let expected = (whole - mean) / deviation
    #expect(zip(seen.values, expected.values).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  /// However long a picture is, only what is seen is computed.
  @Test func longPicturesTakeNoMore() {
    let x = Tensor.zeros([1, 2, 400_000, 3])
    #expect(clip.preprocessed(x).shape == [1, 8, 8, 3])
  }
}
