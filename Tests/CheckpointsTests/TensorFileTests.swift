import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// Files that PyTorch and NumPy wrote (see Fixtures/PROVENANCE.md).
@Suite struct TensorFileTests {
  @Test(arguments: [
    ("views.pt", TensorFile.Format.pyTorch), ("views-5.pt", .pyTorch), ("zip64.pt", .pyTorch),
    ("training-list.ckpt", .pyTorch), ("training-list-without-average.ckpt", .pyTorch),
    ("training-dictionary.pth", .pyTorch), ("script.pt", .torchScript), ("views-legacy-2.pt", .pyTorchLegacy),
    ("views-legacy-4.pt", .pyTorchLegacy), ("python2.pt", .pyTorchLegacy), ("python2-protocol-0.pt", .pyTorchLegacy),
    ("c.npy", .numPy), ("fortran.npy", .numPy), ("half.npy", .numPy), ("integers.npy", .numPy), ("flags.npy", .numPy),
    ("scalar.npy", .numPy), ("empty.npy", .numPy), ("bytes.npy", .numPy), ("version-2.npy", .numPy),
    ("version-3.npy", .numPy), ("views.pt.safetensors", .safetensors),
  ])
  func readsWhatOthersWrote(name: String, format: TensorFile.Format) throws {
    let own = name.hasSuffix(".safetensors") ? name : "\(name).safetensors"
    let expected = try Safetensors.read(contentsOf: fixture(own)).tensors
    let path = fixture(name)
    for file in try [TensorFile(contentsOf: path), TensorFile(Data(contentsOf: URL(filePath: path)), from: path)] {
      #expect(file.format == format)
      #expect(file.entries.keys.sorted() == expected.keys.sorted())
      for (key, tensor) in file.entries {
        let read = tensor.tensor
        #expect(read.shape == expected[key]?.shape && tensor.shape == read.shape, "\(key)")
        #expect(tensor.count == read.count)
        // The same conversion to float32, so the same bits.
        #expect(read.values == expected[key]?.values, "\(key)")
      }
    }
  }

  @Test func tellsHowTensorsLie() throws {
    let file = try TensorFile(contentsOf: fixture("views.pt"))
    let kinds: [(String, StoredType)] = [
      ("float64", .f64), ("float32", .f32), ("float16", .f16), ("bfloat16", .bf16), ("int64", .i64), ("int32", .i32),
      ("int16", .i16), ("int8", .i8), ("uint8", .u8), ("bool", .bool),
    ]
    for (name, type) in kinds { #expect(file.entries[name]?.type == type) }
    let columns = try #require(file.entries["shared.columns"])
    #expect(columns.shape == [6, 2] && columns.strides == [5, 2] && columns.offset == 1)
    #expect(file.entries["expanded"]?.strides == [1, 0])
    #expect(file.entries.keys.first == "float64", "in the file's order")
  }

  @Test func keepsOtherFacts() throws {
    let training = try TensorFile(contentsOf: fixture("training-dictionary.pth")).values
    #expect(training["epoch"] == .integer(3) && training["loss"] == .number(0.25) && training["steps"] == .integer(7))
    #expect(training["name"] == .text("tiny") && training["done"] == .flag(true) && training["none"] == nil)
    #expect(training["optimizer.param_groups.0.params.3"] == .integer(3))
    let list = try TensorFile(contentsOf: fixture("training-list.ckpt")).values
    #expect(list["2"] == .integer(3) && list["3"] == .integer(1700))
    let script = try TensorFile(contentsOf: fixture("script.pt")).values
    #expect(script["input_resolution"] == .integer(224) && script["sizes.1"] == .integer(5))
    let old = try TensorFile(contentsOf: fixture("python2-protocol-0.pt")).values
    #expect(old == ["naïve 名": .number(0.5), "flag": .flag(true), "list.0": .integer(3), "list.1": .text("ab\tc")])
    let metadata = try TensorFile(contentsOf: fixture("types.safetensors")).metadata
    #expect(metadata["format"] == "pt")
  }

  /// Files that ask Python to run something, and a module that was saved whole.
  @Test(arguments: [
    ("harmful-2.pt", "posix.system"), ("harmful-4.pt", "posix.system"), ("harmful-legacy.pt", "posix.system"),
    ("whole-module.pt", "torch.nn.modules.linear.Linear"),
  ])
  func refusesToRunAnything(name: String, global: String) {
    #expect(throws: CheckpointError.refusedGlobal(file: fixture(name), name: global)) {
      try TensorFile(contentsOf: fixture(name))
    }
  }

  @Test func saysWhatIsNotRead() {
    let expected =
      "m: not a file of weights: expected safetensors, PyTorch (.pt, .pth, .ckpt), TorchScript or NumPy (.npy), found "
      + "a file that begins with "
    for (bytes, found) in [
      (Data(), "nothing: it is empty"), (Data("<!DOCTYPE html>".utf8), "'<!DOCTYPE ht'"),
      (Data([0x89, 0x48, 0x44, 0x46]), "the bytes 89 48 44 46"),
      (Data([0x80, 2, 0x4B, 1, 0x2E]), "a pickle that PyTorch did not write"),
    ] {
      #expect {
        try TensorFile(bytes, from: "m")
      } throws: { error in
        "\(error)" == expected + found
      }
    }
    #expect {
      try TensorFile(contentsOf: fixture("big-endian.npy"))
    } throws: { error in
      "\(error)".hasSuffix(
        "big-endian.npy: its numbers: big-endian, which is not read here; save them again: "
          + "numpy.save(path, x.astype(x.dtype.newbyteorder('<')))")
    }
    for path in ["/nowhere/a.pt", NSTemporaryDirectory()] {
      #expect {
        try TensorFile(contentsOf: path)
      } throws: { error in
        "\(error)".hasPrefix("\(path): cannot be read: ")
      }
    }
  }
}
