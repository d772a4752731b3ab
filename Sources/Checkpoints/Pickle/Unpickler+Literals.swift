extension Unpickler {
  /// The number, text or constant that the instruction writes out.
  mutating func literal(_ opcode: PickleOpcode) throws(CheckpointError) -> PickleValue {
    switch opcode {
    case .none: return .none
    case .newTrue: return .bool(true)
    case .newFalse: return .bool(false)
    case .binInt: return .int(Int(try reader.number(Int32.self)))
    case .binInt1: return .int(Int(try reader.number(UInt8.self)))
    case .binInt2: return .int(Int(try reader.number(UInt16.self)))
    case .long1: return integer(try reader.take(Int(try reader.number(UInt8.self))))
    case .long4:
      let count = Int(try reader.number(Int32.self))
      guard count <= Self.nameLimit else { throw bad("a number of at most \(Self.nameLimit) bytes", "\(count) bytes") }
      return integer(try reader.take(count))
    case .int, .long: return try written()
    case .float:
      let digits = text(try reader.line())
      guard digits.utf8.count <= Self.nameLimit, let number = Double(digits) else {
        throw bad("a number", "'\(digits.prefix(40))'")
      }
      return .float(number)
    // The only number here that is big-endian.
    case .binFloat: return .float(Double(bitPattern: try reader.number(UInt64.self).byteSwapped))
    case .string: return try quoted(try reader.line())
    case .binString: return .string(text(try reader.take(Int(try reader.number(Int32.self)))))
    case .shortBinString, .shortBinUnicode: return .string(text(try reader.take(Int(try reader.number(UInt8.self)))))
    case .unicode: return .string(unescaped(try reader.line()))
    case .binUnicode: return .string(text(try reader.take(Int(try reader.number(UInt32.self)))))
    case .binUnicode8: return .string(text(try reader.take(try reader.length())))
    case .shortBinBytes: return .bytes(Array(try reader.take(Int(try reader.number(UInt8.self)))))
    case .binBytes: return .bytes(Array(try reader.take(Int(try reader.number(UInt32.self)))))
    case .binBytes8, .byteArray8: return .bytes(Array(try reader.take(try reader.length())))
    default: throw bad("a literal", "instruction \(opcode)")
    }
  }

  /// Text as UTF-8, or, where Python 2 wrote other bytes, one character for each.
  func text(_ bytes: UnsafeRawBufferPointer) -> String {
    String(validating: bytes, as: UTF8.self) ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
  }

  /// A whole number ≥ 0 on a line.
  mutating func decimal() throws(CheckpointError) -> Int {
    let digits = text(try reader.line())
    guard let number = Int(digits), number >= 0 else { throw bad("a place of the memory", "'\(digits.prefix(40))'") }
    return number
  }

  /// An integer on a line: protocol 0 writes True as 01, and longs with an L.
  private mutating func written() throws(CheckpointError) -> PickleValue {
    var digits = text(try reader.line())[...]
    if digits == "00" { return .bool(false) }
    if digits == "01" { return .bool(true) }
    if digits.last == "L" { digits.removeLast() }
    if let number = Int(digits) { return .int(number) }
    let unsigned = digits.first == "-" ? digits.dropFirst() : digits
    guard !unsigned.isEmpty, unsigned.utf8.count <= Self.nameLimit, unsigned.allSatisfy({ "0"..."9" ~= $0 }) else {
      throw bad("a whole number", "'\(digits.prefix(40))'")
    }
    return .long(String(digits))
  }

  /// An integer in two's complement, little-endian.
  private func integer(_ bytes: UnsafeRawBufferPointer) -> PickleValue {
    guard bytes.count <= 8 else {
      let digits = bytes.reversed().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
      return .long("0x" + digits.joined())
    }
    var number: UInt64 = (bytes.last ?? 0) >= 0x80 ? .max : 0
    for byte in bytes.reversed() { number = number << 8 | UInt64(byte) }
    return .int(Int(truncatingIfNeeded: number))
  }

  /// Text as Python 2 prints it, in quotes and with escapes.
  private func quoted(_ line: UnsafeRawBufferPointer) throws(CheckpointError) -> PickleValue {
    let quote = line.first
    guard line.count >= 2, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""), line.last == quote else {
      throw bad("text in quotes", "'\(text(line).prefix(40))'")
    }
    let simple: [UInt8: UInt8] = [
      UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "\\"): 92,
      UInt8(ascii: "'"): 39, UInt8(ascii: "\""): 34,
    ]
    var result: [UInt8] = []
    var rest = line.dropFirst().dropLast()
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      guard let escape = rest.popFirst() else { throw bad("a character after '\\'", "the end of the text") }
      if let meant = simple[escape] {
        result.append(meant)
      } else if escape == UInt8(ascii: "x"),
        let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        result.append(code)
        rest = rest.dropFirst(2)
      } else {
        throw bad("an escape that Python writes", "'\\\(Unicode.Scalar(escape))'")
      }
    }
    return .string(result.withUnsafeBytes { text($0) })
  }

  /// Text with \uXXXX for what is not Latin-1, as protocol 0 writes it.
  private func unescaped(_ line: UnsafeRawBufferPointer) -> String {
    var result = String.UnicodeScalarView()
    var rest = line[...]
    while let byte = rest.popFirst() {
      let length = rest.first == UInt8(ascii: "u") ? 4 : rest.first == UInt8(ascii: "U") ? 8 : 0
      if byte == UInt8(ascii: "\\"), length > 0,
        let code = UInt32(String(decoding: rest.dropFirst().prefix(length), as: UTF8.self), radix: 16),
        let scalar = Unicode.Scalar(code)
      {
        result.append(scalar)
        rest = rest.dropFirst(1 + length)
      } else {
        result.append(Unicode.Scalar(byte))
      }
    }
    return String(result)
  }
}
