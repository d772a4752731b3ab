/// Character references of HTML: `&amp;`, `&#39;`, `&#x2019;`.
enum HTMLEntities {
  /// What names stand for, and whether they do so without a semicolon.
  private static let named: [String: (text: String, isComplete: Bool)] = {
    var named: [String: (text: String, isComplete: Bool)] = [:]
    for entry in table.split(separator: " ") {
      guard let end = entry.firstIndex(where: { $0 == ":" || $0 == "!" }) else { continue }
      let codes = entry[entry.index(after: end)...].split(separator: "+")
      let scalars = codes.compactMap { UInt32($0, radix: 16).flatMap(Unicode.Scalar.init) }
      named[String(entry[..<end])] = (String(String.UnicodeScalarView(scalars)), entry[end] == "!")
    }
    return named
  }()

  /// The longest name there is.
  private static let longestName = 32

  /// What a browser shows, as Python's `html.unescape`: names may lack the semicolon where the standard allows it, even
  /// in front of other letters.
  static func unescaped(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    replacingReferences(in: text) { reference in
      if reference.first == "#" { return number(reference) }
      let name = reference.prefix { !"\t\n\u{0C} <&#;".unicodeScalars.contains($0) }.prefix(longestName)
      guard !name.isEmpty else { return nil }
      let isClosed = reference.dropFirst(name.count).first == ";"
      if isClosed, let whole = named[string(name)] { return (whole.text, name.count + 1) }
      for length in stride(from: name.count, to: 1, by: -1) {
        if let part = named[string(name.prefix(length))], part.isComplete { return (part.text, length) }
      }
      return nil
    }
  }

  /// What is meant beyond doubt, as ftfy: references that end in a semicolon, with names in capitals as well where those
  /// mean nothing else.
  static func unescapedWhereClosed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    replacingReferences(in: text) { reference in
      let isNumber = reference.first == "#"
      let name = reference.dropFirst(isNumber ? 1 : 0).prefix {
        $0.isASCII && ($0.properties.isAlphabetic || digits ~= $0)
      }
      guard (1...24).contains(name.count), reference.dropFirst(name.count + (isNumber ? 1 : 0)).first == ";" else {
        return nil
      }
      if isNumber {
        guard let number = number(reference), number.length == name.count + 2, !number.text.contains(";") else {
          return nil
        }
        return number
      }
      return closed(string(name)).map { ($0, name.count + 1) }
    }
  }

  /// What a name with its semicolon stands for.
  private static func closed(_ name: String) -> String? {
    if let known = named[name] { return known.text }
    let small = name.lowercased()
    guard name == name.uppercased(), small != name, let known = named[small] else { return nil }
    // In capitals it may begin with another name that needs no semicolon.
    let scalars = Array("&\(name);".unicodeScalars)
    return unescaped(scalars) == scalars ? known.text.uppercased() : nil
  }

  private static let digits: ClosedRange<Unicode.Scalar> = "0"..."9"

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    String(String.UnicodeScalarView(scalars))
  }

  /// - Parameter meaning: of what follows an `&`: what it stands for, and how long it is; nil for no reference.
  private static func replacingReferences(
    in text: [Unicode.Scalar], _ meaning: (ArraySlice<Unicode.Scalar>) -> (text: String, length: Int)?
  ) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var position = 0
    while position < text.count {
      if text[position] == "&", let found = meaning(text[(position + 1)...]) {
        result += found.text.unicodeScalars
        position += found.length + 1
      } else {
        result.append(text[position])
        position += 1
      }
    }
    return result
  }

  /// The character of `#39;` or `#x27;` (the semicolon may be missing), and how long that is; nil where it is no number.
  private static func number(_ reference: ArraySlice<Unicode.Scalar>) -> (text: String, length: Int)? {
    var rest = reference.dropFirst()
    let isHexadecimal = rest.first == "x" || rest.first == "X"
    if isHexadecimal { rest = rest.dropFirst() }
    var value: UInt32 = 0
    let digits = rest.prefix { $0.isASCII && Character($0).hexDigitValue.map { isHexadecimal || $0 < 10 } ?? false }
    guard !digits.isEmpty else { return nil }
    for digit in digits {
      let (product, overflow) = value.multipliedReportingOverflow(by: isHexadecimal ? 16 : 10)
      value = overflow || product > 0x10FFFF ? 0x110000 : product + UInt32(Character(digit).hexDigitValue ?? 0)
    }
    let isClosed = rest.dropFirst(digits.count).first == ";"
    return (character(value), (isHexadecimal ? 2 : 1) + digits.count + (isClosed ? 1 : 0))
  }

  /// What a number means: Windows-1252 where that has a character in place of a control, nothing for what is none.
  private static func character(_ value: UInt32) -> String {
    switch value {
    case 0, 0xD800...0xDFFF, 0x110000...: return "\u{FFFD}"
    case 0x0D: return "\r"
    case 0x80...0x9F: return String(Character(Windows1252.scalar(of: UInt8(value))))
    case 1...8, 0x0B, 0x0E...0x1F, 0x7F, 0xFDD0...0xFDEF: return ""
    case _ where value & 0xFFFE == 0xFFFE: return ""
    default: return Unicode.Scalar(value).map { String(Character($0)) } ?? ""
    }
  }
}
