import Tensors

// What the U-Net of guided diffusion is made of.

let guidedEps = 1e-5

/// A part of one of its stages.
enum GuidedLayer {
  case block(GuidedBlock)
  case attention(GuidedAttention)
  case downsample(Conv2d)
  case upsample(Conv2d)

  /// - Parameter skip: what is joined to the channels of x before; only a block takes it.
  func callAsFunction(_ x: Tensor, joining skip: Tensor? = nil, _ time: Tensor) -> Tensor {
    switch self {
    case .block(let block): block(x, joining: skip, time)
    case .attention(let attention): attention(x)
    case .downsample(let convolution): convolution(x)
    case .upsample(let convolution): convolution(x, upsample2x: true)
    }
  }
}

/// x + conv2(SiLU(norm2(conv1(SiLU(norm1(x))))·(1 + scale) + shift)), with a 1×1 convolution of x where channels change.
///
/// Scale and shift are linear in the time's embedding; a network without scales adds the shift before norm2. A block
/// that changes the resolution does so with x, and with SiLU(norm1(x)) before conv1.
struct GuidedBlock {
  enum Change {
    case none, halve, double
  }

  let norm1: GroupNorm
  let conv1: Conv2d
  let time: Linear
  let norm2: GroupNorm
  let conv2: Conv2d
  let shortcut: Linear?
  let scales: Bool
  let change: Change

  init(
    _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, embedding: Int, _ configuration: GuidedUNet.Configuration,
    _ change: Change
  ) {
    let groups = configuration.groups
    scales = configuration.scalesByTime
    norm1 = GroupNorm(scope["in_layers"][0], inputs, groups: groups, eps: guidedEps)
    conv1 = Conv2d(scope["in_layers"][2], inputs, outputs, kernel: 3, padding: .all(1))
    time = Linear(scope["emb_layers"][1], embedding, scales ? 2 * outputs : outputs)
    norm2 = GroupNorm(scope["out_layers"][0], outputs, groups: groups, eps: guidedEps)
    conv2 = Conv2d(scope["out_layers"][3], outputs, outputs, kernel: 3, padding: .all(1), weights: .zero)
    shortcut = inputs == outputs ? nil : Linear(scope["skip_connection"], inputs, outputs, pointwise: true)
    self.change = change
  }

  /// - Parameters:
  ///   - skip: what is joined to the channels of x before.
  ///   - silu: SiLU of the embedding of time.
  func callAsFunction(_ x: Tensor, joining skip: Tensor? = nil, _ silu: Tensor) -> Tensor {
    .segment([silu, x] + (skip.map { [$0] } ?? [])) { inputs in
      let x = inputs.count == 2 ? inputs[1] : .concatenated(Array(inputs[1...]), axis: -1)
      let scaleAndShift = time(inputs[0])
      let activated = norm1(x, silu: true)
      let h = conv1(
        change == .halve ? activated.halved() : activated, upsample2x: change == .double,
        channelBias: scales ? nil : scaleAndShift)
      let skip = resized(x)
      return conv2(
        scales ? modulated(h, by: scaleAndShift) : norm2(h, silu: true), residual: shortcut?(skip) ?? skip)
    }
  }

  /// SiLU(norm2(h)·(1 + scale) + shift), as the normalization with a weight and a bias of each item's own.
  private func modulated(_ h: Tensor, by scaleAndShift: Tensor) -> Tensor {
    let channels = h.size(-1)
    let factors = scaleAndShift.narrowed(1, 0..<channels) + 1
    let weights = factors * norm2.weight
    let biases = factors * norm2.bias + scaleAndShift.narrowed(1, channels..<2 * channels)
    let items = (0..<h.shape[0]).map { item in
      func own(_ values: Tensor) -> Tensor { values.narrowed(0, item..<item + 1) }
      return own(h).groupNorm(
        groups: norm2.groups, own(weights).reshaped([channels]), own(biases).reshaped([channels]), eps: norm2.eps,
        silu: true)
    }
    return items.count == 1 ? items[0] : .concatenated(items, axis: 0)
  }

  private func resized(_ x: Tensor) -> Tensor {
    switch change {
    case .none: x
    case .double: x.upsampledNearest2x()
    case .halve: x.halved()
    }
  }
}

/// x + proj(softmax(q·kᵀ/√D)·v) over all pixels of a picture, in heads of D channels.
struct GuidedAttention {
  let norm: GroupNorm
  let input: PixelLinear
  let output: PixelLinear
  let headChannels: Int
  let order: GuidedUNet.Configuration.AttentionOrder

  init(_ scope: ParameterScope, _ channels: Int, _ configuration: GuidedUNet.Configuration) {
    norm = GroupNorm(scope["norm"], channels, groups: configuration.groups, eps: guidedEps)
    input = PixelLinear(scope["qkv"], channels, 3 * channels, .fanIn(channels))
    output = PixelLinear(scope["proj_out"], channels, channels, .zero)
    headChannels = configuration.headChannels
    order = configuration.attentionOrder
  }

  func callAsFunction(_ x: Tensor) -> Tensor { .segment([x]) { mixed($0[0]) } }

  private func mixed(_ x: Tensor) -> Tensor {
    let (items, channels) = (x.shape[0], x.size(-1))
    let layout: AttentionLayout = order == .legacy ? .byHead : .byPart
    let mixed = input(norm(x).reshaped([items, -1, channels]))
      .selfAttention(heads: channels / headChannels, layout: layout)
    return x + output(mixed).reshaped(x.shape)
  }
}

/// A linear layer that checkpoints hold as a convolution over a sequence, [out, in, 1].
struct PixelLinear {
  let weight: Tensor
  let bias: Tensor

  init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int, _ weights: InitialValues) {
    weight = scope.parameter("weight", [outputs, inputs, 1], weights)
    bias = scope.parameter("bias", [outputs], .zero)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight.reshaped([weight.shape[0], weight.shape[1]]), bias) }
}
