import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// Files of every format that are damaged at random, and pickles put together at random: each is read or refused, in
/// less than a second and in bounded memory. A few thousand; `DIFFUSIONCLIP_FUZZ=1000000` makes it a million.
@Suite struct TensorFileFuzzTests {
  private static let count = ProcessInfo.processInfo.environment["DIFFUSIONCLIP_FUZZ"].flatMap { Int($0) } ?? 6000

  private static let files = [
    "views.pt", "zip64.pt", "training-list.ckpt", "script.pt", "views-legacy-2.pt", "views-legacy-4.pt", "python2.pt",
    "python2-protocol-0.pt", "fortran.npy", "version-2.npy", "types.safetensors",
  ]

  @Test(arguments: files) func survivesDamage(name: String) throws {
    let good = try Data(contentsOf: URL(filePath: fixture(name)))
    var generator = SeededGenerator(seed: UInt64(good.count))
    var refused = 0
    let count = max(1, Self.count / (Self.files.count + 1))
    for round in 0..<count {
      var bad = good
      for _ in 0...Int.random(in: 0...2, using: &generator) { damage(&bad, &generator) }
      if try !isRead(bad, "\(name), round \(round)") { refused += 1 }
    }
    #expect(refused > count / 20)
    if count > 100 { #expect(refused < count) }
  }

  /// What pickles are made of, right and wrong.
  private static let pieces =
    [
      "(", ")", "]", "}", "t", "l", "d", "a", "e", "s", "u", "0", "1", "2", "N", "R", "b", "o", "Q", "\u{81}", "\u{85}",
      "\u{86}", "\u{87}", "\u{88}", "\u{92}", "\u{93}", "\u{94}", "I0\n", "I1\n", "I-1\n", "I4\n", "L99999999999999L\n",
      "S'a'\n", "S'0'\n", "S'module.w'\n", "S'storage'\n", "F0.5\n", "p0\n", "p1\n", "g0\n", "g1\n", "h\u{0}", "q\u{0}",
      "J\u{FF}\u{FF}\u{FF}\u{7F}", "X\u{1}\u{0}\u{0}\u{0}k", "C\u{1}x", "\u{8A}\u{9}123456789",
      "ctorch\nFloatStorage\n",
      "ctorch\nBoolStorage\n", "ccollections\nOrderedDict\n", "ctorch._utils\n_rebuild_tensor\n", "cos\nsystem\n",
      "ctorch._utils\n_rebuild_parameter\n", "ctorch.jit._pickle\nrestore_type_tag\n", "cnumpy\ndtype\n",
      "ctorch.jit._pickle\nbuild_intlist\n", "c_codecs\nencode\n", "cnumpy.core.multiarray\nscalar\n", "S'latin1'\n",
      "(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI4\ntQ", "(I2\nI2\nt", "(I2\nI1\nt", "(I0\nI0\nt",
      "ccollections\nOrderedDict\n)R", "(I1\nI1\nl",
    ] + [
      PyTorchBytes.tensor(), PyTorchBytes.tensor(offset: 1, shape: [3]),
      PyTorchBytes.tensor(shape: [1000, 1000], strides: [0, 0]),
      PyTorchBytes.dictionary([("w", PyTorchBytes.tensor())]),
    ]

  @Test func survivesPicklesMadeAtRandom() throws {
    var generator = SeededGenerator(seed: 3)
    var read = 0
    let count = max(1, Self.count / (Self.files.count + 1))
    for round in 0..<count {
      var pickle = ""
      for _ in 0..<Int.random(in: 1...20, using: &generator) {
        // What follows is often what fits: a value to be put into a list or a dictionary that lies below.
        pickle += Self.pieces.randomElement(using: &generator) ?? ""
      }
      if round % 2 == 0 { pickle = "(" + pickle + "l" }
      let data = PyTorchBytes.archive(pickle: pickle + ".")
      if try isRead(data, "random pickle, round \(round): \(pickle)") { read += 1 }
    }
    if count > 100 { #expect(read > 0 && read < count) }
  }

  /// Whether `data` is read, with all its tensors, rather than refused; slowness is a failure.
  private func isRead(_ data: Data, _ label: String) throws -> Bool {
    let clock = ContinuousClock()
    var isRead = false
    var time = try clock.measure { isRead = try outcome(data) }
    // On a busy machine once may be chance.
    if time > .seconds(1) { time = try clock.measure { isRead = try outcome(data) } }
    #expect(time < .seconds(1), "\(label)")
    return isRead
  }

  private func outcome(_ data: Data) throws -> Bool {
    do throws(CheckpointError) {
      let file = try TensorFile(data, from: "damaged")
      let elements = file.entries.values.reduce(0) { $0 + $1.count }
      #expect(elements <= 4 * data.count + 1 << 24)
      for (name, tensor) in file.entries { #expect(tensor.tensor.shape == tensor.shape, "\(name)") }
      _ = try? file.stateDictionary()
      return true
    } catch {
      #expect("\(error)".hasPrefix("damaged: "))
      return false
    }
  }

  private func damage(_ data: inout Data, _ generator: inout SeededGenerator) {
    guard !data.isEmpty else { return }
    let place = Int.random(in: 0..<data.count, using: &generator)
    let length = min(data.count - place, Int.random(in: 1...16, using: &generator))
    switch Int.random(in: 0..<8, using: &generator) {
    case 0, 1: data[place] = UInt8.random(in: 0...255, using: &generator)
    case 2: data[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 3: data.removeSubrange(place..<place + length)
    case 4:
      data.insert(contentsOf: Data(data[place..<place + length]), at: Int.random(in: 0..<data.count, using: &generator))
    case 5:
      let piece = PyTorchBytes.latin1(Self.pieces.randomElement(using: &generator) ?? "")
      data.insert(contentsOf: piece, at: place)
    case 6:
      let numbers: [UInt64] = [0, 1, 0xFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 62, .max >> 1, .max]
      let bytes = PyTorchBytes.number(numbers.randomElement(using: &generator) ?? 0).prefix([2, 4, 8][length % 3])
      for (index, byte) in bytes.enumerated() where place + index < data.count { data[place + index] = byte }
    default:
      if length == 1 { data = Data(data.prefix(place)) } else { data[place] = data[place] &+ UInt8(length) }
    }
  }
}
