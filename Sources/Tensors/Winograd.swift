import Kernels

// The 3×3 convolution at stride 1 in float32 by Winograd's method, see Winograd.h of CKernels.
//
// Tiles of the picture are transformed in blocks that stay in a core's cache, multiplied with the transformed weights
// in panels of 32 columns, and transformed back. How the work is cut depends on the shapes alone.

/// One convolution by F(m×m, 3×3), or one of its gradients, which are such convolutions too.
package struct WinogradConvolution {
  private var geometry: ck_winograd
  private let items: Int
  /// All tiles of all items.
  private let tiles: Int

  /// Transformed tiles of this many pixels, m + 2 squared.
  private var planes: Int { Int((geometry.m + 2) * (geometry.m + 2)) }
  private var channels: Int { Int(geometry.channels) }
  private var outputs: Int { Int(geometry.outputs) }

  /// Tiles that go through all three stages together.
  private static let block = 64
  /// Numbers between planes on top of their size: equal places of all planes must not share one set of the cache.
  private static let skew = 16

  /// - Parameters:
  ///   - input: its height and width as the convolution sees them, [N, H, W, C].
  ///   - output: [N, H', W', O] as the convolution makes it.
  ///   - upsample2x: whether each pixel of the input is stored once for 2×2.
  ///   - pooled: whether each 2×2 pixels of the output are stored as their sum.
  package init(m: Int, input: [Int], output: [Int], top: Int, left: Int, upsample2x: Bool = false, pooled: Bool = false)
  {
    geometry = ck_winograd(
      m: Int64(m), height: Int64(input[1]), width: Int64(input[2]), channels: Int64(input[3]),
      output_height: Int64(output[1]), output_width: Int64(output[2]), outputs: Int64(output[3]), top: Int64(top),
      left: Int64(left), upsample2x: upsample2x ? 1 : 0, pooled: pooled ? 1 : 0)
    items = input[0]
    tiles = items * ((output[1] + m - 1) / m) * ((output[2] + m - 1) / m)
  }

  /// About how long a convolution of one item takes, in multiplications of a matrix product.
  static func cost(m: Int, height: Int, width: Int, inner: Int, columns: Int) -> Int {
    let planes = (m + 2) * (m + 2)
    let tiles = (((height + m - 1) / m) * ((width + m - 1) / m)).roundedUp(to: 8)
    let wide = columns.roundedUp(to: 32)
    let weights = planes * inner * wide
    // A transform takes as long as a matrix product with this many columns, and weights that no cache holds have to be
    // fetched from memory.
    let transforms = tiles * planes * (30 * inner.roundedUp(to: 16) + 30 * wide)
    return tiles * weights + transforms + weights * (weights > 1 << 21 ? 48 : 12)
  }

  /// y = x ∗ w + bias + channelBias + residual. x [N, H, W, C]; channelBias [N, O]; residual as the result.
  ///
  /// - Parameter turned: whether `weight` is [3, 3, O, C], of the convolution whose input gradient this is.
  package func callAsFunction(
    _ x: Tensor, _ weight: Tensor, turned: Bool = false, bias: Tensor? = nil, channelBias: Tensor? = nil,
    residual: Tensor? = nil
  ) -> Tensor {
    let (channels, outputs, planes) = (channels, outputs, planes)
    let panels = preparedWeights(weight, turned: turned)
    let step = geometry.pooled == 1 ? 2 : 1
    let y = Tensor(
      uninitialized: [items, Int(geometry.output_height) / step, Int(geometry.output_width) / step, outputs],
      type: .float32)
    let panelCount = (outputs + 31) / 32
    let rows = channels.roundedUp(to: 16)
    let blocks = (tiles + Self.block - 1) / Self.block

    /// One panel's columns of the tiles `first`..<`first + count`, whose transformed input is at `v`.
    func columns(_ panel: Int, first: Int, count: Int, v: UnsafePointer<Float>, plane: Int, u: Storage) {
      let target = u.pointer.assumingMemoryBound(to: Float.self)
      let uPlane = Self.block * 32 + Self.skew
      for index in 0..<planes {
        let weights = panels.floats + (panel * planes + index) * channels * 32
        PanelProduct(panel: weights, inner: channels, columns: 32)(
          v + index * plane, stride: rows, into: target + index * uPlane, stride: 32, rows: count)
      }
      withUnsafePointer(to: geometry) {
        ck_winograd_output(
          $0, target, uPlane, first, count, panel * 32, bias?.floats.baseAddress, channelBias?.floats.baseAddress,
          residual?.floats.baseAddress, y.floats.baseAddress)
      }
    }
    func products() -> Storage { Storage(bytes: planes * (Self.block * 32 + Self.skew) * 4) }

    if blocks >= 8 {
      let plane = Self.block * rows + Self.skew
      Parallel.forEach(blocks) { block in
        let first = block * Self.block
        let count = min(Self.block, tiles - first)
        let v = Storage(bytes: planes * plane * 4)
        let u = products()
        withUnsafePointer(to: geometry) {
          ck_winograd_input($0, x.floats.baseAddress, first, count, v.floats, rows, plane)
        }
        for panel in 0..<panelCount { columns(panel, first: first, count: count, v: v.floats, plane: plane, u: u) }
      }
    } else {
      // Few tiles: all are transformed, then the columns are shared out.
      let plane = tiles.roundedUp(to: 8) * rows + Self.skew
      let v = Storage(bytes: planes * plane * 4)
      Parallel.forEachRange(tiles, grain: 8) { range in
        withUnsafePointer(to: geometry) {
          ck_winograd_input(
            $0, x.floats.baseAddress, range.lowerBound, range.count, v.floats + range.lowerBound * rows, rows, plane)
        }
      }
      Parallel.forEach(panelCount * blocks) { piece in
        let first = piece / panelCount * Self.block
        columns(
          piece % panelCount, first: first, count: min(Self.block, tiles - first), v: v.floats + first * rows,
          plane: plane, u: products())
      }
    }
    return y
  }

  /// Transformed weights, kept with the weights until they change.
  private func preparedWeights(_ weight: Tensor, turned: Bool) -> Storage {
    let (m, inner, columns, planes) = (Int(geometry.m), channels, outputs, planes)
    return weight.storage.derived("winograd \(m) \(inner) \(columns) \(turned)") {
      let panel = planes * inner * 32
      let panels = Storage(bytes: (columns + 31) / 32 * panel * 4)
      let pieces = (inner + 63) / 64
      Parallel.forEach((columns + 31) / 32 * pieces) { piece in
        let (index, part) = piece.quotientAndRemainder(dividingBy: pieces)
        ck_winograd_weights(
          Int64(m), weight.floats.baseAddress, turned ? columns : inner, turned ? inner : columns, turned ? 1 : 0,
          index * 32, part * 64, min(64, inner - part * 64), panels.floats + index * panel)
      }
      return panels
    }
  }

  /// The gradient of the input from that of the output, by F(m×m, 3×3): the convolution with the kernel turned by 180°
  /// and its channels exchanged.
  package func inputGradient(_ gy: Tensor, _ weight: Tensor, m: Int) -> Tensor {
    let g = geometry
    let turned = WinogradConvolution(
      m: m, input: [items, Int(g.output_height), Int(g.output_width), outputs],
      output: [items, Int(g.height), Int(g.width), channels], top: 2 - Int(g.top), left: 2 - Int(g.left),
      pooled: g.upsample2x == 1)
    return turned(gy, weight, turned: true)
  }

  /// The gradient of the weight [3, 3, C, O] from that of the output.
  package func weightGradient(_ gy: Tensor, _ x: Tensor) -> Tensor {
    let (channels, outputs, planes) = (channels, outputs, planes)
    let (rows, columns) = (channels.roundedUp(to: 16), outputs.roundedUp(to: 32))
    let sumsPlane = rows * columns + Self.skew
    let sums = Storage(bytes: planes * sumsPlane * 4)
    Parallel.forEach(planes) { (sums.floats + $0 * sumsPlane).update(repeating: 0, count: sumsPlane) }
    // As many tiles at a time as the outer cache holds.
    let chunk = min(tiles, max(64, (4 << 20) / (planes * (rows + columns)) / 64 * 64))
    let (vPlane, zPlane) = (chunk * rows + Self.skew, chunk * columns + Self.skew)
    let v = Storage(bytes: planes * vPlane * 4)
    let z = Storage(bytes: planes * zPlane * 4)
    if columns != outputs { z.floats.update(repeating: 0, count: planes * zPlane) }
    let correlation = Correlation(rows: channels.roundedUp(to: 8), columns: columns)
    let band = correlation.band
    let bands = (channels + band - 1) / band
    for begin in stride(from: 0, to: tiles, by: chunk) {
      let count = min(chunk, tiles - begin)
      Parallel.forEachRange(count, grain: 8) { range in
        withUnsafePointer(to: geometry) {
          let first = begin + range.lowerBound
          ck_winograd_input(
            $0, x.floats.baseAddress, first, range.count, v.floats + range.lowerBound * rows, rows, vPlane)
          ck_winograd_gradient(
            $0, gy.floats.baseAddress, first, range.count, z.floats + range.lowerBound * columns, columns, zPlane)
        }
      }
      Parallel.forEach(planes * bands) { piece in
        let (plane, part) = piece.quotientAndRemainder(dividingBy: bands)
        let row = part * band
        let height = min(band, channels - row).roundedUp(to: 8)
        correlation(
          v.floats + plane * vPlane + row, rows, z.floats + plane * zPlane, columns,
          addingTo: sums.floats + plane * sumsPlane + row * columns, columns, count: count, rows: height)
      }
    }
    let gw = Tensor(uninitialized: [3, 3, channels, outputs], type: .float32)
    Parallel.forEachRange(channels, grain: 8) {
      ck_winograd_weight_gradient(
        geometry.m, sums.floats, columns, sumsPlane, $0.lowerBound, $0.count, channels, outputs, gw.floats.baseAddress)
    }
    return gw
  }
}

extension Storage {
  /// Its content as float32.
  fileprivate var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
}

extension Int {
  /// The next multiple of `step` that is not below.
  func roundedUp(to step: Int) -> Int { (self + step - 1) / step * step }
}
