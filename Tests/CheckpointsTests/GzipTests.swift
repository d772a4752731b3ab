import Checkpoints
import Foundation
import Testing

/// Files that Python's gzip module wrote.
@Suite struct GzipTests {
  /// "hello hello hello hello\n".
  private static let hello = bytes("1f8b0800000000000203cb48cdc9c957c84027b9000088590b18000000")
  /// "goodbye\n".
  private static let goodbye = bytes("1f8b08000000000002034bcfcf4f49aa4ce502006e3cb26508000000")
  /// A thousand zeros.
  private static let zeros = bytes("1f8b080000000000020363601805a360140c77000080170b06e8030000")
  /// "named\n", with an extra field, a name, a comment and the header's checksum.
  private static let named = bytes(
    "1f8b081e0000000002030400616200006e2e747874006120636f6d6d656e7400b254cb4bcc4d4de10200dcf07a4106000000")

  private static func bytes(_ digits: String) -> Data {
    let digits = Array(digits.utf8)
    return Data(
      stride(from: 0, to: digits.count, by: 2).map {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16) ?? 0
      })
  }

  private func text(_ data: Data, limit: Int = 1000) -> String {
    do { return String(decoding: try Gzip.content(of: data, from: "m.gz", limit: limit), as: UTF8.self) } catch {
      return "\(error)"
    }
  }

  @Test func readsAllMembers() {
    #expect(text(Self.hello) == "hello hello hello hello\n")
    #expect(text(Self.named) == "named\n")
    #expect(text(Self.hello + Self.named + Self.goodbye) == "hello hello hello hello\nnamed\ngoodbye\n")
  }

  @Test func theLimitIsOnTheContent() {
    #expect(text(Self.zeros) == String(repeating: "\0", count: 1000))
    let message =
      "m.gz: refuses to load: its content: more than 999 bytes; save the state dict alone: "
      + "torch.save(model.state_dict(), …)"
    #expect(text(Self.zeros, limit: 999) == message)
    #expect(text(Self.goodbye + Self.zeros, limit: 999) == message)
  }

  @Test(arguments: [
    (17, "their end, found none, as when a copy was cut short"), (21, "what gzip writes, found incorrect data check"),
    (25, "what gzip writes, found incorrect length check"),
  ])
  func checksumsAndLengthsAreCompared(place: Int, message: String) {
    var file = Self.hello
    if place == 17 { file = file.prefix(place) } else { file[place] ^= 1 }
    #expect(
      text(file) == "m.gz: damaged: its compressed bytes: expected \(message); fetch or copy the file again")
  }

  @Test func everyCutIsSeen() {
    for count in 0..<Self.named.count {
      #expect(text(Self.named.prefix(count)).hasPrefix("m.gz: damaged: "), "\(count) bytes")
      #expect(text(Self.hello + Self.named.prefix(count)).hasPrefix("m.gz: damaged: ") != (count == 0))
    }
  }

  @Test(arguments: ["00", "1f", "6162", "504b0304"])
  func nothingElseFollows(digits: String) {
    let message =
      "m.gz: damaged: what follows its content: expected nothing, or another gzip file, found other bytes; "
      + "fetch or copy the file again"
    #expect(text(Self.hello + Self.bytes(digits)) == message)
  }
}
