import Checkpoints
import OrderedCollections
import Tensors
import TestSupport
import Testing

/// Which weights are taken from a file that holds more than one model's.
@Suite struct StateDictionaryTests {
  private static let parameters = ["0.bias", "0.weight", "1.bias", "1.weight"]
  private static let buffers = ["1.num_batches_tracked", "1.running_mean", "1.running_var"]

  private func check(
    _ name: String, average: String?, model: String, note: String, file: String? = nil
  ) throws {
    let state = try TensorFile(contentsOf: fixture(name)).stateDictionary()
    let expected = try Safetensors.read(contentsOf: fixture("\(name).safetensors")).tensors
    let taken = state.checkpoint.tensors
    #expect(state.note == note)
    #expect(taken.keys.sorted() == (Self.parameters + Self.buffers).sorted())
    for key in Self.parameters {
      #expect(taken[key]?.values == expected[(average ?? model) + key]?.values, "\(key)")
    }
    for key in Self.buffers { #expect(taken[key]?.values == expected[model + key]?.values, "\(key)") }
  }

  @Test func takesTheAverageOfAList() throws {
    try check(
      "training-list.ckpt", average: "4.", model: "0.module.",
      note: "took item 4, the average (EMA) of item 0; took what it lacks, 3 tensors, from item 0; "
        + "dropped 'module.' before each name")
  }

  @Test func takesTheModelOfAListWithoutAverage() throws {
    try check(
      "training-list-without-average.ckpt", average: nil, model: "0.module.",
      note: "took item 0; dropped 'module.' before each name")
  }

  @Test func takesTheAverageOfADictionary() throws {
    try check(
      "training-dictionary.pth", average: "ema.module.", model: "state_dict.module.",
      note: "took 'ema', the average (EMA) of 'state_dict'; took what it lacks, 3 tensors, from 'state_dict'; "
        + "dropped 'module.' before each name")
  }

  @Test(arguments: ["views.pt", "script.pt", "python2.pt", "c.npy", "types.safetensors"])
  func takesTheWholeOfAStateDictionary(name: String) throws {
    let file = try TensorFile(contentsOf: fixture(name))
    let state = try file.stateDictionary()
    #expect(state.note == nil && state.tensors.keys == file.entries.keys)
  }

  private typealias Item = (key: String, value: String)

  private func state(_ value: String) throws -> StateDictionary {
    try TensorFile(PyTorchBytes.archive(pickle: value + "."), from: "m").stateDictionary()
  }

  private let tensor = PyTorchBytes.tensor()

  @Test func knowsTheUsualNames() throws {
    let weights = PyTorchBytes.dictionary([("w", tensor)])
    let other = PyTorchBytes.dictionary([("state", tensor)])
    for (content, note) in [
      ([("weights", weights)], "took 'weights'"),
      ([("optimizer", other), ("mine", weights)], "took 'mine'"),
      ([("ema", weights), ("optimizer", other)], "took 'ema', an average (EMA)"),
      ([("step", tensor), ("model", weights)], "took 'model'"),
      // An "average" of something else.
      ([("ema", other), ("model", weights)], "took 'model'"),
    ] {
      let state = try state(PyTorchBytes.dictionary(content))
      #expect(state.note == note && state.tensors.keys == ["w"])
    }
    #expect {
      try state(PyTorchBytes.dictionary([("a", weights), ("b", weights)]))
    } throws: { error in
      "\(error)"
        == "m: expected a model's state dict, found dictionaries called 'a', 'b'; "
        + "save the state dict alone: torch.save(model.state_dict(), …)"
    }
    #expect(throws: CheckpointError.noModel(file: "m", found: "no tensors")) { try state("}") }
    #expect(throws: CheckpointError.noModel(file: "m", found: "a list of tensors")) { try state("(\(tensor)l") }
  }

  @Test func dropsThePrefixOnlyWhereAllHaveIt() throws {
    let all = try state(PyTorchBytes.dictionary([("module.a", tensor), ("module.module.b", tensor)]))
    #expect(all.tensors.keys == ["a", "module.b"] && all.note == "dropped 'module.' before each name")
    for compiled in [
      ["_orig_mod.a", "_orig_mod.b.c"], ["a", "b._orig_mod.c"], ["module._orig_mod.a", "module._orig_mod.b.c"],
      ["_orig_mod.module.a", "_orig_mod.module.b.c"],
    ] {
      #expect(try state(PyTorchBytes.dictionary(compiled.map { ($0, tensor) })).tensors.keys == ["a", "b.c"])
    }
    let both = try state(PyTorchBytes.dictionary([("_orig_mod.a", tensor), ("a", tensor)]))
    #expect(both.tensors.keys == ["_orig_mod.a", "a"] && both.note == nil)
    let some = try state(PyTorchBytes.dictionary([("module.a", tensor), ("b", tensor)]))
    #expect(some.tensors.keys == ["module.a", "b"] && some.note == nil)
  }
}
