import ArtifactStore
import Foundation
import Synchronization

/// What one machine can find out about a folder of its own.
struct FolderChecks {
  typealias Found = (finding: Examination.Check.Finding, detail: String)

  let folder: String

  /// Every check; one that fails with an error is unsafe.
  func all() -> [Examination.Check] {
    let checks: [(String, () throws(StoreError) -> Found)] = [
      ("exclusive create", creation), ("write and fsync", writing), ("fsync of a folder", folderSync),
      ("rename over a file", replacement), ("hard link", linking), ("flock", locking), ("visibility", visibility),
      ("permissions", permissions), ("names", names), ("clock", clock), ("latency", latency),
    ]
    let first = tried("space", space)
    // Nothing is learnt from what fails on a full disk.
    return first.finding == .ok ? [first] + checks.map { tried($0, $1) } : [first]
  }

  private func tried(_ name: String, _ check: () throws(StoreError) -> Found) -> Examination.Check {
    do {
      let found = try check()
      return .init(name: name, finding: found.finding, detail: found.detail)
    } catch { return .init(name: name, finding: .unsafe, detail: "\(error)") }
  }

  /// Whether locks cannot be had at all.
  var hasNoLocks: Bool { (try? FileLock.exclusive(place("lock-at-all")))??.isHeld == false }

  private func place(_ name: String) -> Place { Place("\(folder)/\(name)") }

  private func space() throws(StoreError) -> Found {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { throw .last("look at", folder) }
    let free = Int(clamping: status.f_bavail).multipliedReportingOverflow(by: Int(clamping: status.f_frsize))
    let megabytes = (free.overflow ? .max : free.partialValue) >> 20
    if megabytes == 0 { return (.unsafe, "less than 1 MB is free: free some") }
    // Some file systems do not count inodes.
    if status.f_files > 0, status.f_favail == 0 { return (.unsafe, "no inode is free: remove some files") }
    let inodes = status.f_files > 0 ? ", \(status.f_favail) inodes" : ""
    return (.ok, "\(megabytes) MB\(inodes) free")
  }

  private func creation() throws(StoreError) -> Found {
    try Files.create(place("created"), Data("first".utf8))
    do { try Files.create(place("created"), Data("second".utf8)) } catch {
      guard case .system(_, _, EEXIST) = error else { throw error }
      return (.ok, "of two who make a file, one gets it")
    }
    return (.unsafe, "two may make the same file: put the store on another file system")
  }

