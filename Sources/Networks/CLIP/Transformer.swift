import Tensors

/// A stack of pre-norm attention blocks as in CLIP (Radford et al. 2021): [N, T, D] → [N, T, D].
struct Transformer {
  let blocks: [TransformerBlock]

  init(_ scope: ParameterScope, width: Int, layers: Int, heads: Int, exactGELU: Bool = false) {
    blocks = (0..<layers).map {
      TransformerBlock(scope["resblocks"][$0], width: width, layers: layers, heads: heads, exactGELU: exactGELU)
    }
  }

  /// - Parameter isCausal: whether no token sees those behind it.
  func callAsFunction(_ x: Tensor, isCausal: Bool = false) -> Tensor {
    blocks.reduce(x) { $1($0, isCausal: isCausal) }
  }
}

/// x + attention(norm(x)), then x + mlp(norm(x)).
struct TransformerBlock {
  let norm1: LayerNorm
  let attention: Attention
  let norm2: LayerNorm
  let expand: Linear
  let contract: Linear
  let exactGELU: Bool

  init(_ scope: ParameterScope, width: Int, layers: Int, heads: Int, exactGELU: Bool) {
    // The deviations of OpenAI's initialization: residual branches shrink with the depth.
    let deviation = 1 / Double(width).squareRoot()
    let residual = deviation / Double(2 * layers).squareRoot()
    norm1 = LayerNorm(scope["ln_1"], width)
    attention = Attention(scope["attn"], width, heads: heads, deviation: deviation, residual: residual)
    norm2 = LayerNorm(scope["ln_2"], width)
    expand = Linear(scope["mlp"]["c_fc"], width, 4 * width, weights: .normal(deviation: deviation / 2.0.squareRoot()))
    contract = Linear(scope["mlp"]["c_proj"], 4 * width, width, weights: .normal(deviation: residual))
    self.exactGELU = exactGELU
  }

  func callAsFunction(_ x: Tensor, isCausal: Bool) -> Tensor {
    let h = x + attention(norm1(x), isCausal: isCausal)
    let wide = expand(norm2(h))
    return h + contract(exactGELU ? wide.gelu() : wide.quickGELU())
  }
}

/// Multi-head self-attention with the parameters of `torch.nn.MultiheadAttention`.
struct Attention {
  /// Queries, keys and values, [3D, D].
  let inputWeight: Tensor
  let inputBias: Tensor
  let output: Linear
  let heads: Int

  init(_ scope: ParameterScope, _ width: Int, heads: Int, deviation: Double, residual: Double) {
    inputWeight = scope.parameter("in_proj_weight", [3 * width, width], .normal(deviation: deviation))
    inputBias = scope.parameter("in_proj_bias", [3 * width], .constant(0))
    output = Linear(scope["out_proj"], width, width, weights: .normal(deviation: residual))
    self.heads = heads
  }

  func callAsFunction(_ x: Tensor, isCausal: Bool) -> Tensor {
    output(x.linear(inputWeight, inputBias).selfAttention(heads: heads, isCausal: isCausal))
  }
}
