import Checkpoints
import Foundation
import Metrics
import Tensors
import TestSupport
import Testing

@Suite struct PixelMeasuresTests {
  /// skimage.metrics, data range 1, on pictures that also leave [−1, 1].
  @Test func agreesWithScikitImage() throws {
    let pictures = try Safetensors.read(contentsOf: fixture("pictures.safetensors")).tensors
    let cases = try JSONDecoder().decode(
      [String: [String: Double]].self, from: Data(contentsOf: URL(fileURLWithPath: fixture("pixel-measures.json"))))
    #expect(cases.count == 5)
    for (name, expected) in cases {
      let a = try #require(pictures["\(name)/a"])
      let b = try #require(pictures["\(name)/b"])
      let found = ["mae": PixelMeasures.mae(a, b), "psnr": PixelMeasures.psnr(a, b), "ssim": PixelMeasures.ssim(a, b)]
      for (measure, value) in expected {
        #expect(abs((found[measure] ?? .nan) - value) <= 1e-10, "\(measure) of \(name): \(found), expected \(value)")
      }
      #expect(expected["psnr"] != nil || found["psnr"] == .infinity)
    }
  }
}
