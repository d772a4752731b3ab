import Checkpoints
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct ParameterSetTests {
  @Test func listsEveryDifference() throws {
    let network = try DDPMUNet(.tiny, seed: 1)
    var state = CheckpointTensors(tensors: network.parameters.state(), source: "a.safetensors")
    state.tensors["conv_in.bias"] = nil
    state.tensors["temb.dense.1.weight"] = .zeros([3, 4])
    state.tensors["up.9.block.0.conv1.weight"] = .zeros([2])
    #expect {
      try network.parameters.load(state)
    } throws: { error in
      "\(error)" == """
        a.safetensors: the parameters are not those of this network
          misshaped temb.dense.1.weight: expected [32, 32], found [3, 4]
          missing conv_in.bias: expected [8]
          extra up.9.block.0.conv1.weight: found [2]
        check that the file is for this architecture and configuration
        """
    }
  }

  @Test func aFailedLoadChangesNothing() throws {
    let network = try DDPMUNet(.tiny, seed: 1)
    let other = try DDPMUNet(.tiny, seed: 2)
    var state = CheckpointTensors(tensors: other.parameters.state())
    state.tensors["conv_in.bias"] = nil
    let before = network.parameters.tensors.map(\.values)
    #expect(throws: NetworkError.self) { try network.parameters.load(state) }
    #expect(network.parameters.tensors.map(\.values) == before)
  }

  @Test func stateHasCheckpointLayoutAndSurvivesATrip() throws {
    let network = try DDPMUNet(.tiny, seed: 1)
    try randomize(network.parameters)
    let state = network.parameters.state()
    #expect(state["conv_in.weight"]?.shape == [8, 3, 3, 3])
    #expect(state["mid.attn_1.q.weight"]?.shape == [16, 16, 1, 1])
    #expect(state["temb.dense.0.weight"]?.shape == [32, 8])
    // Checkpoint [out, in, height, width], engine [height, width, in, out].
    let engine = try #require(network.parameters.parameters["conv_in.weight"]).tensor.values
    let stored = try #require(state["conv_in.weight"]).values
    for (out, input, row, column) in [(5, 2, 1, 0), (0, 1, 2, 2), (7, 0, 0, 1)] {
      let (a, b) = (((out * 3 + input) * 3 + row) * 3 + column, ((row * 3 + column) * 3 + input) * 8 + out)
      #expect(stored[a] == engine[b])
    }
    let again = try DDPMUNet(.tiny, .unset)
    try again.parameters.load(CheckpointTensors(tensors: state))
    #expect(again.parameters.tensors.map(\.values) == network.parameters.tensors.map(\.values))
  }

  @Test func learningIsSwitchedForAll() throws {
    let network = try DDPMUNet(.tiny, seed: 1)
    #expect(network.parameters.tensors.allSatisfy { $0.requiresGradient })
    network.parameters.setRequiresGradient(false)
    #expect(!network.parameters.tensors.contains { $0.requiresGradient })
    #expect(network(.zeros([1, 8, 8, 3]), timesteps: [3]).requiresGradient == false)
  }
}
