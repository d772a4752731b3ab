import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// Files made to do harm: each is refused with a message, and nothing of it is run.
@Suite struct HostileFileTests {
  private func message(_ data: Data) -> String {
    do {
      let file = try TensorFile(data, from: "m.pt")
      return "read: \(file.entries.keys)"
    } catch {
      return "\(error)"
    }
  }

  /// The pages of a mapped file that is cut short meanwhile cannot be had: that must not end the process.
  @Test func aFileThatIsCutWhileItIsMapped() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let tensor = Tensor([Float](repeating: 1, count: 1 << 20), shape: [1 << 20])
    let data = try Safetensors.data(of: CheckpointTensors(tensors: ["w": tensor], source: "m"))
    for round in 0..<3 {
      try data.write(to: URL(fileURLWithPath: path))
      let file = try TensorFile(contentsOf: path)
      try #require(truncate(path, 1 << 14) == 0)
      #expect(file.entries["w"]?.tensor.values.last == 0, "round \(round)")
      #expect(throws: CheckpointError.self) { try TensorFile(contentsOf: path) }
    }
  }

  private func message(pickle: String) -> String { message(PyTorchBytes.archive(pickle: pickle)) }

  @Test(arguments: [
    ("cos\nsystem\n(S'true'\ntR.", "os.system"),
    ("cbuiltins\neval\n(S'1'\ntR.", "builtins.eval"),
    ("c__builtin__\ngetattr\n.", "__builtin__.getattr"),
    ("\u{80}\u{4}\u{8C}\u{2}os\u{8C}\u{6}system\u{93}\u{8C}\u{4}true\u{85}R.", "os.system"),
    ("(S'true'\nios\nsystem\n.", "os.system"),
    ("(cos\nsystem\nS'true'\no.", "os.system"),
    ("csubprocess\nPopen\n)\u{81}.", "subprocess.Popen"),
    ("ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes"),
    ("ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "torch._utils._rebuild_tensor_v2.__globals__"),
    ("ctorch\nload\n.", "torch.load"),
    // Known in TorchScript archives alone.
    ("c__torch__.m\nModel\n.", "__torch__.m.Model"),
  ])
  func refusesOtherCode(pickle: String, name: String) {
    #expect(
      message(pickle: pickle)
        == "m.pt: refuses to load: its pickle asks for '\(name)', which is not among what weights are made of; "
        + "save the state dict alone: torch.save(model.state_dict(), …)")
  }

  @Test(arguments: [
    (".", "byte 0: expected a value on the stack, found none"),
    ("(0.", "byte 2: expected a value on the stack, found none"),
    ("\u{80}\u{6}N.", "byte 0: expected a pickle of protocol 0 to 5, found 6"),
    ("\u{82}\u{1}.", "byte 0: expected an instruction, found byte 130"),
    ("h\u{5}.", "byte 0: expected a value at place 5 of the memory, found none"),
    ("Pos.system\n.", "byte 0: expected a storage's tuple, found a persistent id of protocol 0"),
    ("I1\nQ.", "byte 3: expected a persistent id ('storage', class, key, device, count), found the number 1"),
    ("I1\n)R.", "byte 4: expected a function or class, found the number 1"),
    ("ccollections\nOrderedDict\nI1\nR.", "byte 28: expected a tuple of arguments, found the number 1"),
    ("Ia\n.", "byte 0: expected a whole number, found 'a'"),
    (
      "ctorch\nFloatStorage\n)R.",
      "byte 21: expected a function or class, found 'torch.FloatStorage' called without a persistent id"
    ),
    ("]NNs.", "byte 3: expected a dictionary, found a list or tuple"),
  ])
  func refusesBadPickles(pickle: String, end: String) {
    #expect(message(pickle: pickle) == "m.pt: damaged: data.pkl, \(end); fetch or copy the file again")
  }

  @Test func refusesPicklesWithoutEnd() {
    #expect(
      message(pickle: "]") == "m.pt: truncated: data.pkl takes 2 bytes, found 1; fetch or copy the file again")
    #expect(
      message(pickle: "X\u{FF}\u{FF}\u{FF}\u{FF}a.")
        == "m.pt: truncated: data.pkl takes 4294967300 bytes, found 7; fetch or copy the file again")
    #expect(
      message(pickle: "\u{8D}" + String(repeating: "\u{FF}", count: 8))
        == "m.pt: truncated: data.pkl takes 9223372036854775807 bytes, found 9; fetch or copy the file again")
  }

  @Test(arguments: [
    (PyTorchBytes.tensor(shape: [5]), "elements within its storage of 4, found shape [5], strides [1], offset 0"),
    (PyTorchBytes.tensor(offset: 1), "elements within its storage of 4, found shape [4], strides [1], offset 1"),
    (PyTorchBytes.tensor(strides: [2]), "elements within its storage of 4, found shape [4], strides [2], offset 0"),
    (
      PyTorchBytes.tensor(offset: .max),
      "elements within its storage of 4, found shape [4], strides [1], offset 9223372036854775807"
    ),
    (
      PyTorchBytes.tensor(strides: [.max]),
      "elements within its storage of 4, found shape [4], strides [9223372036854775807], offset 0"
    ),
    (PyTorchBytes.tensor(offset: -1), "an offset ≥ 0, found -1"),
    (PyTorchBytes.tensor(strides: [-1]), "a stride ≥ 0 for each axis of [4], found [-1]"),
    (PyTorchBytes.tensor(strides: []), "a stride ≥ 0 for each axis of [4], found []"),
    (PyTorchBytes.tensor(shape: [-4]), "a shape of sizes that fit in memory, found [-4]"),
    (
      PyTorchBytes.tensor(shape: [0, .max, 2], strides: [1, 1, 1]),
      "a shape of sizes that fit in memory, found [0, 9223372036854775807, 2]"
    ),
    (
      PyTorchBytes.tensor(shape: [1 << 40], strides: [0]),
      "at most 16778580 elements in a file of 341 bytes, together with those before it, "
        + "found 1099511627776 and 0 before it"
    ),
    (PyTorchBytes.tensor(count: 5), "a storage of 5 × F32, found 16 bytes"),
    (PyTorchBytes.tensor(count: .max), "a storage of 9223372036854775807 × F32, found 16 bytes"),
    (PyTorchBytes.tensor(key: "../0"), "its storage, entry 'm/data/../0', found none"),
  ])
  func refusesTensorsThatCannotBe(tensor: String, end: String) {
    let message = message(pickle: PyTorchBytes.dictionary([("w", tensor)]) + ".")
    #expect(message == "m.pt: tensor 'w': expected \(end)")
  }

  @Test func boundsWhatTensorsShare() {
    let items = (0..<40).map { ("\($0)", PyTorchBytes.tensor(shape: [1 << 20], strides: [0])) }
    let message = message(pickle: PyTorchBytes.dictionary(items) + ".")
    #expect(message.hasPrefix("m.pt: tensor '16': expected at most "))
  }

  @Test func refusesValuesThatHoldThemselves() {
    let end = "expected values that end, found one that holds itself; fetch or copy the file again"
    #expect(message(pickle: "]p0\ng0\na.") == "m.pt: damaged: '0': \(end)")
    #expect(message(pickle: "}p0\nS'a'\n]p1\ng0\nas.") == "m.pt: damaged: 'a.0': \(end)")
  }

  /// Values of a depth, a number and a length of names that only memory shared by many makes possible.
  @Test func boundsDepthNumberAndNames() {
    let deep = String(repeating: "]", count: 300_000) + String(repeating: "a", count: 299_999) + "."
    #expect(message(pickle: deep).contains("more than 100 levels deep"))
    var laughs = "(" + String(repeating: "I1\n", count: 10) + "lp0\n"
    for level in 1..<20 { laughs += "(" + String(repeating: "g\(level - 1)\n", count: 10) + "lp\(level)\n" }
    #expect(message(pickle: laughs + ".").contains("its values: more than 1000000"))
    var empty = "(lp0\n"
    for level in 1..<20 { empty += "(" + String(repeating: "g\(level - 1)\n", count: 10) + "lp\(level)\n" }
    #expect(message(pickle: empty + ".").contains("its values: more than 1000000"))
    let key = "X" + "\u{0}\u{0}\u{10}\u{0}" + String(repeating: "k", count: 1 << 20) + "p0\n0"
    let named = key + "(" + (0..<200).map { _ in "(g0\nI1\nd" }.joined() + "l."
    #expect(message(pickle: named).contains("its values: more than"))
  }

  @Test func boundsTheSteps() {
    #expect(
      message(pickle: String(repeating: "N0", count: 4_000_001) + "N.").contains("takes more than 8000000 steps"))
    // A list made once, and turned into a dictionary again and again.
    let list = "(" + String(repeating: "(NNl", count: 100_000) + "lp0\n0"
    let turned = String(repeating: "ccollections\nOrderedDict\n(g0\ntR0", count: 10_000)
    #expect(message(pickle: list + turned + "N.").contains("takes more than 8000000 steps"))
  }

  // MARK: Zip files

  private let weights = PyTorchBytes.latin1(PyTorchBytes.dictionary([("w", PyTorchBytes.tensor())]) + ".")
  private let storage = Data(repeating: 0, count: 16)

  private func message(
    _ change: (inout [PyTorchBytes.Entry]) -> Void
  ) -> String {
    var entries = [PyTorchBytes.Entry("m/data.pkl", weights), PyTorchBytes.Entry("m/data/0", storage)]
    change(&entries)
    return message(PyTorchBytes.zip(entries))
  }

  @Test func checksZipFiles() {
    #expect(message { _ in } == "read: [\"w\"]")
    let again = "; fetch or copy the file again"
    let names = "m.pt: damaged: the zip directory: expected relative names without '..', found "
    #expect(message { $0.append(.init("m/../../x", Data())) } == names + "'m/../../x'" + again)
    #expect(message { $0.append(.init("/etc/x", Data())) } == names + "'/etc/x'" + again)
    #expect(
      message { $0.append($0[1]) }
        == "m.pt: damaged: the zip directory: expected distinct names, found 'm/data/0' twice\(again)")
    #expect(
      message { $0[1].localName = "m/data/1" }
        == "m.pt: damaged: entry 'm/data/0': expected the same name in its header, found another\(again)")
    #expect(
      message { $0[1].claimed = 1_000_000 } == "m.pt: truncated: entry 'm/data/0' takes 1000000 bytes, found 16\(again)"
    )
    #expect(
      message { $0[1].place = 3 }
        == "m.pt: damaged: entry 'm/data/0': expected its header at byte 3, found other bytes\(again)")
    // One entry within another, as bombs have it.
    let inner = PyTorchBytes.zip([PyTorchBytes.Entry("m/data/1", storage)])
    #expect(
      message {
        $0[1].content = inner
        $0.append(.init("m/data/1", Data()))
        $0[2].place = 30 + 10 + weights.count + 30 + 8
      }
        == "m.pt: damaged: the zip directory: expected entries that lie apart, found 'm/data/1' within 'm/data/0'\(again)"
    )
  }

  @Test func saysWhatZipFilesLack() {
    #expect(
      message { $0[1].method = 8 }
        == "m.pt: entry 'm/data/0': compressed or encrypted, which is not read here; "
        + "write it again with torch.save, which stores entries as they are")
    #expect(
      message { $0.append(.init("m/byteorder", Data("big".utf8))) }
        == "m.pt: its byte order: big-endian, which is not read here; "
        + "load and save it again with PyTorch on a little-endian machine")
    #expect(message { $0.removeFirst() }.hasSuffix("found a file that begins with a zip directory without data.pkl"))
    #expect(
      message { $0.append(.init("n/data.pkl", weights)) }.hasSuffix("begins with a zip of 2 data.pkl"))
    #expect(
      message(PyTorchBytes.archive(pickle: "N.").dropLast(30))
        == "m.pt: damaged: a zip file: expected its directory at the end, found none, as when a copy was cut short; "
        + "fetch or copy the file again")
  }

  @Test func readsACompressedEntryThatIsNotNeeded() {
    #expect(
      message {
        $0.append(.init("m/code/a.py", Data([1])))
        $0[2].method = 8
      } == "read: [\"w\"]")
  }

  @Test func checksNumPyHeaders() {
    func message(_ header: String) -> String {
      var file = Data([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0])
      file += PyTorchBytes.number(UInt16(header.utf8.count))
      file += Data(header.utf8)
      return self.message(file + Data(repeating: 0, count: 8))
    }
    #expect(message("{'shape': (2L,), 'descr': '<f4', 'fortran_order': False}\n") == "read: [\"array\"]")
    for header in [
      "", "{}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "{'descr': '<f4', 'fortran_order': 1}",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
    ] {
      #expect(
        message(header)
          == "m.pt: damaged: the header of a NumPy file: expected {'descr': …, 'fortran_order': …, 'shape': …}, "
          + "found another text; fetch or copy the file again")
    }
    #expect(message("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}").contains("found '|O'"))
    #expect(
      message("{'descr': '<f4', 'fortran_order': True, 'shape': (3,)}")
        == "m.pt: tensor 'array': expected 12 bytes for F32 [3], found 8")
    #expect(
      message("{'descr': '<f4', 'fortran_order': True, 'shape': (4294967296, 4294967296)}")
        == "m.pt: tensor 'array': expected a shape of sizes that fit in memory, found [4294967296, 4294967296]")
  }
}
