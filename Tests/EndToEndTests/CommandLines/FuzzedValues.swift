import Foundation

/// Values for a command line that somebody may give by mistake or on purpose.
enum FuzzedValues {
  private static let numbers = [
    "0", "1", "2", "-1", "3", "0.5", "-0", "1e3", "1e9", "1000000000", "2147483648", "4294967296", "9999999",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "18446744073709551616", "1e19", "1e308", "1e309", "-1e309", "4.9e-324", "nan", "-nan", "inf", "-inf", "infinity",
    "0x10", "0b1", "1_000", " 1", "1 ", "+1", "１", "٣", "1,5", "1.", ".5", "1e", "--1", "",
    String(repeating: "9", count: 400),
  ]
  private static let texts = [
    "", " ", "a title", "'", "\"", "\\", "`id`", "$(id)", "${count}", "$${count}", "a;b", "a|b", "<script>", "&amp;",
    "]]>", "%s%n", "*", "[0-9]", "{a,b}", "?", "~", "-", "--", "-x", "--json", "a\nb", "a\rb", "\u{1B}[31m", "\u{7}",
    "\u{0600}'", "'\u{0301}", "<\u{0301}", "/\u{0301}", "\u{2028}", "\u{85}", "\u{FFFE}", "\u{202E}abc", "é",
    "e\u{301}",
    "漢字", "👩‍👩‍👧", "null", "true", "yes", "NO", "[]", "{}", "[1, \"1\"]", "{sweep: [1, 2]}", "{sweep: []}", "{sweep: [1]}",
    "&a [*a]", "!!binary x", "\"open", "[open", "'happy, tanned'", "- x", "a: b: c", "---", "...", "|", "# x", "@", "%",
    String(repeating: "x", count: 5000), String(repeating: "[", count: 2000),
  ]
  private static let recipes = [
    "recipe.yaml", "recipe.yaml", "recipe.yaml", "recipe.yaml", "sweep.yaml", "training.yaml", "broken.yaml", "folder",
    "used [v2].yaml",
  ]
  /// Paths to read, all within the place but for devices.
  private static let files = [
    "recipe.yaml", "plan.json", "runs/tiny", "runs/tiny/run.json", "runs", "faces/ada.png", "faces", "missing.yaml",
    "empty", "binary", "pipe", "dangling", "link", "socket", "", ".", "..", "/dev/null", "/dev/zero", "/dev/full",
    "/proc/self/mem", "/proc/self/environ", "/proc/self/fd", "./recipe.yaml", "faces/../recipe.yaml", "recipe.yaml/x",
    "weights.safetensors", "a\nb", "é", "e\u{301}", ".hidden.yaml", "recipe.yaml\u{301}",
    String(repeating: "d/", count: 600) + "x", String(repeating: "n", count: 300),
  ]
  /// Paths to write: what they lead to lies in the place, or is no file.
  private static let targets = [
    "out", "out", "out/deep/er", "plan.json", "plan.json", "x.xml", "x.svg", "x.png", "out/x.json", "", ".", "..",
    "../outside", "../outside/letter.txt", "link", "link/letter.txt", "dangling", "pipe", "faces", "recipe.yaml",
    "recipe.yaml/x", "/dev/null", "/dev/full", "/dev/stdout", "/dev/null/x", "/proc/self/mem", "/proc/nowhere/x",
    "runs",
    ".diffusionclip", ".diffusionclip/objects", ".git", "a\nb", "é", "-", "locked/x", "out [1], 2", "\u{1B}[31m",
    String(repeating: "n", count: 300),
  ]
  private static let stages = [
    "p", "p", "scores", "sheet", "t", "edited", "p.table", "p.nothing", "stage.foo", "p/x", "scores/",
    "edited[size=16]",
    "edited[size=16, seed=1]", "edited[size=17]", "p[", "p[]", "p[a]", "p[a=]", "missing", "", ".", "p.", "*",
    "nothing[=]",
    "base", "base.losses",
  ]
  private static let parameters = ["count", "size", "seed", "limit", "label", "steps", "cuont", "", "größe", "a.b"]

