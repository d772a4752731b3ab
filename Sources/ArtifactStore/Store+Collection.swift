import Foundation
import JSONSyntax

/// A run that the store was told of: what it used is not garbage.
public struct RegisteredRun: Sendable {
  /// The absolute path of the recipe.
  public let recipe: String
  /// What `--set` said: whoever registers a run knows how to read it again.
  public let overlays: [JSON]
  /// The actions whose results the run used.
  public let keys: [Digest]
  /// Whether the run made all that its recipe asks for: others do not push such a run out of what is kept.
  public let isWhole: Bool
  /// When it was last done: seconds since 1970.
  public let date: Double

  public init(recipe: String, overlays: [JSON], keys: [Digest], isWhole: Bool = true, date: Double = 0) {
    self.recipe = recipe
    self.overlays = overlays
    self.keys = keys
    self.isWhole = isWhole
    self.date = date
  }

  /// The same for the same run.
  fileprivate var digest: Digest {
    let facts = [isWhole ? "run" : "part of a run", recipe] + overlays.map(\.text)
    var bytes = Data(facts.map { "\($0.utf8.count):\($0)" }.joined().utf8)
    for key in keys { key.withBytes { bytes.append(contentsOf: $0) } }
    return Digest(of: bytes)
  }

  fileprivate var json: JSON {
    [
      "recipe": .string(recipe), "overlays": .array(overlays),
      "keys": .array(keys.map { .string($0.hex) }), "whole": .bool(isWhole),
    ]
  }

  fileprivate init?(json: JSON, date: Double) {
    guard let recipe = json["recipe"]?.string, let overlays = json["overlays"]?.array, let keys = json["keys"]?.array
    else { return nil }
    self.init(
      recipe: recipe, overlays: overlays,
      keys: keys.compactMap { $0.string.flatMap { Digest(hex: $0) } }, isWhole: json["whole"] != .bool(false),
      date: date)
  }
}

/// What a collection removes, or would remove.
public struct Garbage: Sendable, Hashable {
  public var actions = 0
  public var objects = 0
  /// States that unfinished actions and chains saved, bytes in quarantine, downloads that are not needed any more;
  /// folders of receipts, submissions and attempts.
  public var leftovers = 0
  /// Of all of these.
  public var bytes = 0
  /// Objects that stay.
  public var keptObjects = 0
  public var keptBytes = 0
}

extension Store {
  /// Takes note of a run, for ``collect(keeping:grace:isDry:)``. The same run again only becomes younger.
  public func register(_ run: RegisteredRun) throws(StoreError) {
    let place = root["runs/\(run.digest.hex)"]
    let isYounger = try place.reach { (folder, name) throws(StoreError) in
      utimensat(folder, name, nil, AT_SYMLINK_NOFOLLOW) == 0
    }
    if isYounger != true { try Files.replace(place, with: Data(run.json.text.utf8)) }
  }

  /// Every registered run, the latest first.
  public func registeredRuns() throws(StoreError) -> [RegisteredRun] { try namedRuns().map(\.run) }

  private func namedRuns() throws(StoreError) -> [(place: Place, run: RegisteredRun)] {
    var runs: [(place: Place, run: RegisteredRun)] = []
    for name in try Files.names(in: root["runs"]) where Digest(hex: name) != nil {
      let place = root["runs/\(name)"]
      guard let (json, modified) = try readable(place),
        let run = RegisteredRun(json: json, date: Double(modified) * 1e-9)
      else { continue }
      runs.append((place, run))
    }
    return runs.sorted { $0.run.date > $1.run.date }
  }

  /// What a file of the store says, and when it was written; nil where it cannot be read, which costs others nothing.
  private func readable(_ place: Place) throws(StoreError) -> (json: JSON, modified: Int)? {
    do {
      guard let status = try Files.status(of: place), let data = try Files.read(place),
        let json = try? JSON(parsing: data)
      else { return nil }
      return (json, status.modified)
    } catch let error where error.isUnreadable { return nil }
  }

