import ArtifactStore
import Foundation
import FoundationXML
import JSONSyntax
import TestSupport
import Testing

@testable import Escaping

/// Every hostile text through every escaper, read again by what reads the language, or by its rules.
struct EscapeTests {
  private static let texts = HostileTexts.all

  /// Sees that every sign that means something in `text`, whatever stands around it, is what the language reads as text.
  private static func scalars(_ text: String) -> [Unicode.Scalar] { Array(text.unicodeScalars) }

  @Test func markupIsText() throws {
    for text in Self.texts {
      let (markup, attribute) = (Escape.markup(text), Escape.attribute(text))
      for escaped in [markup, attribute] {
        #expect(!Self.scalars(escaped).contains { "<>\"'".unicodeScalars.contains($0) || $0.isTreacherous }, "\(text)")
      }
      #expect(!Self.scalars(attribute).contains { $0.value < 0x20 })
      let parsed = try #require(Self.parsed("<a b=\"\(attribute)\">\(markup)</a>"), "\(text.debugDescription)")
      #expect(parsed.content.isSame(as: Escape.visible(text)))
      #expect(parsed.attribute.isSame(as: Escape.visible(text)))
    }
  }

  private static func parsed(_ xml: String) -> (content: String, attribute: String)? {
    final class Reader: NSObject, XMLParserDelegate {
      var content = ""
      var attribute = ""
      func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
      ) {
        attribute = attributes["b"] ?? ""
      }
      func parser(_ parser: XMLParser, foundCharacters string: String) { content += string }
    }
    let (parser, reader) = (XMLParser(data: Data(xml.utf8)), Reader())
    parser.delegate = reader
    return parser.parse() ? (reader.content, reader.attribute) : nil
  }

  @Test func aMarkDoesNotJoinTheBracketInFrontOfIt() {
    #expect(Escape.markup("\u{338}x") == "&#824;x")
    #expect(Escape.attribute("\u{301}\n\t\r") == "&#769;&#10;&#9;&#13;")
    #expect(Escape.markup("a\r\n\u{600}<\u{301}") == "a&#13;\n\u{600}&lt;\u{301}")
  }

  @Test func jsonInAScript() throws {
    for text in Self.texts {
      let json = Escape.jsonInHTML(JSON.string(text).text)
      #expect(!Self.scalars(json).contains { "<>&\u{2028}\u{2029}".unicodeScalars.contains($0) })
      #expect(try JSON(parsing: Data(json.utf8)).string?.isSame(as: text) == true)
      let shown = Escape.jsonOnTerminal(JSON.string(text).text)
      #expect(!Self.scalars(shown).contains { $0.isTreacherous })
      #expect(try JSON(parsing: Data(shown.utf8)).string?.isSame(as: text) == true)
    }
  }

  /// bash reads each word as the text, and does nothing.
  @Test func wordsOfAShell() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "words-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let texts = Self.texts.filter { !$0.has("\0") }
    let script = texts.map { "printf '%s\\0' \(Escape.shell($0))\n" }.joined()
    for locale in ["C", "C.UTF-8"] {
      let output = try Self.output(of: "/bin/bash", [], input: script, in: folder, locale: locale)
      let words = output.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { Array($0) }
      #expect(words == texts.map { Array($0.utf8) })
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    #expect(Escape.shell("a\u{85}b") == "$'a\\xc2\\x85b'")
  }

  /// Python, where there is one, reads each literal as the text; so it does the parts of a shell directive.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/env"))) func literalsOfPython() throws {
    let texts = Self.texts
    let list = "import sys\nfor text in [\n" + texts.map { Escape.python($0) + ",\n" }.joined()
    let script = list + "]: sys.stdout.buffer.write(text.encode() + b'\\0')\n"
    let folder = FileManager.default.temporaryDirectory
    let output = try Self.output(of: "/usr/bin/env", ["python3", "-"], input: script, in: folder, locale: "C.UTF-8")
    guard !output.isEmpty else { return }
    let read = output.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { Array($0) }
    #expect(read == texts.map { Array($0.utf8) })
    #expect(Escape.snakemakeShell("{\u{301}\"\u{301}}\n") == "{{\u{301}\\\"\u{301}}}\\n")
    #expect(Escape.snakemakeShell("\u{301}'") == "\u{301}'")
  }

  private static func output(
    of program: String, _ arguments: [String], input: String, in folder: URL, locale: String
  ) throws -> Data {
    let (process, pipe) = (Process(), Pipe())
    let file = FileManager.default.temporaryDirectory.appending(path: "input-\(UUID().uuidString)")
    try Data(input.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ["LC_ALL": locale, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
    (process.standardInput, process.standardOutput) = (try FileHandle(forReadingFrom: file), pipe)
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return output
  }

  @Test func markdownCallsNobody() {
    #expect(
      Escape.markdown("@ada #12 http://a.b/c, a @ b # c: d")
        == "@<!-- -->ada #<!-- -->12 http:<!-- -->//a.b/c, a @ b # c: d")
  }

  @Test func cellsOfTables() {
    for text in Self.texts {
      let csv = Self.scalars(Escape.csv(text))
      if csv.first == "\"" {
        // Inside, quotes come in pairs.
        let inside = csv.dropFirst().dropLast()
        #expect(inside.split(separator: "\"", omittingEmptySubsequences: false).count % 2 == 1)
      } else {
        #expect(!csv.contains { ",\"\n\r".unicodeScalars.contains($0) })
      }
      let markdown = Self.scalars(Escape.markdown(text))
      #expect(!markdown.contains { $0.endsLine || $0.isTreacherous })
      for place in markdown.indices where "|`*<$&".unicodeScalars.contains(markdown[place]) {
        let isOurs = ["<br>", "<!-- -->"].contains { markdown[place...].starts(with: $0.unicodeScalars) }
        let escapes = markdown[..<place].reversed().prefix { $0 == "\\" }.count
        #expect(escapes % 2 == 1 || isOurs, "\(text.debugDescription)")
      }
      let latex = Self.scalars(Escape.latex(text))
      #expect(!latex.contains { $0.endsLine || $0.isTreacherous })
      for place in latex.indices where "&%$#_".unicodeScalars.contains(latex[place]) {
        #expect(place > 0 && latex[place - 1] == "\\")
      }
      // Braces that are not text close as they open.
      var depth = 0
      for place in latex.indices where (place == 0 || latex[place - 1] != "\\") {
        depth += latex[place] == "{" ? 1 : latex[place] == "}" ? -1 : 0
        #expect(depth >= 0)
      }
      #expect(depth == 0, "\(text.debugDescription)")
    }
  }

  @Test func labelsOfGraphs() {
    for text in Self.texts {
      let dot = Self.scalars(Escape.dot(text)).dropFirst().dropLast()
      #expect(!dot.contains { $0.isTreacherous || $0 == "\n" || $0 == "\r" })
      for place in dot.indices where dot[place] == "\"" {
        #expect(dot[..<place].reversed().prefix { $0 == "\\" }.count % 2 == 1)
      }
      let mermaid = Self.scalars(Escape.mermaid(text)).dropFirst().dropLast()
      #expect(!mermaid.contains { "\"<>&`{}|\\".unicodeScalars.contains($0) || $0.endsLine || $0.isTreacherous })
    }
  }

  @Test func textsOfATerminal() {
    for text in Self.texts {
      #expect(!Self.scalars(Escape.terminal(text)).contains { $0.isTreacherous || $0 == "\r" })
      #expect(!Self.scalars(Escape.message(text)).contains { $0.isTreacherous || $0.endsLine })
      #expect(!Self.scalars(Escape.onOneLine(text)).contains { $0.isTreacherous || $0.endsLine })
    }
    #expect(Escape.terminal("a\u{1B}[2J\nb\tc\u{202E}") == "a\\u{1B}[2J\nb\tc\\u{202E}")
    #expect(Escape.message("a\nb\u{85}é") == "a\\u{A}b\\u{85}é")
  }

  @Test func addressesOfFiles() throws {
    for text in Self.texts where !text.isEmpty {
      let address = Escape.address(ofFile: text)
      #expect(address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"<>\"'&:?#".utf8.contains($0) })
      #expect(address.begins(with: "./"))
      var rest = Array(address.utf8.dropFirst(2))[...]
      var bytes: [UInt8] = []
      while let byte = rest.popFirst() {
        let digits = byte == UInt8(ascii: "%") ? String(decoding: rest.prefix(2), as: UTF8.self) : ""
        bytes.append(UInt8(digits, radix: 16) ?? byte)
        rest = rest.dropFirst(digits.utf8.count)
      }
      #expect(bytes.elementsEqual(text.utf8))
    }
  }

  @Test func whatSwiftWouldNotFind() {
    #expect("a/\u{301}b/\u{600}/c".parts(at: "/") == ["a", "\u{301}b", "\u{600}", "c"])
    #expect("x=\u{301}=y".parts(at: "=", maxSplits: 1) == ["x", "\u{301}=y"])
    #expect("a/\u{301}b".has("/") && !"ab".has("/"))
    #expect("a\u{600}.md".ends(with: ".md") && ".\u{301}a".begins(with: "."))
    #expect(!"\u{E9}".isSame(as: "e\u{301}") && "\u{E9}" == "e\u{301}")
    #expect("/a/\u{301}b.p\u{301}ng".fileName == "\u{301}b.p\u{301}ng" && "/a/\u{301}b".parentFolder == "/a")
    #expect("a/b\u{600}.yaml".fileExtension == "yaml" && ".yaml".fileExtension == "" && "a.b/c".fileExtension == "")
    #expect(["/a", "a", "/", "", "a/b/", "//a", "a//b"].map(\.parentFolder) == ["/", "", "/", "", "a", "/", "a"])
    #expect(["/a", "a", "/", "", "a/b/"].map(\.fileName) == ["a", "a", "/", "", "b"])
  }
}
