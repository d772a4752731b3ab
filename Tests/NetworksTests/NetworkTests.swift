import Checkpoints
import Networks
import Testing

/// Checkpoints that describe a network, and those that do so wrongly.
@Suite struct NetworkTests {
  private func checkpoint() throws -> CheckpointTensors {
    var checkpoint = try DDPMUNet(.tiny, seed: 1).checkpoint()
    checkpoint.source = "u.safetensors"
    return checkpoint
  }

  @Test func isReadBack() throws {
    let checkpoint = try checkpoint()
    let network = try DDPMUNet(checkpoint)
    #expect(network.configuration == .tiny)
    #expect(try network.checkpoint().metadata == checkpoint.metadata)
    #expect(
      checkpoint.metadata["architecture"] == #"{"configuration":{"attentionResolutions":[4],"blocks":1,"channels":8,"#
        + #""groups":4,"multipliers":[1,2],"pictureChannels":3,"resolution":8},"name":"ddpm-unet"}"#)
  }

  @Test(arguments: [
    (nil, "expected a network of architecture 'ddpm-unet', found no description"),
    ("{", "expected a network of architecture 'ddpm-unet', found no description"),
    (#"{"name":"clip"}"#, "expected a network of architecture 'ddpm-unet', found 'clip'"),
    (#"{"name":"ddpm-unet"}"#, "the network's configuration is unusable"),
    (
      #"{"configuration":{"attentionResolutions":[],"blocks":1,"channels":-8,"groups":4,"multipliers":[1],"#
        + #""pictureChannels":3,"resolution":8},"name":"ddpm-unet"}"#,
      "the network's configuration is unusable: sizes must be positive, with 1 to 16 multipliers"
    ),
  ])
  func isRefused(description: String?, message: String) throws {
    var checkpoint = try checkpoint()
    checkpoint.metadata["architecture"] = description
    #expect {
      try DDPMUNet(checkpoint)
    } throws: { error in
      "\(error)".hasPrefix("u.safetensors: " + message)
    }
  }
}
