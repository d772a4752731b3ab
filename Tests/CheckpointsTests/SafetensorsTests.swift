import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct SafetensorsTests {
  /// A file written by the reference implementation, with a tensor of each type (see Fixtures/PROVENANCE.md).
  @Test func readsEveryType() throws {
    let checkpoint = try Safetensors.read(contentsOf: fixture("types.safetensors"))
    let halves: [Float] = [0, 1, -2.5, 65504, 6.0021877e-05, 0.099975586]
    let expected: [String: [Float]] = [
      "f64": [0, 1, -2.5, 65504, 6e-5, 0.1], "f32": [0, 1, -2.5, 65504, 6e-5, 0.1], "f16": halves,
      "bf16": [0, 1, -2.5, 65536, 6.0081482e-05, 0.100097656], "i64": [0, 1, 2, 3, 4, 100],
      "i32": [0, 1, 2, 3, 4, 100], "i16": [0, 1, 2, 3, 4, 100], "i8": [0, 1, 2, 3, 4, 100],
      "u8": [0, 1, 2, 3, 4, 100], "bool": [0, 1, 1, 1, 1, 1], "scalar": [-3.5], "empty": [],
    ]
    #expect(Set(checkpoint.tensors.keys) == Set(expected.keys))
    for (name, values) in expected { #expect(checkpoint.tensors[name]?.values == values, "\(name)") }
    #expect(checkpoint.tensors["f16"]?.shape == [2, 3])
    #expect(checkpoint.tensors["scalar"]?.shape == [])
    #expect(checkpoint.tensors["empty"]?.shape == [0, 4])
    #expect(checkpoint.metadata == ["format": "pt", "naïve \"key\"": "line\nbreak \\ ü"])
  }

  @Test func writesTheSameBytesInWhateverOrder() throws {
    let a = Tensor([1, 2] as [Float], shape: [2])
    let b = Tensor([3] as [Float], shape: [])
    let first = CheckpointTensors(tensors: ["b": b, "a": a], metadata: ["z": "1", "k\"\n\u{1}": "é"])
    let second = CheckpointTensors(tensors: ["a": a, "b": b], metadata: ["k\"\n\u{1}": "é", "z": "1"])
    let data = try Safetensors.data(of: first)
    #expect(try Safetensors.data(of: second) == data)
    let header =
      #"{"__metadata__":{"k\"\n\u0001":"é","z":"1"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
      + #""b":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}"#
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    #expect(data == file(padded, body: [0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64]))
  }

  @Test func survivesATrip() throws {
    var source = RandomSource(seed: 1)
    let checkpoint = CheckpointTensors(
      tensors: ["x": source.normal([3, 5, 2]), "naïve 名": source.normal([7]), "none": .zeros([0])],
      metadata: ["architecture": #"{"name":"a/b"}"#])
    let exact = try Safetensors.read(Safetensors.data(of: checkpoint), from: "trip")
    let short = try Safetensors.read(Safetensors.data(of: checkpoint, precision: .float16), from: "trip")
    #expect(exact.metadata == checkpoint.metadata && exact.tensors.keys.sorted() == checkpoint.tensors.keys.sorted())
    for (name, tensor) in checkpoint.tensors {
      #expect(exact.tensors[name]?.values == tensor.values)
      let difference = TensorDifference(try #require(short.tensors[name]), tensor)
      // Half a unit in the last of 11 bits.
      #expect(difference.relative <= 0x1p-11, "\(difference)")
    }
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Safetensors.write(checkpoint, to: path)
    #expect(try Safetensors.read(contentsOf: path).tensors["x"]?.values == checkpoint.tensors["x"]?.values)
  }

  @Test func refusesNumbersThatHalvesCannotHold() throws {
    let checkpoint = CheckpointTensors(tensors: ["w": Tensor([1, 65520] as [Float], shape: [2])], source: "m")
    #expect(throws: CheckpointError.notRepresentable(file: "m", tensor: "w", value: 65520, type: "F16")) {
      try Safetensors.data(of: checkpoint, precision: .float16)
    }
  }

  @Test func namesAMissingFile() {
    #expect {
      try Safetensors.read(contentsOf: "/nowhere/a.safetensors")
    } throws: { error in
      "\(error)".hasPrefix("/nowhere/a.safetensors: cannot be read: ")
    }
  }

  /// A file with `header` and `body`.
  private func file(_ header: String, body: [UInt8] = []) -> Data {
    var data = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    data.append(Data(header.utf8))
    data.append(contentsOf: body)
    return data
  }

  private static let types = "F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL"

  @Test(arguments: [
    (#"[]"#, 0, "m: not a safetensors file: its header does not begin with '{'"),
    (#"{"a":"#, 0, "m: not a safetensors file: its header is not valid JSON"),
    (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "m: not a safetensors file: 'a' in its header lacks 'data_offsets'"),
    (
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, 1,
      "m: not a safetensors file: its header has 'a' twice"
    ),
    (
      #"{"a":{"dtype":"U8","shape":[1],"shape" : [1],"data_offsets":[0,1]}}"#, 1,
      "m: not a safetensors file: its header has 'shape' twice"
    ),
    (
      #"{"__metadata__":{"\"k":"a","l":"k","\u0022k":"b"}}"#, 0,
      #"m: not a safetensors file: its header has '"k' twice"#
    ),
    (
      #"{"__metadata__":{"k":1}}"#, 0,
      "m: not a safetensors file: '__metadata__/k' in its header is not of type String"
    ),
    (
      #"{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}"#, 1,
      "m: tensor 'a': expected a type of \(types), found 'F8'"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4,
      "m: tensor 'a': expected a shape of sizes that fit in memory, found [-1]"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, 4,
      "m: tensor 'a': expected a shape of sizes that fit in memory, found [4294967296, 4294967296]"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4,
      "m: tensor 'a': expected 8 bytes for F32 [2], found 4"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4,
      "m: tensor 'a': expected data_offsets [begin, end], found [4, 0]"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 3,
      "m: truncated: tensor 'a' with those before it takes 4 bytes, found 3; fetch or copy the file again"
    ),
    (
      #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, 3,
      "m: damaged safetensors file: 'b' begins at byte 1, within another tensor"
    ),
    (
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}"#, 3,
      "m: damaged safetensors file: bytes 1 to 2, before 'b', belong to no tensor"
    ),
    (
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, 3,
      "m: damaged safetensors file: the last 2 bytes belong to no tensor"
    ),
  ])
  func refusesDamage(header: String, bodyBytes: Int, message: String) {
    #expect {
      try Safetensors.read(file(header, body: Array(repeating: 0, count: bodyBytes)), from: "m")
    } throws: { error in
      "\(error)" == message
    }
  }

  @Test func refusesImpossibleLengths() {
    #expect(throws: CheckpointError.truncated(file: "m", part: "the length of the header", expected: 8, found: 3)) {
      try Safetensors.read(Data([1, 2, 3]), from: "m")
    }
    #expect(throws: CheckpointError.headerTooLarge(file: "m", bytes: .max, limit: 100_000_000)) {
      try Safetensors.read(Data(repeating: 255, count: 64), from: "m")
    }
    #expect(throws: CheckpointError.truncated(file: "m", part: "the header", expected: 9, found: 2)) {
      try Safetensors.read(Data([9, 0, 0, 0, 0, 0, 0, 0, 123, 125]), from: "m")
    }
  }

  /// Whatever a byte is changed to, wherever a file ends: an error or a checkpoint, never a crash.
  @Test func survivesDamageAnywhere() throws {
    let good = try Data(contentsOf: URL(fileURLWithPath: fixture("types.safetensors")))
    var source = RandomSource(seed: 11)
    var refused = 0
    for _ in 0..<2000 {
      var bad = good
      for _ in 0...Int(source.next() % 3) {
        bad[Int(source.next() % UInt64(bad.count))] = UInt8(truncatingIfNeeded: source.next())
      }
      if source.next() % 4 == 0 { bad = bad.prefix(Int(source.next() % UInt64(bad.count))) }
      if (try? Safetensors.read(bad, from: "damaged")) == nil { refused += 1 }
    }
    #expect(refused > 1000)
  }
}
