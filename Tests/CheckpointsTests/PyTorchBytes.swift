import Foundation

/// Puts files of torch.save together, right or wrong. Pickles are given as text in which a character is a byte.
enum PyTorchBytes {
  struct Entry {
    var name: String
    var content: Data
    /// The name in the entry's own header, where it is another.
    var localName: String?
    var method: UInt16 = 0
    /// How many bytes the directory claims.
    var claimed: Int?
    /// Where the directory says that the entry is, if not where it is.
    var place: Int?

    init(_ name: String, _ content: Data) { (self.name, self.content) = (name, content) }
  }

  static func zip(_ entries: [Entry]) -> Data {
    var file = Data()
    var directory = Data()
    for entry in entries {
      let start = entry.place ?? file.count
      let size = UInt32(entry.claimed ?? entry.content.count)
      let local = Data((entry.localName ?? entry.name).utf8)
      let name = Data(entry.name.utf8)
      let common =
        number(UInt16(20)) + number(UInt16(0)) + number(entry.method) + number(UInt64(0)) + number(size) + number(size)
      file += [0x50, 0x4B, 3, 4] + common + number(UInt16(local.count)) + number(UInt16(0)) + local + entry.content
      directory += [0x50, 0x4B, 1, 2] + number(UInt16(20)) + common + number(UInt16(name.count))
      directory += number(UInt64(0)) + number(UInt32(0)) + number(UInt32(start)) + name
    }
    let count = UInt16(entries.count)
    let end = [0x50, 0x4B, 5, 6] + number(UInt32(0)) + number(count) + number(count) + number(UInt32(directory.count))
    return file + directory + end + number(UInt32(file.count)) + number(UInt16(0))
  }

  /// A file with `pickle` and a storage "0" of four float32 numbers: 1, 2, 3, 4.
  static func archive(pickle: String, storage: [Float] = [1, 2, 3, 4]) -> Data {
    zip([Entry("m/data.pkl", latin1(pickle)), Entry("m/data/0", storage.withUnsafeBytes { Data($0) })])
  }

  static func latin1(_ text: String) -> Data { Data(text.unicodeScalars.map { UInt8($0.value) }) }

  /// The pickle of a tensor; sizes as protocol 0 has them.
  static func tensor(
    count: Int = 4, offset: Int = 0, shape: [Int] = [4], strides: [Int] = [1], key: String = "0", type: String = "Float"
  ) -> String {
    func tuple(_ sizes: [Int]) -> String { "(" + sizes.map { "I\($0)\n" }.joined() + "t" }
    return "ctorch._utils\n_rebuild_tensor\n((S'storage'\nctorch\n\(type)Storage\nS'\(key)'\nS'cpu'\nI\(count)\ntQ"
      + "I\(offset)\n\(tuple(shape))\(tuple(strides))tR"
  }

  static func dictionary(_ items: [(String, String)]) -> String {
    "(" + items.map { "S'\($0.0)'\n\($0.1)" }.joined() + "d"
  }

  static func number<Number: FixedWidthInteger>(_ number: Number) -> Data {
    withUnsafeBytes(of: number.littleEndian) { Data($0) }
  }
}
