import ArtifactStore
import Escaping
import Foundation
import JSONSyntax

/// A run that is kept, or is going on: its folder, and what its record says. The record may be of an earlier version, or
/// have come with a checkout: what it lacks is not there, and nothing in it leads out of the folder.
public struct KeptRun: Sendable {
  /// How a run ended, or that it has not.
  public enum State: String, Sendable, CaseIterable {
    /// All that the recipe asks for is there, and as it is expected to be.
    case done
    /// All that the user asked for is there, which is not all that the recipe does.
    case partial
    /// All is there, but something is not as expected.
    case missed
    case failed, interrupted, running
    /// It ended without a word: by `kill -9`, or with the machine.
    case killed
    /// What lies in its folder is no record.
    case unreadable

    /// Whether it made what it was to make.
    public var isSuccess: Bool { self == .done || self == .partial }
  }

  /// The name of the recipe's folder among the runs.
  public let recipe: String
  /// When it began, as the folder is called; for a folder of the old form as it will be called.
  public let id: String
  /// The path of its folder.
  public let folder: String
  /// What the record says before it comes to the single actions.
  public let facts: JSON
  public let state: State
  let content: Content

  /// The record's file.
  package static let record = "run.json"
  /// A file of more bytes is no record: one with a million items has a hundred million.
  private static let largestRecord = 1 << 28
  /// The file of every action; in records of earlier versions they are in the record itself.
  package static let actions = "actions.json"
  /// The file with what happened, an event a line, from the run's beginning.
  package static let events = "events.jsonl"
  /// The folder of what actions showed on their way.
  package static let previews = "previews"
  /// The folder of what programs left that failed.
  package static let failedWork = "failed-work"

  /// A folder of a run, in which no link is followed.
  struct Content: Sendable {
    let folder: Folder
    /// The place in it; "" for the folder itself.
    let name: String

    subscript(file: String) -> Place { folder[name.isEmpty ? file : "\(name)/\(file)"] }
    var path: String { name.isEmpty ? folder.path : "\(folder.path)/\(name)" }
    /// The folder itself.
    var place: Place { name.isEmpty ? Place(folder.path) : folder[name] }
    /// The folder that it is in: that of the recipe's runs.
    var parent: Content {
      get throws {
        name.isEmpty
          ? Content(folder: try Folder(at: path.parentFolder.isEmpty ? "." : path.parentFolder), name: "")
          : Content(folder: folder, name: name.parentFolder)
      }
    }
  }

  /// - Parameter id: of a folder of the old form nil.
  init(at content: Content, recipe: String, id: RunID?) {
    self.content = content
    self.recipe = recipe
    folder = content.path
    guard let status = try? Files.status(of: content[Self.record]), status.size < Self.largestRecord,
      let data = try? Files.read(content[Self.record]), let members = Self.facts(of: data)
    else {
      facts = .object([])
      // A run makes its folder first.
      state = Self.isMissing(content[Self.record]) ? .killed : .unreadable
      self.id = id?.text ?? ""
      return
    }
    facts = .object(members)
    state = Self.state(by: facts, content)
    self.id = (id ?? facts["provenance"]?["date"]?.string.flatMap(RunID.init(date:)))?.text ?? content.path.fileName
  }

  /// What a record says but for its actions and artifacts; nil for what is none. Those of earlier versions have no ID, and
  /// these in their midst.
  private static func facts(of data: Data) -> [JSON.Member]? {
    let long: Set = ["actions", "artifacts"]
    guard let members = try? JSON.members(of: data, before: long) else { return nil }
    if members.contains(where: { $0.name == "id" }) { return members }
    return (try? JSON(parsing: data))?.members?.filter { !long.contains($0.name) } ?? members
  }

  private static func isMissing(_ file: Place) -> Bool {
    do { return try Files.status(of: file) == nil } catch { return false }
  }

  private static func state(by facts: JSON, _ content: Content) -> State {
    let state = facts["status"]?.string.flatMap(State.init) ?? .done
    switch state {
    case .running: return isGone(facts, content) ? .killed : .running
    case .done: return (facts["expectations"]?.array ?? []).contains { $0["held"] == .bool(false) } ? .missed : .done
    default: return state
    }
  }

  /// Whether nobody is at a run that says it is going on. Of another machine's that cannot be told.
  private static func isGone(_ facts: JSON, _ content: Content) -> Bool {
    guard facts["host"]?.string == HostName.current else { return false }
    if facts["locked"] == .bool(true), let isUnlocked = Files.isUnlocked(content.place) { return isUnlocked }
    guard let process = facts["pid"]?.int.flatMap({ pid_t(exactly: $0) }), process > 0 else { return true }
    return kill(process, 0) != 0 && errno == ESRCH
  }

  // MARK: What the record says

  /// As the recipe calls itself.
  public var recipeName: String { text("recipe") ?? recipe }
  /// What `--name`, `--note` and `--tag` said.
  public var name: String? { text("name") }
  public var note: String? { text("note") }
  public var tags: [String] { (facts["tags"]?.array ?? []).compactMap(\.string) }
  public var error: String? { text("error") }
  /// When it began, in ISO 8601; of an old record when it ended.
  public var date: String? { text("started") ?? facts["provenance"]?["date"]?.string }
  public var seconds: Double? { facts["seconds"]?.double }
  public var host: String? { text("host") }
  public var parameters: [JSON.Member] { facts["params"]?.members ?? [] }
  /// The names of its files, each of which stays in its folder.
  public var files: [String] { (facts["files"]?.array ?? []).compactMap(\.string).filter(FileName.isInside) }

  /// The means of what was measured, called `stage.measure`.
  public var measures: [(name: String, mean: Double)] {
    (facts["measures"]?.array ?? []).compactMap { measure in
      guard let stage = measure["stage"]?.string, let name = measure["measure"]?.string,
        let mean = measure["mean"]?.double
      else { return nil }
      return ("\(stage).\(name)", mean)
    }
  }

  /// The digest, in hex, with which a file was written.
  public func digest(of file: String) -> String? { facts["digests"]?[file]?.string }

  private func text(_ member: String) -> String? { facts[member]?.string }

  // MARK: What there is more

  /// The whole record, with every action and artifact.
  /// - Throws: `StoreError` or `JSON.SyntaxError`.
  public func wholeRecord() throws -> JSON {
    let record = try ownRecord()
    guard record["actions"] == nil, let data = try Files.read(content[Self.actions]) else { return record }
    return .object((record.members ?? []) + (try JSON(parsing: data).members ?? []))
  }

  /// The record without what lies beside it.
  func ownRecord() throws -> JSON {
    try Files.read(content[Self.record]).map { try JSON(parsing: $0) } ?? .object([])
  }

  /// How large the file of its events is.
  package var eventSize: Int { ((try? Files.status(of: content[Self.events])) ?? nil)?.size ?? 0 }

  /// The bytes of a file in its folder; nil where there is none.
  /// - Throws: `StoreError`, also where the file is a link or no plain file.
  public func file(_ name: String) throws -> Data? {
    guard FileName.isInside(name) else { return nil }
    return try Files.read(content[name])
  }
}

/// This machine's name.
package enum HostName {
  package static let current: String = {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }()
}

extension FileName {
  /// The name of the file for what is called `name`: see ``safe(_:digest:)``.
  package static func safe(_ name: String) -> String { safe(name) { Digest(of: $0).hex } }

  /// Whether a relative path stays in its folder.
  package static func isInside(_ path: String) -> Bool {
    path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
      !["", ".", ".."].contains(Substring(part)) && !part.contains(0)
    }
  }
}