  /// Of any sort.
  static func any(using random: inout some RandomNumberGenerator) -> [UInt8] {
    switch Int.random(in: 0..<10, using: &random) {
    case 0..<3: bytes(numbers, &random)
    case 3..<6: bytes(texts, &random)
    case 6..<8: bytes(files, &random)
    case 8: Array("latin-\u{0}".utf8.dropLast()) + [0xE9, 0xFF]
    default: (0..<Int.random(in: 0...20, using: &random)).map { _ in UInt8.random(in: 1...255, using: &random) }
    }
  }

  /// For an argument whose value the help calls `name`.
  static func value(of name: String, isWritten: Bool, using random: inout some RandomNumberGenerator) -> [UInt8] {
    if isWritten { return bytes(targets, &random) }
    switch name {
    case "recipe": return bytes(chance(0.85, &random) ? recipes : files, &random)
    case "name=value":
      let name = parameters.randomElement(using: &random) ?? ""
      return Array("\(name)=".utf8) + bytes(chance(0.5, &random) ? numbers : texts, &random)
    case "stage", "stage[.port]", "stage[/item]": return bytes(chance(0.9, &random) ? stages : texts, &random)
    case "name": return bytes(["ci", "ci", "co", ""] + texts, &random)
    case "run", "other run":
      let runs = ["runs/tiny", "runs/sweep", "tiny", "sweep/latest", "2026", "kept", "tiny/kept", "runs/tiny/run.json"]
      return bytes(chance(0.7, &random) ? runs : files, &random)
    case "comparison": return bytes(["psnr > 3", "mae == 0", "state != failed", "x", "== 1", "mae >", ""], &random)
    case "column", "columns", "measure": return bytes(["mae", "t.mae", "seed", "id,mae", "nothing", ""], &random)
    case "condition": return bytes(["mae > 0.1", "psnr < -1", "x < 0", "mae", ""], &random)
    case "revision": return bytes(["main", "HEAD", "0123456", "../x", ""], &random)
    case "tag", "word": return bytes(["kept", "a b", "2026", "latest", "--", "", "x/y"], &random)
    case "file": return bytes(chance(0.4, &random) ? ["plan.json"] : files, &random)
    case "url":
      return bytes(
        [
          "http://127.0.0.1:1", "http://127.0.0.1:99999", "file:///etc", "ftp://127.0.0.1:1", "http://", "x",
          "http://[::1", "",
        ],
        &random)
    case "command": return bytes(["false", "true", "cat", "no-such-program", "false x 'y", " "], &random)
    case "seconds": return bytes(["0", "0.1", "-1", "nan", "x", "", "1e999", "0.3"], &random)
    case "kind": return bytes(["load", "use", "metric", "figure", "lod", ""], &random)
    case "format":
      return bytes(["mermaid", "dot", "text", "torch", "diffusers", "safetensors", "jpeg", "svg", ""], &random)
    case "engine": return bytes(["slurm", "snakemake", "x", ""], &random)
    case "number/count", "numbers":
      return bytes(
        ["1/2", "2/1", "0/0", "1/0", "-1/2", "1/9223372036854775807", "/", "1/", "1,2", "1,,2", "0", "1,1e9"] + numbers,
        &random)
    case "threads", "jobs", "megabytes", "runs", "hours", "minutes", "count", "days":
      return bytes(chance(0.5, &random) ? ["1", "2"] : numbers, &random)
    default: return any(using: &random)
    }
  }

  /// A variable that the program reads, with a value that it may not expect.
  static func variable(using random: inout some RandomNumberGenerator) -> (name: String, value: String) {
    let name = [
      "DIFFUSIONCLIP_STORE", "DIFFUSIONCLIP_CACHE", "DIFFUSIONCLIP_CACHE_MODE", "DIFFUSIONCLIP_CACHE_TRUST",
      "DIFFUSIONCLIP_PATIENCE", "DIFFUSIONCLIP_CACHE_TOKEN", "HOME", "TMPDIR", "LANG", "COLUMNS", "TERM",
    ].randomElement(using: &random)
    let value = ["", "x", "0", "-1", "1e400", "out", "pipe", "dangling", "nan"].randomElement(using: &random)
    return (name ?? "", value ?? "")
  }

  private static func bytes(_ values: [String], _ random: inout some RandomNumberGenerator) -> [UInt8] {
    Array((values.randomElement(using: &random) ?? "").utf8)
  }
}
