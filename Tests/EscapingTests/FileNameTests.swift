import ArtifactStore
import TestSupport
import Testing

@testable import Escaping

struct FileNameTests {
  private static func name(_ text: String) -> String { FileName.safe(text) { Digest(of: $0).hex } }

  @Test(arguments: [
    ("edited", "edited"), ("scores.table", "scores.table"), ("Zoë-1_b", "Zoë-1_b"), ("my photo", "my+photo"),
    ("edited[return_step=300]", "edited@return_step=300"), ("a[x=0.5,y=angry face]", "a@x=0.5@y=angry+face"),
    ("zombies.edited[zombies.step=3].losses", "zombies.edited@zombies.step=3@losses"),
  ])
  func readable(name: String, file: String) { #expect(Self.name(name) == file) }

  @Test func nothingForAShellOrAFolder() {
    for text in HostileTexts.all {
      let name = Self.name(text)
      #expect(!name.isEmpty && name.utf8.count <= 200)
      #expect(
        name.unicodeScalars.allSatisfy {
          $0.value > 0x7F || "._-+@=~".unicodeScalars.contains($0) || $0.isLetterOrDigit
        })
      #expect(!name.begins(with: ".") && !name.begins(with: "-") && !name.begins(with: "~"), "\(name)")
      #expect(!name.unicodeScalars.contains { $0.isTreacherous || $0.endsLine })
    }
  }

  @Test(arguments: [
    ("", "", "", "", ""), ("/", "/", "/", "/", ""), ("///", "/", "/", "/", ""), ("x", "x", "", "x", ""),
    ("-", "-", "", "-", ""), ("é", "é", "", "é", ""), ("/x", "x", "/", "x", ""), ("x/", "x", "", "x", ""),
    ("a/b", "b", "a", "b", ""), ("a//b//", "b", "a", "b", ""), (".", ".", "", ".", ""), (".x", ".x", "", ".x", ""),
    ("a/x.tar.gz", "x.tar.gz", "a", "x.tar", "gz"), ("a.b/x", "x", "a.b", "x", ""), ("x.", "x.", "", "x", ""),
    ("a/\u{301}x.p\u{301}", "\u{301}x.p\u{301}", "a", "\u{301}x", "p\u{301}"),
    ("a/\u{600}.\u{301}", "\u{600}.\u{301}", "a", "\u{600}", "\u{301}"),
  ])
  func partsOfPaths(path: String, name: String, folder: String, stem: String, ending: String) {
    func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    #expect(bytes(path.fileName) == bytes(name) && bytes(path.parentFolder) == bytes(folder))
    #expect(bytes(path.fileStem) == bytes(stem) && bytes(path.fileExtension) == bytes(ending))
  }

  /// Other names, other files: also for a file system that takes two spellings of an accent for one.
  @Test func otherNamesAreOtherFiles() {
    let looksAlike = [
      "man/woman", "man_woman", "man woman", "man+woman", "a[b=c]", "a@b=c", "a[b=c].d", "a[b=c,d]", "a[b=c.d]",
      "a.d[b=c]",
      "a[b=c", "a b=c]", "a[b=c,d=e]", "a[b=c@d=e]", "a[b=c=d]", "report", "_", "", ".", "..", "__", "a", "a~", "a~1",
      "run.json", "a[b= c]", "a[b=+c]",
    ]
    let names = Set(HostileTexts.all.map { Array($0.utf8) } + looksAlike.map { Array($0.utf8) })
    let files = Set(names.map { Array(Self.name(String(decoding: $0, as: UTF8.self)).utf8) })
    #expect(files.count == names.count)
    #expect(Self.name(Self.name("man/woman")) != Self.name("man/woman"))
  }

  @Test func longNamesAreCut() {
    let long = String(repeating: "名", count: 100)
    #expect(Self.name(long).utf8.count < 100)
    #expect(Self.name(long) != Self.name(long + "x"))
    #expect(Self.name(String(repeating: "n", count: 200)) == String(repeating: "n", count: 200))
  }
}

extension Unicode.Scalar {
  fileprivate var isLetterOrDigit: Bool { isASCII && Escape.isLetterOrDigit(UInt8(value)) }
}
