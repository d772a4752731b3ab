import Checkpoints
import Networks
import Tensors

/// Fills every parameter with numbers, so that no part of a network is idle.
package func randomize(_ parameters: ParameterSet, seed: UInt64 = 7) throws {
  var state = CheckpointTensors(tensors: parameters.state())
  for (name, tensor) in state.tensors {
    var source = RandomSource(seed: seed, name: name)
    let fanIn = tensor.rank > 1 ? tensor.count / tensor.shape[0] : 25
    state.tensors[name] =
      source.normal(tensor.shape) * (1 / Double(fanIn).squareRoot())
      + (name.contains("norm") && name.hasSuffix("weight") ? 1 : 0)
  }
  try parameters.load(state)
}
