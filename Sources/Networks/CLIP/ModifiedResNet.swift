import Tensors

/// The ResNet of CLIP (Radford et al. 2021, section 2.4): a stem of three convolutions, average pooling wherever the
/// resolution is halved, and attention in place of the last pooling. [N, H, W, 3] → [N, embedDim].
struct ModifiedResNet {
  /// By what the resolution is divided up to the attention.
  static let reduction = 32
  /// Channels of the last stage over `visionWidth`.
  static let expansion = 32

  let stem: [(convolution: Conv2d, norm: BatchNorm)]
  let stages: [[Bottleneck]]
  let pool: AttentionPool

  init(_ scope: ParameterScope, blocks: [Int], _ configuration: CLIP.Configuration) {
    let width = configuration.visionWidth
    let half = width / 2
    func step(_ index: Int, _ inputs: Int, _ outputs: Int, stride: Int) -> (Conv2d, BatchNorm) {
      (
        Conv2d(scope["conv\(index)"], inputs, outputs, kernel: 3, stride: stride, padding: .all(1), bias: false),
        BatchNorm(scope["bn\(index)"], outputs)
      )
    }
    stem = [step(1, 3, half, stride: 2), step(2, half, half, stride: 1), step(3, half, width, stride: 1)]
    var current = width
    stages = blocks.enumerated().map { stage, count in
      let inner = width << stage
      return (0..<count).map { index in
        defer { current = 4 * inner }
        return Bottleneck(
          scope["layer\(stage + 1)"][index], current, inner, halves: stage > 0 && index == 0)
      }
    }
    let side = configuration.imageResolution / Self.reduction
    pool = AttentionPool(
      scope["attnpool"], tokens: side * side + 1, width: Self.expansion * width, configuration.embedDim,
      heads: configuration.visionHeads)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let start = stem.reduce(x) { $1.norm($1.convolution($0)).relu() }.halved()
    return pool(stages.reduce(start) { $1.reduce($0) { $1($0) } })
  }

  /// ReLU(shortcut(x) + conv3(…)), with an average pooling before the last convolution and the shortcut where it halves.
  struct Bottleneck {
    let convolutions: [(convolution: Conv2d, norm: BatchNorm)]
    let shortcut: (convolution: Conv2d, norm: BatchNorm)?
    let halves: Bool

    init(_ scope: ParameterScope, _ inputs: Int, _ inner: Int, halves: Bool) {
      func step(_ index: Int, _ inputs: Int, _ outputs: Int, kernel: Int) -> (Conv2d, BatchNorm) {
        (
          Conv2d(scope["conv\(index)"], inputs, outputs, kernel: kernel, padding: .all(kernel / 2), bias: false),
          BatchNorm(scope["bn\(index)"], outputs)
        )
      }
      convolutions = [
        step(1, inputs, inner, kernel: 1), step(2, inner, inner, kernel: 3), step(3, inner, 4 * inner, kernel: 1),
      ]
      let side = scope["downsample"]
      shortcut =
        inputs == 4 * inner && !halves
        ? nil : (Conv2d(side[0], inputs, 4 * inner, kernel: 1, bias: false), BatchNorm(side[1], 4 * inner))
      self.halves = halves
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
      var h = convolutions.prefix(2).reduce(x) { $1.norm($1.convolution($0)).relu() }
      if halves { h = h.halved() }
      h = convolutions[2].norm(convolutions[2].convolution(h))
      let skip = shortcut.map { $0.norm($0.convolution(halves ? x.halved() : x)) } ?? x
      return (skip + h).relu()
    }
  }

  /// What the mean of all pixels asks of each of them, in heads: [N, H, W, D] → [N, outputs].
  struct AttentionPool {
    let positionalEmbedding: Tensor
    let query: Linear, key: Linear, value: Linear, output: Linear
    let heads: Int

    init(_ scope: ParameterScope, tokens: Int, width: Int, _ outputs: Int, heads: Int) {
      let values = InitialValues.normal(deviation: 1 / Double(width).squareRoot())
      positionalEmbedding = scope.parameter("positional_embedding", [tokens, width], values)
      query = Linear(scope["q_proj"], width, width, weights: values)
      key = Linear(scope["k_proj"], width, width, weights: values)
      value = Linear(scope["v_proj"], width, width, weights: values)
      output = Linear(scope["c_proj"], width, outputs, weights: values)
      self.heads = heads
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
      let (items, width) = (x.shape[0], x.size(-1))
      let pixels = x.reshaped([items, -1, width])
      let tokens = Tensor.concatenated([pixels.mean([1]), pixels], axis: 1) + positionalEmbedding
      let mixed = Tensor.attention(
        queries: query(tokens.narrowed(1, 0..<1)), keys: key(tokens), values: value(tokens), heads: heads)
      return output(mixed.reshaped([items, width]))
    }
  }
}
