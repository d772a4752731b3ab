import Kernels
import Tensors
import Testing

/// How products are cut for a device, and that it does not show in their bytes.
struct GPUTilingTests {
  /// A card of 132 units.
  private static let card = {
    var description = GPU(counting: 1 << 34).description
    description.units = 132
    return description
  }()

  /// Of a 3×3 convolution of pictures of so many pixels, with so many channels before and after.
  private static func convolution(items: Int, pixels: Int, channels: Int) -> GPUTiling {
    GPUTiling(
      .init(
        rows: items * pixels, columns: channels, inner: 9 * channels, itemRows: pixels, itemInner: 9 * channels),
      on: card)
  }

  @Test func deepLayersOfOnePictureFillACard() {
    let layer = Self.convolution(items: 1, pixels: 16 * 16, channels: 512)
    #expect(layer.side == 64 && layer.parts == 9 && layer.piece == 512)
    #expect(layer.tiles * layer.parts >= 2 * 132)
    let deepest = Self.convolution(items: 1, pixels: 8 * 8, channels: 512)
    #expect(deepest.tiles * deepest.parts >= 132)
    let linear = GPUTiling(.init(rows: 1, columns: 512, inner: 2048, itemRows: 1, itemInner: 2048), on: Self.card)
    #expect(linear.tiles * linear.parts == 64)
  }

  @Test func largeOnesTakeLargeTilesAndNoParts() {
    let layer = Self.convolution(items: 1, pixels: 256 * 256, channels: 128)
    #expect(layer.side == 128 && layer.parts == 1 && layer.piece >= 9 * 128)
    let batch = Self.convolution(items: 16, pixels: 16 * 16, channels: 512)
    #expect(batch.side == 128)
    var processor = Self.card
    processor.isProcessor = true
    let shape = GPUTiling.Shape(rows: 1 << 16, columns: 512, inner: 512, itemRows: 1 << 16, itemInner: 512)
    #expect(GPUTiling(shape, on: processor).side == 64)
  }

  /// The order in which sums are added up depends on it.
  @Test(arguments: [8 * 8, 16 * 16, 64 * 64]) func theLengthOfAPieceIsThatOfOneItem(_ pixels: Int) {
    let alone = Self.convolution(items: 1, pixels: pixels, channels: 256)
    for items in [2, 7, 64, 500] {
      #expect(Self.convolution(items: items, pixels: pixels, channels: 256).piece == alone.piece)
    }
  }
}

/// What the kernels cannot count is refused before it is queued.
struct GPUBoundsTests {
  private static let advice = "; take smaller pictures, or fewer at a time"

  @Test func tensorsOfTwoToTheThirtyOneElementsAreErrors() throws {
    let gpu = GPU(counting: 1 << 40)
    let fits = try gpu.buffer(bytes: 4 * ((1 << 31) - (1 << 20) - 1))
    try gpu.fill(fits, with: 1, count: (1 << 31) - (1 << 20) - 1)
    let large = try gpu.buffer(bytes: 4 << 31)
    let launches = gpu.launches
    #expect(
      throws: GPUError.failed(
        "2147483648 elements are more than the 2146435071 that kernels on a graphics card count" + Self.advice,
        in: "fill")
    ) { try gpu.fill(large, with: 1, count: 1) }
    #expect(throws: GPUError.self) { try gpu.fill(fits, with: 1, count: 1 << 31) }
    #expect(gpu.launches == launches)
  }

  @Test func productsOfSoManyElementsAreErrors() throws {
    let gpu = GPU(counting: 1 << 40)
    let (a, y) = (try gpu.buffer(bytes: 4 << 16), try gpu.buffer(bytes: 4 << 32))
    #expect(
      throws: GPUError.failed(
        "4294967296 elements are more than the 2146435071 that kernels on a graphics card count" + Self.advice,
        in: "product")
    ) {
      try gpu.product(
        GPUMatrix(a, stride: 1), GPUMatrix(a, stride: 1 << 16), into: y, rows: 1 << 16, columns: 1 << 16, inner: 1)
    }
  }
}