  private func writing() throws(StoreError) -> Found {
    let data = Data((0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) })
    try Files.create(place("written"), data)
    let isSame = try Files.read(place("written")) == data
    return isSame ? (.ok, "what is written is read again") : (.unsafe, "what is read is not what was written")
  }

  private func folderSync() throws(StoreError) -> Found {
    guard let file = try Files.openFolder(Place(folder)) else { throw .last("open", folder, code: ENOENT) }
    defer { close(file) }
    if fsync(file) == 0 { return (.ok, "names are on the disk when it says so") }
    // The store goes on then.
    try Files.syncFolder(Place(folder))
    return (.ok, "cannot be had: after a power cut the latest results may have to be made again")
  }

  /// A reader must find the old or the new content while a file is replaced.
  private func replacement() throws(StoreError) -> Found {
    let rounds = 50
    try Files.replace(place("replaced"), with: Reader.content(0))
    let reader = Reader(place("replaced").path)
    defer { reader.stop() }
    for round in 1...rounds { try Files.replace(place("replaced"), with: Reader.content(round)) }
    let problems = reader.stop()
    if let problem = problems.first {
      return (.unsafe, "while a file was replaced, a reader found \(problem): put the store on another file system")
    }
    return (.ok, "a reader finds the old content or the new")
  }

  private func linking() throws(StoreError) -> Found {
    try Files.create(place("original"), Data("original".utf8))
    try Files.create(place("rival"), Data("rival".utf8))
    guard Files.link(place("original"), to: place("linked")) == .given else {
      return (.ok, "there are none: of two results at the same moment the later may count, and work be done twice")
    }
    if Files.link(place("rival"), to: place("linked")) == .given {
      return (.unsafe, "a link replaces what is there: put the store on another file system")
    }
    return (.ok, "of two results the first one counts")
  }

  /// Between two openings of a file, and of a folder, as between two processes.
  private func locking() throws(StoreError) -> Found {
    try Files.makeFolder(place("locked"))
    guard let lock = try FileLock.exclusive(place("lock")), let folder = try FileLock.folder(place("locked")) else {
      return (.unsafe, "a lock that nobody has cannot be had")
    }
    guard lock.isHeld, folder.isHeld else {
      return (.ok, "there is none: work may be done twice, and `gc` will not work")
    }
    let (second, secondFolder) = (try FileLock.exclusive(place("lock")), try FileLock.folder(place("locked")))
    guard second == nil, secondFolder == nil else {
      return (.unsafe, "two have the same lock: put the store on another file system")
    }
    let (one, other) = (try FileLock.shared(place("shared")), try FileLock.shared(place("shared")))
    let isAlone = try FileLock.alone(place("shared")) != nil
    withExtendedLifetime((lock, folder, one, other)) {}
    if isAlone { return (.unsafe, "a shared lock keeps nobody out: put the store on another file system") }
    return (.ok, "two on this machine keep each other out")
  }

  private func visibility() throws(StoreError) -> Found {
    try Files.create(place("draft"), Data("seen".utf8))
    guard try Files.status(of: place("shown")) == nil else { return (.unsafe, "a file is there that nobody made") }
    try Files.move(place("draft"), to: place("shown"))
    let listed = try Files.names(in: folder)
    guard try Files.read(place("shown")) == Data("seen".utf8), listed.contains("shown"), !listed.contains("draft")
    else {
      return (.unsafe, "a renamed file is not seen at once: put the store on another file system")
    }
    return (.ok, "a renamed file is seen at once, in its folder's list too")
  }

  private func permissions() throws(StoreError) -> Found {
    for text in ["old", "new"] {
      try Files.create(place("sealing"), Data(text.utf8), mode: 0o444)
      try Files.move(place("sealing"), to: place("sealed"))
    }
    var status = stat()
    guard stat(place("sealed").path, &status) == 0 else {
      throw .last("look at", place("sealed").path)
    }
    try Files.remove(place("sealed"))
    let isKept = status.st_mode & 0o222 == 0
    return (.ok, isKept ? "read-only files are replaced and removed" : "not kept: anything may be overwritten")
  }

  private func names() throws(StoreError) -> Found {
    try Files.create(place(String(repeating: "n", count: 200)), Data())
    try Files.create(place("case"), Data())
    let isSensitive = try Files.status(of: place("CASE")) == nil
    return (
      .ok, "200 characters long" + (isSensitive ? "" : "; case is ignored: call no two stages alike but for their case")
    )
  }

  private func clock() throws(StoreError) -> Found {
    let before = Self.now
    try Files.create(place("touched"), Data("now".utf8))
    let after = Self.now
    guard let modified = try Files.status(of: place("touched"))?.modified else { throw .missing(Digest(of: "now")) }
    let time = Double(modified) * 1e-9
    // File systems tell the time of the latest tick.
    let skew = time < before - 0.05 ? time - before : time > after + 0.05 ? time - after : 0
    if abs(skew) <= Self.tolerance {
      return (.ok, skew == 0 ? "agrees with this machine's" : "\(Self.seconds(abs(skew))) from this machine's")
    }
    let word = skew > 0 ? "ahead of" : "behind"
    return (
      .unsafe,
      "\(Self.seconds(abs(skew))) \(word) this machine's: `gc` would misjudge what is young: set the clocks right (NTP)"
    )
  }

  /// What publishing takes: create, fsync, rename, fsync of the folder.
  private func latency() throws(StoreError) -> Found {
    let times = try (0..<20).map { (number) throws(StoreError) -> Double in
      let start = ContinuousClock.now
      try Files.create(place("timing"), Data("\(number)".utf8))
      try Files.move(place("timing"), to: place("timed"))
      try Files.syncFolder(Place(folder))
      return (ContinuousClock.now - start) / .seconds(1)
    }
    let median = times.sorted()[times.count / 2]
    let text = "\(Self.number(median * 1000)) ms to publish a file (median of \(times.count))"
    return median > 0.1 ? (.slow, text + ": recipes of many small actions will wait for it") : (.ok, text)
  }

  /// How far clocks may be apart: seconds. Files younger than this are not taken for settled (see ``SourceDigests``).
  static let tolerance = 2.0

  /// Seconds since 1970.
  static var now: Double {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
  }

  static func seconds(_ value: Double) -> String { number(value) + " s" }

  private static func number(_ value: Double) -> String { String(format: value < 10 ? "%.2f" : "%.0f", value) }
}

/// Reads a file again and again, on a thread of its own.
private final class Reader: Sendable {
  private struct State {
    var isStopping = false
    var problems: [String] = []
  }

  private let state = Mutex(State())
  private let isDone = DispatchSemaphore(value: 0)

  /// Of a length and with bytes that belong to the number.
  static func content(_ number: Int) -> Data { Data(repeating: UInt8(number), count: 50_000 + number) }

  init(_ path: String) {
    Thread.detachNewThread { [self] in
      while !state.withLock({ $0.isStopping }) {
        if let problem = Self.problem(with: path) { state.withLock { $0.problems.append(problem) } }
      }
      isDone.signal()
    }
  }

  /// What was wrong.
  @discardableResult
  func stop() -> [String] {
    let isFirst = state.withLock { state in
      defer { state.isStopping = true }
      return !state.isStopping
    }
    if isFirst { isDone.wait() }
    return state.withLock { $0.problems }
  }

  private static func problem(with path: String) -> String? {
    do {
      guard let data = try Files.read(path) else { return "no file" }
      return data.first.map { data == content(Int($0)) } ?? false ? nil : "a mixture"
    } catch { return "\(error)" }
  }
}
