extension TensorFile {
  /// A file of numpy.save, versions 1 to 3: a magic number, the version, the length of the header, the header (a
  /// dictionary as Python writes it), the numbers.
  static func numPy(_ file: FileBytes, source: String) throws(CheckpointError) -> Contents {
    let (header, start) = try file.read(0..<file.count) { (bytes) throws(CheckpointError) in
      var reader = ByteReader(bytes: bytes, source: source, part: "the header", position: 6)
      let version = try reader.number(UInt8.self)
      _ = try reader.number(UInt8.self)
      guard (1...3).contains(version) else { throw numPyError(source, "version 1 to 3", "\(version)") }
      let length = version == 1 ? Int(try reader.number(UInt16.self)) : Int(try reader.number(UInt32.self))
      guard length <= 1 << 16 else { throw numPyError(source, "at most 65536 bytes", "\(length)") }
      return (NumPyHeader(String(decoding: try reader.take(length), as: UTF8.self)), reader.position)
    }
    guard let header else { throw numPyError(source, "{'descr': …, 'fortran_order': …, 'shape': …}", "another text") }
    let order = header.descr.first
    guard order != ">" else {
      throw .unsupported(
        file: source, place: "its numbers", found: "big-endian",
        remedy: "save them again: numpy.save(path, x.astype(x.dtype.newbyteorder('<')))")
    }
    let types: [String: StoredType] = [
      "f8": .f64, "f4": .f32, "f2": .f16, "i8": .i64, "i4": .i32, "i2": .i16, "i1": .i8, "u8": .u64, "u4": .u32,
      "u2": .u16, "u1": .u8, "b1": .bool,
    ]
    guard order == "<" || order == "|" || order == "=", let type = types[String(header.descr.dropFirst())] else {
      throw numPyError(
        source, "a type of \(types.keys.sorted().map { "<\($0)" }.joined(separator: " "))", "'\(header.descr)'")
    }
    let shape = header.shape
    guard shape.count <= StoredTensor.rankLimit, let count = StoredTensor.elements(shape) else {
      throw .badTensor(
        file: source, tensor: "array", expected: "a shape of sizes that fit in memory", found: "\(shape)")
    }
    guard file.count - start == count * type.size else {
      throw .badTensor(
        file: source, tensor: "array", expected: "\(count * type.size) bytes for \(type.rawValue) \(shape)",
        found: "\(file.count - start)")
    }
    let strides =
      header.isFortran ? Array(StoredTensor.rowMajor(shape.reversed()).reversed()) : StoredTensor.rowMajor(shape)
    var contents = Contents()
    contents.format = .numPy
    contents.root = .single
    contents.entries["array"] = try StoredTensor(
      type, shape: shape, strides: strides, offset: 0, storage: start..<file.count, of: file, name: "array",
      source: source)
    return contents
  }

  private static func numPyError(_ source: String, _ expected: String, _ found: String) -> CheckpointError {
    .damaged(file: source, place: "the header of a NumPy file", expected: expected, found: found)
  }
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, in any order.
private struct NumPyHeader {
  var descr = ""
  var isFortran = false
  var shape: [Int] = []
  private var rest: Substring

  /// Nil where `text` is anything else.
  init?(_ text: String) {
    rest = text[...]
    var found: [String] = []
    guard take("{") else { return nil }
    while !take("}") {
      guard let key = quoted(), take(":") else { return nil }
      found.append(key)
      switch key {
      case "descr":
        guard let value = quoted() else { return nil }
        descr = value
      case "fortran_order":
        isFortran = take("True")
        guard isFortran || take("False") else { return nil }
      case "shape":
        guard let sizes = sizes() else { return nil }
        shape = sizes
      default: return nil
      }
      guard take(",") || rest.first == "}" else { return nil }
    }
    skipSpace()
    guard rest.isEmpty, found.sorted() == ["descr", "fortran_order", "shape"] else { return nil }
  }

  private mutating func skipSpace() { rest = rest.drop { $0 == " " || $0 == "\n" } }

  private mutating func take(_ token: String) -> Bool {
    skipSpace()
    guard rest.hasPrefix(token) else { return false }
    rest.removeFirst(token.count)
    skipSpace()
    return true
  }

  private mutating func quoted() -> String? {
    for quote in ["'", "\""] where take(quote) {
      guard let end = rest.firstIndex(of: Character(quote)) else { return nil }
      defer { rest = rest[rest.index(after: end)...] }
      return String(rest[..<end])
    }
    return nil
  }

  /// A tuple of sizes; Python 2 may end each with an L.
  private mutating func sizes() -> [Int]? {
    guard take("(") else { return nil }
    var sizes: [Int] = []
    while !take(")") {
      let digits = rest.prefix { "0"..."9" ~= $0 }
      guard let size = Int(digits) else { return nil }
      sizes.append(size)
      rest.removeFirst(digits.count)
      _ = take("L")
      guard take(",") || rest.first == ")" else { return nil }
    }
    return sizes
  }
}