  /// Removes what nothing needs: neither the latest runs of a recipe that is still there, nor a run within the grace
  /// period, nor a run whose keys are given. Whole runs, others, and what `exec` did of one plan each, are counted by themselves. Nothing younger than the grace period is removed. The store
  /// must have been opened for oneself alone.
  /// - Parameters:
  ///   - count: how many of the latest whole runs of each recipe to keep.
  ///   - others: how many of those that failed or made only a part; nil for as many.
  ///   - keys: of actions whose results are kept in any case.
  ///   - grace: seconds.
  ///   - isDry: whether only to say what would be removed.
  public func collect(
    keeping count: Int, others: Int? = nil, keys: Set<Digest> = [], grace: Double, isDry: Bool
  ) throws(StoreError) -> Garbage {
    precondition(mode == .alone, "another run might be using what is removed")
    let deadline = Self.nanoseconds(Date.now.timeIntervalSince1970 - grace)
    var garbage = Garbage()
    func discard(_ place: Place, _ status: Files.Status) throws(StoreError) {
      garbage.bytes += status.size
      if !isDry { try Files.remove(place) }
    }
    func discard(_ leftover: FileTree) throws(StoreError) {
      garbage.leftovers += 1
      garbage.bytes += leftover.bytes
      if !isDry { try leftover.remove() }
    }

    var neededKeys = keys
    var seen: [RunGroup: Int] = [:]
    var neededPlans: Set<String> = []
    for (place, plan, run) in try collectableRuns() {
      let group = RunGroup(recipe: run.recipe, isWhole: run.isWhole, isPlan: plan != nil)
      seen[group, default: 0] += 1
      let most = run.isWhole ? count : others ?? count
      let isRecent = Self.nanoseconds(run.date) >= deadline
      if isRecent || (seen[group, default: 0] <= most && isThere(run.recipe)) {
        neededKeys.formUnion(run.keys)
        if let plan { neededPlans.insert(plan) }
      } else if plan != nil {
        if let receipts = try FileTree(at: place) { try discard(receipts) }
      } else if !isDry {
        try Files.remove(place)
      }
    }
    // Attempts that are still here are other machines', which cannot be asked whether they still work on them.
    for (part, needed) in [("submissions", neededPlans), ("attempts", [])] {
      for name in try Files.names(in: root[part]) where !needed.contains(name) {
        // What is called otherwise is nothing that a store made.
        guard Digest(hex: name) != nil || part == "attempts" && StagingTransaction.isName(name),
          let tree = try FileTree(at: root["\(part)/\(name)"]), tree.modified < deadline
        else { continue }
        try discard(tree)
      }
    }

    var neededObjects: Set<Digest> = []
    // As text: what stands for chains of which links stay, which may go on.
    var neededStates: Set<String> = []
    // Digests, as text, of the files from which something was made that stays.
    var neededSources: Set<Substring> = []
    let hasDownloads = try !Files.names(in: root["downloads"]).isEmpty
    for (key, place, status) in try actions.files() {
      guard let status else { continue }
      if neededKeys.contains(key) || status.modified >= deadline, let record = try self.record(of: key) {
        for output in record.outputs { neededObjects.formUnion(output.artifact.items.map(\.object)) }
        if let chain = record.chain { neededStates.insert(chain.hex) }
        if hasDownloads {
          let lines = record.preimage.split(separator: "\n").filter { $0.hasPrefix("source ") }
          neededSources.formUnion(lines.map { $0.suffix(64) })
        }
      } else {
        garbage.actions += 1
        try discard(place, status)
      }
    }
    for (digest, place, status) in try objects.files() {
      guard let status else { continue }
      if neededObjects.contains(digest) || max(status.modified, status.changed) >= deadline {
        garbage.keptObjects += 1
        garbage.keptBytes += status.size
      } else {
        garbage.objects += 1
        try discard(place, status)
      }
    }
    for part in ["state", "quarantine", "downloads"] {
      for name in try Files.names(in: root[part]) {
        if part == "downloads", neededSources.contains(name[...]) { continue }
        if part == "state", neededStates.contains(name) { continue }
        let place = root["\(part)/\(name)"]
        // <sha256>, <sha256>.part, and in quarantine <sha256>-<number>: the rest is nothing that a store made.
        guard Digest(hex: String(decoding: name.utf8.prefix(64), as: UTF8.self)) != nil,
          let raw = try Files.rawStatus(of: place), raw.st_mode & S_IFMT == S_IFREG
        else { continue }
        let status = Files.Status(raw)
        guard status.modified < deadline else { continue }
        garbage.leftovers += 1
        try discard(place, status)
      }
    }
    if !isDry { try Files.remove(root["index"]) }
    return garbage
  }

  /// A time or a number of seconds in nanoseconds, as far as they can be counted.
  private static func nanoseconds(_ seconds: Double) -> Int {
    let nanoseconds = seconds * 1e9
    return Int(exactly: nanoseconds.rounded()) ?? (nanoseconds < 0 ? .min : .max)
  }

  /// Every run and every plan of which something was executed, the latest first.
  private func collectableRuns() throws(StoreError) -> [(place: Place, plan: String?, run: RegisteredRun)] {
    var runs = try namedRuns().map { (place: $0.place, plan: String?.none, run: $0.run) }
    for plan in try Files.names(in: root["receipts"]) where Digest(hex: plan) != nil {
      let place = root["receipts/\(plan)"]
      runs.append((place, plan, try executed(in: place)))
    }
    return runs.sorted { $0.run.date > $1.run.date }
  }

  /// What the receipts in a folder tell, as a run. Those that cannot be read tell nothing.
  private func executed(in place: Place) throws(StoreError) -> RegisteredRun {
    var recipe = ""
    var keys: Set<Digest> = []
    var date: Int?
    for name in try Files.names(in: place) where name.hasSuffix(".json") {
      guard let (receipt, modified) = try readable(place[name]) else { continue }
      date = max(date ?? modified, modified)
      if let file = receipt["file"]?.string { recipe = file }
      keys.formUnion((receipt["actions"]?.array ?? []).compactMap { $0["key"]?.string.flatMap { Digest(hex: $0) } })
    }
    if date == nil { date = try FileTree(at: place)?.modified }
    return RegisteredRun(recipe: recipe, overlays: [], keys: Array(keys), date: Double(date ?? 0) * 1e-9)
  }

  /// Runs that are counted together.
  private struct RunGroup: Hashable {
    let recipe: String
    let isWhole: Bool
    let isPlan: Bool
  }

  private func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
