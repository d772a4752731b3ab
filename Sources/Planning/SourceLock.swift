import ArtifactStore
import Escaping
import Foundation
import RecipeSyntax
import StageKit

/// What the files that a recipe reads have to be, in a file that is checked in beside it, `RECIPE.lock`: a line for each, as
/// `sha256sum` writes it and `sha256sum --check` reads it, with paths from the recipe's folder.
public struct SourceLock: Sendable {
  /// The absolute path of the lock file.
  public let file: String
  /// Whether there was one.
  public private(set) var exists = false
  /// By the bytes of the absolute path of the file that each is of: paths that look alike are two.
  private var digests: [[UInt8]: Digest]
  /// By the bytes of a folder's path: the pinned files that are gone from it.
  private var lost: [[UInt8]: [String]] = [:]

  /// The most bytes that a lock file may have: a million files with long paths.
  private static let sizeLimit = 1 << 28

  /// What was written down for a recipe; nothing where there is no lock file.
  /// - Throws: every line that is none.
  public init(ofRecipe path: String) throws(Diagnostics) {
    let recipe = RecipeFile.place(of: path)
    (file, digests) = (recipe.path.withEnding("lock"), [:])
    let whole = SourceLocation(file: file, line: 0, column: 0)
    let size: Int
    let data: Data?
    do throws(StoreError) {
      size = try Files.status(of: file)?.size ?? 0
      data = size > Self.sizeLimit ? nil : try Files.read(file)
    } catch { throw Diagnostics([Diagnostic("cannot be read: \(error)", at: whole)], sources: []) }
    guard size <= Self.sizeLimit else {
      throw Diagnostics([Diagnostic("larger than a lock may be (\(Self.sizeLimit >> 20) MiB)", at: whole)], sources: [])
    }
    guard let data else { return }
    exists = true
    let text = SourceText(file: file, text: String(decoding: data, as: UTF8.self))
    let finder = SourceFinder(in: recipe.folder)
    var problems = Problems()
    for (number, line) in text.text.parts(at: "\n", omittingEmpty: false).enumerated() where !line.isEmpty {
      let location = SourceLocation(file: file, line: number + 1, column: 1)
      guard let entry = Self.entry(line) else {
        problems.report(
          "not a SHA-256, two spaces and a path", at: location,
          hint: "`diffusionclip pin` writes such lines, as sha256sum does")
        continue
      }
      let place = finder.absolute(entry.path)
      if let other = digests.updateValue(entry.digest, forKey: Array(place.utf8)), other != entry.digest {
        problems.report("pins '\(entry.path)' a second time, as another file", at: location)
      }
    }
    try problems.throwIfAny(sources: [text])
    let gone = digests.keys.map { String(decoding: $0, as: UTF8.self) }.filter { SourceFinder.fileType($0) == nil }
    lost = Dictionary(grouping: gone) { Array($0.parentFolder.utf8) }
  }

  /// The files in these folders that are pinned and gone, by path.
  func lost(from folders: Set<String>) -> [String] {
    folders.flatMap { lost[Array($0.utf8)] ?? [] }.sorted(by: precedes)
  }

  /// Forgets the files that are gone.
  /// - Returns: how many there were.
  public mutating func removeLost() -> Int {
    let gone = lost.values.joined()
    for path in gone { digests[Array(path.utf8)] = nil }
    lost = [:]
    return gone.count
  }

  /// What the file at an absolute path has to be; nil where nothing was written down for it.
  public subscript(path: String) -> Digest? {
    get { digests[Array(path.utf8)] }
    set { digests[Array(path.utf8)] = newValue }
  }

  /// The text of the lock file, by path.
  public var text: String {
    digests.map { (path: relative(String(decoding: $0, as: UTF8.self)), digest: $1) }.sorted {
      precedes($0.path, $1.path)
    }
    .map { Self.line($0.digest, $0.path) + "\n" }.joined()
  }

  /// The path of a file from the recipe's folder.
  func relative(_ path: String) -> String {
    let folder = file.parts(at: "/").dropLast()
    let parts = path.parts(at: "/")
    let common = zip(folder, parts).prefix { $0.isSame(as: $1) }.count
    return (Array(repeating: "..", count: folder.count - common) + parts.dropFirst(common)).joined(separator: "/")
  }

