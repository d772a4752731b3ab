import Tensors

// Measures of how far two pictures are apart, pixel by pixel. Pictures are [1, H, W, C] in [−1, 1] and are compared on
// the range [0, 1], clipped to it as a picture file would.

/// Measures that need no network.
public enum PixelMeasures {
  /// The mean absolute error on [0, 1].
  public static func mae(_ a: Tensor, _ b: Tensor) -> Double {
    let (x, y) = (unit(a), unit(b))
    return zip(x, y).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(x.count)
  }

  /// The peak signal-to-noise ratio in dB for a data range of 1; infinite for equal pictures.
  public static func psnr(_ a: Tensor, _ b: Tensor) -> Double {
    let (x, y) = (unit(a), unit(b))
    let mse = zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / Double(x.count)
    return mse == 0 ? .infinity : -10 * logMath10(mse)
  }

  /// Rows and columns of SSIM's window: pictures have at least as many.
  public static let ssimWindow = 7

  /// Structural similarity (Wang et al. 2004) with scikit-image's defaults: a uniform window of 7×7, unbiased
  /// covariances, K₁ = 0.01, K₂ = 0.03, data range 1; the mean over all whole windows and channels.
  public static func ssim(_ a: Tensor, _ b: Tensor) -> Double {
    precondition(a.shape == b.shape && a.rank == 4 && a.shape[0] == 1, "pictures \(a.shape) and \(b.shape)")
    let (h, w, c) = (a.shape[1], a.shape[2], a.shape[3])
    let side = ssimWindow
    precondition(h >= side && w >= side, "SSIM needs pictures of at least \(side)×\(side) pixels")
    let (x, y) = (unit(a), unit(b))
    let n = Double(side * side)
    let unbias = n / (n - 1)
    let (c1, c2) = (0.01 * 0.01, 0.03 * 0.03)
    var total = 0.0
    for top in 0...h - side {
      for left in 0...w - side {
        for channel in 0..<c {
          var sx = 0.0
          var sy = 0.0
          var sxx = 0.0
          var syy = 0.0
          var sxy = 0.0
          for i in top..<top + side {
            for j in left..<left + side {
              let at = (i * w + j) * c + channel
              let (u, v) = (x[at], y[at])
              sx += u
              sy += v
              sxx += u * u
              syy += v * v
              sxy += u * v
            }
          }
          let (ux, uy) = (sx / n, sy / n)
          let vx = unbias * (sxx / n - ux * ux)
          let vy = unbias * (syy / n - uy * uy)
          let vxy = unbias * (sxy / n - ux * uy)
          total += (2 * ux * uy + c1) * (2 * vxy + c2) / ((ux * ux + uy * uy + c1) * (vx + vy + c2))
        }
      }
    }
    return total / Double((h - side + 1) * (w - side + 1) * c)
  }

  /// Elements on [0, 1].
  private static func unit(_ x: Tensor) -> [Double] { x.doubleValues.map { min(max(($0 + 1) / 2, 0), 1) } }
}
