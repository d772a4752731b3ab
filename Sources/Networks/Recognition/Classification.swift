import Tensors

/// One question about a picture, with its possible answers: "hair_color", ["black", "blond", …].
public struct ClassificationHead: Codable, Sendable, Hashable {
  public var name: String
  /// Its classes, in the order of the logits.
  public var values: [String]

  public init(name: String, values: [String]) {
    self.name = name
    self.values = values
  }

  static func problem(_ heads: [ClassificationHead]) -> String? {
    if let bad = heads.first(where: { $0.values.isEmpty }) { return "head '\(bad.name)' has no values" }
    return Set(heads.map(\.name)).count == heads.count ? nil : "two heads have the same name"
  }
}

/// Logits for several questions from one vector.
struct ClassificationHeads {
  let layers: [Linear]

  init(_ scope: ParameterScope, _ width: Int, _ heads: [ClassificationHead]) {
    layers = heads.enumerated().map { Linear(scope[$0], width, $1.values.count, weights: .fanIn(width)) }
  }

  /// [N, H, W, C], averaged over its pixels → [N, K] for each head.
  func callAsFunction(_ features: Tensor) -> [Tensor] {
    let (items, channels) = (features.shape[0], features.size(-1))
    let pooled = features.reshaped([items, -1, channels]).mean([1]).reshaped([items, channels])
    return layers.map { $0(pooled) }
  }
}