  /// Says that a pinned file is not there any more, and what to do.
  package static func loss(of path: String, for stage: PlannedStage) -> String {
    "stage '\(stage.name)' reads what is in \(path.parentFolder), where \(path.fileName), which the recipe's lock pins, is "
      + "gone; put it back, or, if it is meant to be gone, `diffusionclip pin --update` forgets it"
  }

  /// Says that a file is not the one that is pinned, and what to do.
  package static func change(
    of path: String, for stage: PlannedStage, from pinned: Digest, to found: Digest
  ) -> String {
    "stage '\(stage.name)' reads \(path), which is not the file that the recipe's lock pins: its SHA-256 is \(found.hex), "
      + "not \(pinned.hex); get that file back, or, if the change is meant, `diffusionclip pin --update` writes it down"
  }

  /// What sha256sum writes for what would end a line or begin an escape; the line then starts with a backslash.
  private static let escapes: [(sign: UInt8, letter: UInt8)] = [
    (UInt8(ascii: "\\"), UInt8(ascii: "\\")), (UInt8(ascii: "\n"), UInt8(ascii: "n")),
    (UInt8(ascii: "\r"), UInt8(ascii: "r")),
  ]

  private static func line(_ digest: Digest, _ path: String) -> String {
    let escaped = path.utf8.flatMap { byte in
      escapes.first { $0.sign == byte }.map { [UInt8(ascii: "\\"), $0.letter] } ?? [byte]
    }
    return (escaped.count == path.utf8.count ? "" : "\\") + digest.hex + "  "
      + String(decoding: escaped, as: UTF8.self)
  }

  private static func entry(_ line: String) -> (path: String, digest: Digest)? {
    var bytes = Array(line.utf8)[...]
    let isEscaped = bytes.first == UInt8(ascii: "\\")
    if isEscaped { bytes.removeFirst() }
    guard let digest = Digest(hex: String(decoding: bytes.prefix(64), as: UTF8.self)),
      // Behind the space, a star says that the file was read as binary.
      ["  ", " *"].contains(String(decoding: bytes.dropFirst(64).prefix(2), as: UTF8.self))
    else { return nil }
    bytes = bytes.dropFirst(66)
    var path: [UInt8] = []
    while let byte = bytes.popFirst() {
      guard isEscaped, byte == UInt8(ascii: "\\") else {
        path.append(byte)
        continue
      }
      guard let letter = bytes.popFirst(), let escape = escapes.first(where: { $0.letter == letter }) else {
        return nil
      }
      path.append(escape.sign)
    }
    return path.isEmpty ? nil : (String(decoding: path, as: UTF8.self), digest)
  }
}

extension Plan {
  /// The files of this machine that its stages read, each once, by path, with the first stage that reads it.
  public var localSources: [(path: String, pinned: Digest?, stage: PlannedStage)] {
    var seen: Set<[UInt8]> = []
    return stages.flatMap { stage in
      stage.sources.values.flatMap(\.files).compactMap { file in
        guard case .path(let path, let pinned) = file.place else { return nil }
        return (path, pinned, stage)
      }
    }.filter { seen.insert(Array($0.path.utf8)).inserted }.sorted { precedes($0.path, $1.path) }
  }

  /// The files that are not what was written down for them; nil for none.
  public func changedSources() -> Diagnostics? { changedSources { (try? Files.digest(of: $0)) ?? nil } }

  /// - Parameter digest: what the file at a path is; nil where that cannot be told.
  public func changedSources(digest: (String) -> Digest?) -> Diagnostics? {
    let gone = stages.flatMap { stage in
      stage.sources.values.flatMap(\.lost).map { Diagnostic(SourceLock.loss(of: $0, for: stage), at: stage.location) }
    }
    let changed = localSources.compactMap { source -> Diagnostic? in
      guard let pinned = source.pinned, let found = digest(source.path), found != pinned else { return nil }
      let change = SourceLock.change(of: source.path, for: source.stage, from: pinned, to: found)
      return Diagnostic(change, at: source.stage.location)
    }
    return gone.isEmpty && changed.isEmpty ? nil : Diagnostics(gone + changed, sources: texts)
  }
}
