/// Texts as people write them who mean no good, and as machines of other alphabets write them who do.
package enum HostileTexts {
  /// What is executed if a text gets into the script of a page: it marks the page, without a quote or a space.
  package static let script = "document.documentElement.className=1"
  /// A file that a shell makes in the folder where it stands, if a text gets into a command.
  package static let file = "TRAPPED"

  /// Signs that mean something in one of the languages that texts end up in, each as what would do harm.
  private static let attacks = [
    "<script>\(script)</script>", "</title><script>\(script)</script>", "</script><script>\(script)</script>",
    "\"><img src=x onerror=\(script)>", "' onerror='\(script)' x='", "<svg onload=\(script)>",
    "-->]]><script>\(script)</script>",
    "javascript:\(script)", "&lt;b&gt;&#60;script&#62;", "\\u003cscript>\(script)</script>", "{survey}",
    "'; touch \(file); '", "\"; touch \(file); \"", "$(touch \(file))", "`touch \(file)`", "\ntouch \(file)\n",
    "| touch \(file)",
    "\nTASK\ntouch \(file)\n", "\n#SBATCH --output=\(file)", "' + open('\(file)','w').name + '",
    "\" + open('\(file)','w').name + \"", "\n\nopen('\(file)','w')\n", "{open('\(file)','w')}", "{{x}}", "\\", "\\\\",
    "\\n",
    ",a,\"b\"", "\"", "a\"\"b", "\r\n,x", "a\nb", "|x|y|", "a`b`c", "*a*_b_", "[a](javascript:x)", "![a](b)",
    "\\end{tabular}\\input{/etc/passwd}", "$x$ %", "a&b\\\\", "~^_#{}", "#quot;]]-->x", "\"]; a -> b; [\"", "%s%n",
    "../../\(file)", "/\(file)", "a/b", "-rf", ".", "..", "~root", "a b", "[x=1,y=2]", "a,b", "a=b", "",
    "\u{1B}]0;x\u{7}\u{1B}[2J", "a\rb", "\u{8}\u{8}", "\u{9B}2J", "a\u{85}b", "a\u{2028}b\u{2029}c", "a\u{0B}b\u{0C}c",
    String(UnicodeScalar(0xFFFE as UInt16).map(Character.init) ?? "x"),
    String(UnicodeScalar(0xFDD0 as UInt16).map(Character.init) ?? "x"), "\u{7F}", "\u{202E}gnp.exe", "\u{2066}x",
    "שלום עולם", "مرحبا", "e\u{301}", "\u{E9}",
    "\u{FEFF}x", String(repeating: "long ", count: 200),
  ]

  /// Marks that join the sign behind them.
  private static let before = ["\u{600}", "\u{110BD}", "\u{D4E}"]
  /// Marks that join the sign before them.
  private static let after = ["\u{301}", "\u{200D}", "\u{FE0F}", "\u{338}", "\u{20DD}", "\u{1F3FB}"]

  /// Every text as it is; then with marks at each special sign of it, of every kind in turn.
  package static let all: [String] =
    attacks
    + attacks.enumerated().flatMap { index, attack in
      [
        joined(attack) { before[index % before.count] + String($0) },
        joined(attack) { String($0) + after[index % after.count] },
        joined(attack) { before[(index + 1) % before.count] + String($0) + after[(index + 3) % after.count] },
      ]
    }.filter { !$0.isEmpty && $0.utf8.count < 1000 }

  private static func joined(_ text: String, _ join: (Unicode.Scalar) -> String) -> String {
    text.unicodeScalars.map { scalar in
      let isSpecial = scalar.isASCII && !(("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar))
      return isSpecial && scalar.value >= 0x20 ? join(scalar) : String(scalar)
    }.joined()
  }
}
