import Checkpoints
import Tensors

/// CLIP with the tokenizer that its texts need. A checkpoint carries the tokenizer's merges in its metadata.
public final class CLIPModel {
  public let network: CLIP
  public let tokenizer: Tokenizer
  public let preprocessing: CLIP.Preprocessing

  /// - Throws: ``NetworkError/badConfiguration(source:_:)`` where the tokenizer is not the network's.
  public init(
    _ network: CLIP, _ tokenizer: Tokenizer, preprocessing: CLIP.Preprocessing = .official
  ) throws(NetworkError) {
    try Self.check(network, tokenizer)
    self.network = network
    self.tokenizer = tokenizer
    self.preprocessing = preprocessing
  }

  /// - Throws: ``NetworkError/badConfiguration(source:_:)`` where the tokenizer is not the network's.
  public static func check(_ network: CLIP, _ tokenizer: Tokenizer) throws(NetworkError) {
    let size = network.configuration.vocabularySize
    guard tokenizer.vocabularySize == size else {
      throw .badConfiguration(
        source: "CLIP", "the network knows \(size) tokens, the tokenizer's merges make \(tokenizer.vocabularySize)")
    }
  }

  /// From a checkpoint, with the merges in it or those of a model folder's merges.txt.
  public convenience init(_ checkpoint: CheckpointTensors, merges: String? = nil) throws(NetworkError) {
    try self.init(
      CLIP(checkpoint), Tokenizer(metadata: checkpoint.metadata, merges: merges, from: checkpoint.source))
  }

  /// The network with its description, and the merges.
  public func checkpoint(metadata: [String: String] = [:]) throws(NetworkError) -> CheckpointTensors {
    try network.checkpoint(metadata: metadata.merging(tokenizer.metadata) { $1 })
  }

  /// Unit vectors [N, embedDim] of pictures [N, H, W, 3] in [−1, 1].
  public func embedding(ofImages x: Tensor) -> Tensor {
    network.encodeImage(network.preprocessed(x, by: preprocessing)).normalizedRows()
  }

  /// Unit vectors [N, embedDim] of texts.
  /// - Throws: ``NetworkError/textTooLong(_:tokens:limit:)``.
  public func embedding(ofTexts texts: [String]) throws(NetworkError) -> Tensor {
    var tokens: [[Int]] = []
    for text in texts { tokens.append(try tokenizer.tokens(text, contextLength: network.configuration.contextLength)) }
    return network.encodeText(tokens).normalizedRows()
  }
}