@Suite(.enabled(if: !GPU.devices.isEmpty, "no OpenCL or CUDA device is here: install pocl-opencl-icd"), .serialized)
struct GPUProductTests {
  /// The device as a processor and as a card of two units.
  private static let gpus = Result {
    try [true, false].map { isProcessor in
      var description = GPU.devices[0]
      description.isProcessor = isProcessor
      description.units = 2
      return try GPU(0, as: description)
    }
  }
  private var random = RandomSource(seed: 11)

  private mutating func numbers(_ shape: [Int]) -> Tensor { random.normal(shape) }

  private func bytes(_ buffer: GPUBuffer) throws -> [UInt32] {
    try buffer.device.values(in: buffer, as: Float.self).map(\.bitPattern)
  }

  private func error(_ found: [UInt32], _ expected: Tensor) -> Double {
    let values = expected.values
    let differences = zip(found, values).map { abs(Double(Float(bitPattern: $0)) - Double($1)) }
    return differences.reduce(0) { $1 > $0 || $1.isNaN ? $1 : $0 } / Double(values.map { abs($0) }.max() ?? 1)
  }

  /// A picture alone, spread over parts, and one of nine, whose pieces one group adds up, have the same bytes; so do tiles of 64
  /// and of 128.
  @Test mutating func aPictureHasTheSameBytesInAnyBatch() throws {
    let (items, side, channels, outputs) = (9, 7, 70, 65)
    let x = numbers([items, side, side, channels])
    let (w, bias) = (numbers([3, 3, channels, outputs]), numbers([outputs]))
    let (channelBias, residual) = (numbers([items, outputs]), numbers([items, side, side, outputs]))
    var found: Set<[UInt32]> = []
    var gradients: Set<[UInt32]> = []
    var kinds: Set<String> = []
    let expected = x.conv2d(w, bias, padding: .all(1), channelBias: channelBias, residual: residual)
    for gpu in try Self.gpus.get() {
      for count in [1, items] {
        func part(_ tensor: Tensor) throws -> GPUBuffer { try gpu.buffer(of: tensor.narrowed(0, 0..<count).values) }
        let c = GPUConvolution(
          input: [count, side, side, channels], weight: w.shape, stride: 1, top: 1, left: 1,
          output: [count, side, side, outputs])
        let (y, gx) = (
          try gpu.buffer(bytes: count * side * side * outputs * 4),
          try gpu.buffer(bytes: count * side * side * channels * 4)
        )
        let weight = try gpu.buffer(of: w.values)
        try gpu.convolution(
          c, part(x), weight, bias: gpu.buffer(of: bias.values), channelBias: part(channelBias),
          residual: part(residual), into: y)
        try gpu.convolutionInputGradient(c, part(residual), weight, into: gx)
        let values = try bytes(y)
        #expect(error(values, expected.narrowed(0, 0..<count)) < 5e-5)
        found.insert(Array(values.prefix(side * side * outputs)))
        gradients.insert(Array(try bytes(gx).prefix(side * side * channels)))
        let tiling = GPUTiling(
          .init(
            rows: count * side * side, columns: outputs, inner: 9 * channels, itemRows: side * side,
            itemInner: 9 * channels), on: gpu.description)
        kinds.insert("\(tiling.side) \(tiling.parts > 1)")
      }
    }
    #expect(found.count == 1)
    #expect(gradients.count == 1)
    #expect(kinds == ["64 true", "64 false", "128 true", "128 false"])
  }

  @Test mutating func rowsOfAProductHaveTheSameBytesAmongAny() throws {
    let (rows, columns, inner) = (300, 70, 1001)
    let (a, b, bias) = (numbers([rows, inner]), numbers([inner, columns]), numbers([columns]))
    let expected = a.matmul(b) + bias
    var found: Set<[UInt32]> = []
    for gpu in try Self.gpus.get() {
      for count in [1, rows] {
        let y = try gpu.buffer(bytes: count * columns * 4)
        try gpu.product(
          GPUMatrix(gpu.buffer(of: a.values), stride: inner), GPUMatrix(gpu.buffer(of: b.values), stride: columns),
          bias: gpu.buffer(of: bias.values), into: y, rows: count, columns: columns, inner: inner)
        let values = try bytes(y)
        #expect(error(values, expected.narrowed(0, 0..<count)) < 1e-5)
        found.insert(Array(values.prefix(columns)))
      }
    }
    #expect(found.count == 1)
  }
}
