import Checkpoints
import Foundation
import OrderedCollections
import Tensors
import TestSupport
import Testing

/// What is written for PyTorch. Tests/Parity/exports.py has PyTorch itself read it.
@Suite struct PyTorchFileTests {
  private func tensors() -> OrderedDictionary<String, Tensor> {
    var random = RandomSource(seed: 5)
    return [
      "conv_out.weight": random.normal([3, 2, 3, 3]), "a scalar": random.normal([]), "empty": .zeros([0, 4]),
      "ümlaut": random.normal([65]),
    ]
  }

  @Test func isReadBack() throws {
    let tensors = tensors()
    let data = try PyTorchFile.data(ofStateDictionary: tensors)
    let file = try TensorFile(data, from: "written")
    #expect(file.format == .pyTorch && file.entries.keys == tensors.keys)
    for (name, tensor) in tensors {
      let found = try #require(file.entries[name]).tensor
      #expect(found.shape == tensor.shape && found.values == tensor.values)
    }
    #expect(try PyTorchFile.data(ofStateDictionary: tensors) == data)
    #expect(try file.stateDictionary().tensors.keys == tensors.keys)
  }

  @Test func halfPrecision() throws {
    let data = try PyTorchFile.data(ofStateDictionary: tensors(), precision: .float16)
    for (name, stored) in try TensorFile(data, from: "written").entries {
      let expected = try #require(tensors()[name])
      #expect(stored.type == .f16 && stored.shape == expected.shape)
      #expect(TensorDifference(stored.tensor, expected).relative < 1e-3)
    }
    #expect(throws: CheckpointError.notRepresentable(file: "mine", tensor: "x", value: 1e6, type: "F16")) {
      try PyTorchFile.data(
        ofStateDictionary: ["x": Tensor([Float(1e6)], shape: [1])], precision: .float16, source: "mine")
    }
  }

  /// The contents of entries begin at multiples of 64 bytes, and have the checksums that zip prescribes.
  @Test func entriesAreAlignedAndChecked() throws {
    let data = try PyTorchFile.data(ofStateDictionary: ["x": Tensor([Float(1), 2], shape: [2])])
    let bytes = [UInt8](data)
    func number(_ place: Int, _ size: Int) -> Int { (0..<size).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) } }
    var place = 0
    var names: [String] = []
    while number(place, 4) == 0x0403_4B50 {
      let size = number(place + 18, 4)
      let begin = place + 30 + number(place + 26, 2) + number(place + 28, 2)
      names.append(String(decoding: bytes[place + 30..<place + 30 + number(place + 26, 2)], as: UTF8.self))
      #expect(begin % 64 == 0)
      // Bit by bit, as the standard defines it.
      var rest = ~UInt32(0)
      for byte in bytes[begin..<begin + size] {
        rest ^= UInt32(byte)
        for _ in 0..<8 { rest = rest & 1 == 1 ? rest >> 1 ^ 0xEDB8_8320 : rest >> 1 }
      }
      #expect(number(place + 14, 4) == Int(~rest))
      place = begin + size
    }
    #expect(names == ["data.pkl", "byteorder", "data/0", "version"].map { "archive/" + $0 })
  }
}
