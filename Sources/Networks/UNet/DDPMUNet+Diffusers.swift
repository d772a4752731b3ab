import Checkpoints
import Foundation
import OrderedCollections
import Tensors

// The network as diffusers' UNet2DModel: other names, attention without the 1×1 of convolutions, and a configuration.

extension DDPMUNet {
  /// What `UNet2DModel.from_pretrained` reads: config.json, and the weights of diffusion_pytorch_model.safetensors.
  /// - Throws: ``NetworkError/badConfiguration(source:_:)`` for a network that UNet2DModel cannot be.
  public func diffusersFolder() throws(NetworkError) -> (configuration: String, weights: CheckpointTensors) {
    let keys = KeyMap.diffusers(levels: configuration.multipliers.count)
    guard configuration.multipliers[0] == 1 else {
      throw .badConfiguration(
        source: "diffusers",
        "its UNet2DModel begins with as many channels as its first level has, this network with "
          + "\(configuration.channels) and \(configuration.multipliers[0] * configuration.channels)")
    }
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for (name, tensor) in parameters.state() {
      // The first of the names that diffusers has had is the one that it has now.
      guard let other = keys.theirs(name).first?.names.first else { preconditionFailure("no name for \(name)") }
      let isLinear = other.contains(".to_") && tensor.rank == 4
      tensors[other] = isLinear ? tensor.reshaped(Array(tensor.shape.prefix(2))) : tensor
    }
    return (
      diffusersConfiguration, CheckpointTensors(tensors: tensors, metadata: ["format": "pt"], source: "diffusers")
    )
  }

  private var diffusersConfiguration: String {
    let attends = configuration.multipliers.indices.map {
      configuration.attentionResolutions.contains(configuration.resolution >> $0)
    }
    func list(_ items: [some CustomStringConvertible], quoted: Bool = false) -> String {
      "[" + items.map { quoted ? "\"\($0)\"" : "\($0)" }.joined(separator: ", ") + "]"
    }
    let channels = configuration.multipliers.map { $0 * configuration.channels }
    let members = [
      ("_class_name", "\"UNet2DModel\""), ("act_fn", "\"silu\""), ("attention_head_dim", "null"),
      ("block_out_channels", list(channels)), ("center_input_sample", "false"),
      ("down_block_types", list(attends.map { $0 ? "AttnDownBlock2D" : "DownBlock2D" }, quoted: true)),
      ("downsample_padding", "0"), ("flip_sin_to_cos", "false"), ("freq_shift", "1"),
      ("in_channels", "\(configuration.pictureChannels)"), ("layers_per_block", "\(configuration.blocks)"),
      ("mid_block_scale_factor", "1"), ("norm_eps", "1e-06"), ("norm_num_groups", "\(configuration.groups)"),
      ("out_channels", "\(configuration.pictureChannels)"), ("sample_size", "\(configuration.resolution)"),
      ("time_embedding_type", "\"positional\""),
      ("up_block_types", list(attends.reversed().map { $0 ? "AttnUpBlock2D" : "UpBlock2D" }, quoted: true)),
    ]
    return "{\n" + members.map { "  \"\($0)\": \($1)" }.joined(separator: ",\n") + "\n}\n"
  }
}
