import Tensors

/// A network of any architecture that was trained to predict the noise in images.
public protocol DiffusionModel: Network, NoisePredictor {
  /// Height and width of the images it is trained on, in pixels.
  var resolution: Int { get }
  /// Channels of those images.
  var pictureChannels: Int { get }
}

extension DiffusionModel {
  /// Floating-point operations of one evaluation on one image, convolutions counted as direct ones: what the forward pass
  /// asks for, counted on tensors without values.
  public var flopPerEvaluation: Double {
    let network = Self(checked: configuration, parameters: ParameterSet(.described))
    let x = Tensor(withoutValues: [1, resolution, resolution, pictureChannels])
    return FLOPs.counted { Gradients.off { _ = network.predict(x, timesteps: [0]) } }
  }
}
