/// A network of any architecture that was trained to predict the noise in images.
public protocol DiffusionModel: Network, NoisePredictor {
  /// Height and width of the images it is trained on, in pixels.
  var resolution: Int { get }
  /// Channels of those images.
  var pictureChannels: Int { get }
  /// Floating-point operations of one evaluation on one image, convolutions counted as direct ones.
  var flopPerEvaluation: Double { get }
}
