/// Whom a URL speaks to: scheme, host and port.
struct Origin: Hashable {
  private let scheme: String
  private let host: String
  private let port: Int

  /// Nil where it is not plain to see, so that no two readers of URLs could see another: only letters, digits and the
  /// few signs that hosts and ports are written with are read.
  init?(_ url: String) {
    guard let scheme = Self.scheme(of: url) else { return nil }
    let authority = url.utf8.dropFirst(scheme.utf8.count + 3).prefix { !"/?#".utf8.contains($0) }
    let isPlain = authority.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): true
      default: "-._:[]".utf8.contains(byte)
      }
    }
    guard isPlain else { return nil }
    let colon = authority.lastIndex(of: UInt8(ascii: ":"))
    let isLiteral = authority.first == UInt8(ascii: "[")
    // An address of IPv6 has colons, inside brackets.
    let portStart = colon.flatMap { isLiteral && authority.last == UInt8(ascii: "]") ? nil : $0 }
    let host = authority[..<(portStart ?? authority.endIndex)]
    guard !host.isEmpty, isLiteral || !host.contains(UInt8(ascii: ":")) else { return nil }
    var port: Int? = scheme == "https" ? 443 : 80
    if let portStart { port = Int(String(decoding: authority[portStart...].dropFirst(), as: UTF8.self)) }
    guard let port, 1...65535 ~= port else { return nil }
    self.scheme = scheme
    self.host = String(decoding: host, as: UTF8.self).lowercased()
    self.port = port
  }

  /// Whether a URL is one of http or https.
  static func isWeb(_ url: String) -> Bool { scheme(of: url) != nil }

  /// The URL without a user's name and password: libcurl puts those that it found into the addresses that it is sent to,
  /// and a server may have put others there.
  static func withoutCredentials(_ url: String) -> String {
    guard let scheme = scheme(of: url) else { return url }
    let start = url.utf8.index(url.startIndex, offsetBy: scheme.utf8.count + 3)
    let authority = url.utf8[start...].prefix { !"/?#".utf8.contains($0) }
    guard let at = authority.lastIndex(of: UInt8(ascii: "@")) else { return url }
    return String(url[..<start]) + String(url[url.utf8.index(after: at)...])
  }

  private static func scheme(of url: String) -> String? {
    ["http", "https"].first { scheme in
      let start = "\(scheme)://".utf8
      return url.utf8.prefix(start.count).elementsEqual(start) { $0 == $1 || $0 | 0x20 == $1 }
    }
  }
}
