/// Counts the multiplications of one evaluation of a U-Net on one picture, layer by layer.
private struct UNetWork {
  /// Height and width of the pictures.
  let resolution: Int
  /// Channels of the time's embedding.
  let embedding: Int
  private(set) var multiplications = 0.0

  init(resolution: Int, sinusoids: Int) {
    (self.resolution, embedding) = (resolution, 4 * sinusoids)
    multiplications = Double(sinusoids * embedding + embedding * embedding)
  }

  var flop: Double { 2 * multiplications }

  private func pixels(_ level: Int) -> Double { Double((resolution >> level) * (resolution >> level)) }

  /// A convolution of so many pixels on a side whose output is at `level`.
  mutating func convolution(_ inputs: Int, _ outputs: Int, kernel: Int = 3, at level: Int) {
    multiplications += pixels(level) * Double(kernel * kernel * inputs * outputs)
  }

  /// A residual block.
  /// - Parameter said: numbers that it takes from the time's embedding.
  mutating func block(_ inputs: Int, _ outputs: Int, said: Int, at level: Int) {
    convolution(inputs, outputs, at: level)
    convolution(outputs, outputs, at: level)
    if inputs != outputs { convolution(inputs, outputs, kernel: 1, at: level) }
    multiplications += Double(embedding * said)
  }

  /// Self-attention: queries, keys, values and projection, and each pixel with each.
  mutating func attention(_ channels: Int, at level: Int) {
    multiplications += pixels(level) * Double(channels) * (4 * Double(channels) + 2 * pixels(level))
  }
}

extension DDPMUNet.Configuration {
  /// Floating-point operations of one evaluation on one picture.
  var flopPerEvaluation: Double {
    var work = UNetWork(resolution: resolution, sinusoids: channels)
    let levels = multipliers.map { $0 * channels }
    func hasAttention(_ level: Int) -> Bool { attentionResolutions.contains(resolution >> level) }
    func blocks(_ inputs: [Int], _ level: Int) {
      for inputs in inputs {
        work.block(inputs, levels[level], said: levels[level], at: level)
        if hasAttention(level) { work.attention(levels[level], at: level) }
      }
    }
    var current = channels
    work.convolution(pictureChannels, channels, at: 0)
    for level in levels.indices {
      blocks([current] + Array(repeating: levels[level], count: self.blocks - 1), level)
      current = levels[level]
      if level < levels.count - 1 { work.convolution(current, current, at: level + 1) }
    }
    let last = levels.count - 1
    for _ in 0..<2 { work.block(current, current, said: current, at: last) }
    work.attention(current, at: last)
    for level in levels.indices.reversed() {
      let width = levels[level]
      let entering = level == 0 ? channels : levels[level - 1]
      let skips = Array(repeating: width, count: self.blocks) + [entering]
      blocks(skips.enumerated().map { ($0 == 0 ? current : width) + $1 }, level)
      current = width
      if level > 0 { work.convolution(current, current, at: level - 1) }
    }
    work.convolution(current, pictureChannels, at: 0)
    return work.flop
  }
}

extension GuidedUNet.Configuration {
  /// Floating-point operations of one evaluation on one picture.
  var flopPerEvaluation: Double {
    var work = UNetWork(resolution: resolution, sinusoids: channels)
    func block(_ inputs: Int, _ outputs: Int, at level: Int) {
      work.block(inputs, outputs, said: scalesByTime ? 2 * outputs : outputs, at: level)
    }
    /// From one resolution to the next, whose level is `level`.
    func resampling(_ channels: Int, to level: Int) {
      if resamplesInBlocks {
        block(channels, channels, at: level)
      } else {
        work.convolution(channels, channels, at: level)
      }
    }
    var current = levels[0].channels
    var skips = [current]
    work.convolution(pictureChannels, current, at: 0)
    for (index, level) in levels.enumerated() {
      for _ in 0..<blocks {
        block(current, level.channels, at: index)
        if level.attention { work.attention(level.channels, at: index) }
        current = level.channels
        skips.append(current)
      }
      guard index < levels.count - 1 else { break }
      resampling(current, to: index + 1)
      skips.append(current)
    }
    let last = levels.count - 1
    for _ in 0..<2 { block(current, current, at: last) }
    work.attention(current, at: last)
    for (index, level) in levels.enumerated().reversed() {
      for _ in 0...blocks {
        block(current + skips.removeLast(), level.channels, at: index)
        current = level.channels
        if level.attention { work.attention(current, at: index) }
      }
      if index > 0 { resampling(current, to: index - 1) }
    }
    work.convolution(current, pictureChannels * (learnsVariance ? 2 : 1), at: 0)
    return work.flop
  }
}
