/// A network that others have published and that `load` reads: its files, where they are to be had, and how each is known.
public struct CatalogEntry: Sendable, Hashable {
  /// Who says which digest a file has.
  public enum Word: String, Sendable, Hashable {
    /// The publisher does, in the address of the file or in a package.
    case publisher
    /// Three or more projects, independently of each other.
    case several
    /// One or two projects.
    case few
  }

  public struct File: Sendable, Hashable {
    /// What it is called where `load` finds it, whatever its addresses call it.
    public let name: String
    public let bytes: Int?
    /// 64 hexadecimal digits in lower case; nil where nobody has published them.
    public let sha256: String?
    /// Who has; nil where nobody has.
    public let word: Word?
    /// Where it is to be had, the best first. Empty where no plain address is known.
    public let urls: [String]

    init(_ name: String, bytes: Int? = nil, sha256: String? = nil, by word: Word? = nil, _ urls: [String]) {
      self.name = name
      self.bytes = bytes
      self.sha256 = sha256
      self.word = word
      self.urls = urls
    }
  }

  /// What recipes and commands call it: `celeba-hq`.
  public let name: String
  /// The parameter of `load` that takes it: `diffusion`.
  public let parameter: String
  public let summary: String
  public let license: String
  /// What `load` must be told besides, by its parameters' names: `preset`, or a number.
  public let hints: [String: Hint]
  /// One, or what belongs into one folder.
  public let files: [File]
  /// What that folder is called in the recipes that come with the program.
  public let folder: String
  /// What whoever fetches it by hand has to know; empty where that is nothing.
  public let note: String

  public enum Hint: Sendable, Hashable {
    case text(String)
    case number(Int)
  }

  init(
    _ name: String, _ parameter: String, _ summary: String, license: String, hints: [String: Hint] = [:],
    note: String = "", folder: String? = nil, _ files: [File]
  ) {
    self.name = name
    self.parameter = parameter
    self.summary = summary
    self.license = license
    self.hints = hints
    self.note = note
    self.files = files
    self.folder = folder ?? name
  }

  /// Whether every file is known by its digest and to be had at an address, so that `load` may fetch it.
  public var isPinned: Bool { files.allSatisfy { $0.sha256 != nil && !$0.urls.isEmpty } }

  /// The bytes of all files; nil where nobody says how many one has.
  public var bytes: Int? {
    let known = files.compactMap(\.bytes)
    return known.count == files.count ? known.reduce(0, +) : nil
  }
}
