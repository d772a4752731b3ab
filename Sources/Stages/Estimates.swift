import Foundation
import Networks
import StageKit

// What kinds foresee of the sizes of things.

/// Bytes of an 8-bit picture of so many pixels on a side: a PNG takes no more.
func pictureBytes(side: Int) -> Int { 3 * side * side }

/// Bytes of a latent with its picture, both in float32, by those of the picture.
func latentBytes(ofPicture bytes: Int) -> Int { 8 * bytes }

extension EstimateInput {
  /// The work of `evaluations` forward passes of the model at a port; nil where the model is not known.
  func forward(_ evaluations: Int, of port: String = "model") -> Work? {
    self[port]?.flopPerEvaluation.map { .forward(evaluations, of: $0) }
  }
}
