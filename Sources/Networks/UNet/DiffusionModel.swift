import Tensors

/// A network of any architecture that was trained to predict the noise in images.
public protocol DiffusionModel: Network, NoisePredictor {
  /// Height and width of the images it is trained on, in pixels.
  var resolution: Int { get }
  /// What height and width of any images must be multiples of, so that every level can halve them.
  var sizeStep: Int { get }
  /// Channels of those images.
  var pictureChannels: Int { get }
}

extension DiffusionModel {
  /// The same for an image of the size that the model is trained on.
  public var flopPerEvaluation: Double { flopPerEvaluation(height: resolution, width: resolution) }

  /// Floating-point operations of one evaluation on one image, convolutions counted as direct ones: what the forward pass
  /// asks for, counted on tensors without values.
  public func flopPerEvaluation(height: Int, width: Int) -> Double {
    let network = Self(checked: configuration, parameters: ParameterSet(.described))
    let x = Tensor(withoutValues: [1, height, width, pictureChannels])
    return FLOPs.counted { Gradients.off { _ = network.predict(x, timesteps: [0]) } }
  }
}
