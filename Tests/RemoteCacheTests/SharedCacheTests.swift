import ArtifactStore
import Engine
import EngineTestSupport
import Foundation
import JSONSyntax
import Planning
import RemoteCache
import Reporting
import StageKit
import Synchronization
import TestSupport
import Testing

/// Runs with a shared cache: an honest one, one that misbehaves, and one that somebody hostile wrote to.
@Suite struct SharedCacheTests {
  /// Of the standard recipe.
  private static let actionCount = 14

  /// - Parameter said: what is said of the cache.
  private func cache(
    _ server: CacheServer, _ environment: [String: String] = [:], said: Transcript = Transcript()
  ) throws -> HTTPCache {
    let environment = environment.merging(["DIFFUSIONCLIP_PATIENCE": "1", "HOME": "/nowhere"]) { given, _ in given }
    let settings = try #require(try CacheSettings(url: server.url + "/", environment: environment))
    return HTTPCache(settings, interruption: Interruption(), isOptional: true) { said.append($0 + "\n") }
  }

  private static let writing = ["DIFFUSIONCLIP_CACHE_MODE": "write"]

  /// What a server has when the standard recipe was run, the keys of its actions by id, and its picture.
  fileprivate struct Filled {
    let files: [String: [UInt8]]
    let keys: [String: String]
    let sheet: String

    func path(_ id: String) throws -> String { "/ac/" + (try #require(keys[id])) }

    /// The entry of an action.
    func entry(_ id: String) throws -> CacheEntry {
      let bytes = try #require(files[path(id)])
      return try #require(CacheEntry(Data(bytes)))
    }

    /// The record of an action.
    func record(_ id: String) throws -> ActionRecord { try #require(ActionRecord(sealed: entry(id).record)) }
  }

  private func filled(_ environment: [String: String] = [:]) async throws -> Filled {
    let (workshop, server) = (try Workshop(), try CacheServer())
    let cache = try cache(server, environment.merging(Self.writing) { $1 })
    #expect(try await workshop.run(cache: cache).ran.count == Self.actionCount)
    let actions = try #require(workshop.json("\(workshop.latest("quick"))/actions.json")["actions"]?.array)
    let keys = actions.map { ($0["id"]?.string ?? "", $0["key"]?.string ?? "") }
    return Filled(
      files: server.files, keys: Dictionary(uniqueKeysWithValues: keys),
      sheet: try workshop.read("\(workshop.latest("quick"))/sheet.png"))
  }

  // MARK: Honest servers

  @Test func whatSomebodyMadeIsFetched() async throws {
    let filled = try await filled()
    let (workshop, server) = (try Workshop(), try CacheServer(filled.files))
    let events = EventLog { if case .cached(let id) = $0 { id.description } else { nil } }
    let outcome = try await workshop.run(cache: cache(server), emit: events.report)
    #expect(outcome.status == .done && outcome.ran == [])
    #expect(outcome.summary.cached == Self.actionCount && outcome.summary.fetched == Self.actionCount)
    #expect(Set(events.lines) == Set(filled.keys.keys))
    #expect(Summary.text(of: outcome).contains("14 cached (14 fetched), 0 ran in "))
    #expect(try workshop.read("\(workshop.latest("quick"))/sheet.png") == filled.sheet)
    #expect(workshop.stored("downloads") == [] && workshop.stored("attempts") == [])
    #expect(try Store(at: workshop.store).verify().isClean)
    #expect(!server.requests.contains { $0.method != "GET" }, "it only reads")
    #expect(server.connections <= 20, "connections are kept")

    let again = try await workshop.run(cache: cache(server))
    #expect(again.summary.cached == Self.actionCount && again.summary.fetched == 0)
  }

  @Test func objectsAreUploadedBeforeTheirRecord() async throws {
    let (workshop, server) = (try Workshop(), try CacheServer())
    try await workshop.run(cache: cache(server, Self.writing))
    var there: Set<String> = []
    for request in server.requests where request.method == "PUT" {
      there.insert(request.path)
      guard request.path.hasPrefix("/ac/") else { continue }
      let bytes = try #require(server.files[request.path])
      let entry = try #require(CacheEntry(Data(bytes)))
      let record = try #require(ActionRecord(sealed: entry.record))
      #expect(record.objects.allSatisfy { there.contains("/cas/\($0.object.hex)") })
    }
    #expect(there == Set(server.files.keys))
    #expect(there.count { $0.hasPrefix("/ac/") } == Self.actionCount)
  }

  @Test func onlyWhatIsMissingIsMade() async throws {
    let filled = try await filled()
    let (workshop, server) = (try Workshop(), try CacheServer(filled.files))
    let outcome = try await workshop.run(set: "target=merry", cache: cache(server, Self.writing))
    #expect(outcome.ran.first == "tuned")
    #expect(outcome.summary.fetched == Self.actionCount - outcome.ran.count)
    #expect(server.files.keys.count { $0.hasPrefix("/ac/") } == Self.actionCount + outcome.ran.count)
    let other = try await Workshop().run(set: "target=merry", cache: cache(server))
    #expect(other.summary.fetched == Self.actionCount)
  }

  @Test func aForcedStageIsNotFetched() async throws {
    let filled = try await filled()
    let server = try CacheServer(filled.files)
    let outcome = try await Workshop().run(options: RunOptions(forced: ["tuned"]), cache: cache(server))
    #expect(outcome.ran == ["tuned"])
    #expect(try !server.requests.map(\.path).contains(filled.path("tuned")))
  }

  // MARK: Servers that misbehave

  /// What goes wrong, and what is said of it at most once.
  enum Mischief: CaseIterable {
    case silence, breakingOff, error, refusal, nothing, lies, garbage, circles, endless

    func answer(_ request: CacheServer.Request) -> CacheServer.Answer {
      switch self {
      case .silence: .stall
      case .breakingOff: .breakOff
      case .error: .refuse("500 Oops")
      case .refusal: .refuse("401 Unauthorized")
      case .nothing: request.method == "PUT" ? .serve : .refuse("404 Not Found")
      case .lies: request.path.hasPrefix("/cas/") ? .lie : .serve
      case .garbage: request.path.hasPrefix("/ac/") ? .give(Array("<html>Welcome!</html>".utf8)) : .serve
      case .circles: .redirect(request.path)
      case .endless: .give([UInt8](repeating: 0x2A, count: CacheEntry.limit + 1))
      }
    }

    var remark: String? {
      switch self {
      case .silence, .breakingOff, .circles: "does not answer ("
      case .error: "does not answer (it answers 500): going on without it"
      case .refusal: "refuses access (it answers 401); put a token into DIFFUSIONCLIP_CACHE_TOKEN, or"
      case .nothing: nil
      case .lies, .endless: "is not what it should be: not used"
      case .garbage: "is not the record that it should be (it is not a record): not used"
      }
    }
  }

  @Test(arguments: Mischief.allCases) func aRunGoesOnWithout(_ mischief: Mischief) async throws {
    let filled = try await filled()
    let (workshop, server) = (try Workshop(), try CacheServer(filled.files) { mischief.answer($0) })
    let said = Transcript()
    let outcome = try await workshop.run(cache: cache(server, Self.writing, said: said))
    #expect(outcome.status == .done)
    #expect(outcome.ran.count == Self.actionCount && outcome.summary.fetched == 0)
    #expect(try workshop.read("\(workshop.latest("quick"))/sheet.png") == filled.sheet)
    #expect(said.text.split(separator: "\n").count == (mischief.remark == nil ? 0 : 1), "\(said.text)")
    if let remark = mischief.remark { #expect(said.text.contains(remark), "\(said.text)") }
    #expect(try Store(at: workshop.store).verify().isClean)
  }

  @Test(arguments: [1, 3, 8, 20, 40]) func aServerThatEndsMidwayIsNoHarm(after count: Int) async throws {
    let filled = try await filled()
    let asked = Mutex(0)
    let server = try CacheServer(filled.files) { _ in
      let number = asked.withLock { asked in
        asked += 1
        return asked
      }
      return number < count ? .serve : .die
    }
    let workshop = try Workshop()
    let outcome = try await workshop.run(cache: cache(server))
    #expect(outcome.status == .done)
    #expect(outcome.ran.count + outcome.summary.fetched == Self.actionCount)
    #expect(try workshop.read("\(workshop.latest("quick"))/sheet.png") == filled.sheet)
    #expect(try Store(at: workshop.store).verify().isClean)
  }

  @Test func objectsAreGoneThoughTheRecordIsThere() async throws {
    let filled = try await filled()
    let workshop = try Workshop()
    let server = try CacheServer(filled.files.filter { $0.key.hasPrefix("/ac/") })
    let outcome = try await workshop.run(cache: cache(server))
    #expect(outcome.status == .done && outcome.ran.count == Self.actionCount)
  }

  @Test(arguments: ["403 Forbidden", "405 Not Allowed", "413 Too Large", "500 Oops", "501 What"])
  func uploadsThatAreRefusedAreNoHarm(status: String) async throws {
    let filled = try await filled()
    let server = try CacheServer(filled.files) { $0.method == "PUT" ? .refuse(status) : .serve }
    let said = Transcript()
    let notices = EventLog { if case .notice(let text) = $0 { text } else { nil } }
    let outcome = try await Workshop().run(
      set: "target=merry", cache: cache(server, Self.writing, said: said), emit: notices.report)
    #expect(outcome.status == .done && outcome.summary.fetched > 0)
    #expect(said.text.contains("it answers \(status.prefix(3))"), "\(said.text)")
    #expect(said.text.split(separator: "\n").count == 1)
    #expect(
      notices.lines == [
        "what \(outcome.ran.count) actions made is not in the cache: `diffusionclip push` uploads it later"
      ])
  }

  /// Three in a row are enough, beside those that are under way then.
  @Test func uploadsThatAreNotTakenAreNotWaitedForLong() async throws {
    let server = try CacheServer { $0.method == "PUT" ? .stall : .serve }
    let notices = EventLog { if case .notice(let text) = $0 { text } else { nil } }
    let outcome = try await Workshop().run(cache: cache(server, Self.writing), emit: notices.report)
    #expect(outcome.status == .done)
    #expect(notices.lines.last?.hasPrefix("what 14 actions made is not in the cache") == true)
    #expect(server.requests.count { $0.method == "PUT" } <= 6)
  }

  // MARK: Somebody hostile

  /// Ways to change what the record of `tuned` says.
  enum Lie: CaseIterable {
    case other, seal, unsealed, key, preimage, kind, revision, ports, port, type, names, size, negative, short, huge
    case sizes, seconds, memory, inputs

    fileprivate func told(of record: ActionRecord, others: Filled) throws -> Data {
      func changed(
        key: Digest? = nil, preimage: String? = nil, kind: String? = nil, revision: Int? = nil,
        inputs: [Artifact]? = nil, seconds: Double = 1, memory: Double = 1,
        _ outputs: ([ActionRecord.Output]) -> [ActionRecord.Output] = { $0 }
      ) -> Data {
        ActionRecord(
          key: key ?? record.key, preimage: preimage ?? record.preimage, kind: kind ?? record.kind,
          revision: revision ?? record.revision, inputs: inputs ?? record.inputs, outputs: outputs(record.outputs),
          provenance: Provenance(
            program: "x", cpu: "x", blas: "x", threads: 1, seconds: seconds, peakMegabytes: memory, date: "x"),
          log: []
        ).data
      }
      func first(_ port: String? = nil, _ type: ArtifactType? = nil, name: String? = nil, size: Int? = nil) -> Data {
        changed { outputs in
          let item = outputs[0].artifact.items[0]
          let items = [Artifact.Item(name: name ?? item.name, object: item.object, size: size ?? item.size)]
          let artifact = Artifact(type: type ?? outputs[0].artifact.type, items: items)
          return [.init(port: port ?? outputs[0].port, artifact: artifact)] + outputs.dropFirst()
        }
      }
      switch self {
      case .other: return try others.record("sheet").data
      case .seal:
        let text = String(decoding: record.data, as: UTF8.self)
        return Data(text.replacing("\"revision\": 1", with: "\"revision\": 2").utf8)
      case .unsealed:
        let members = try JSON(parsing: record.data).members ?? []
        return JSON.object(members.filter { $0.name != "seal" }).prettyData
      case .key: return changed(key: Digest(of: "x"))
      case .preimage: return changed(preimage: "x")
      case .kind: return changed(kind: "edit")
      case .revision: return changed(revision: 2)
      case .ports: return changed { Array($0.dropLast()) }
      case .port: return first("losses")
      case .type: return first(nil, .clip)
      case .names: return first(name: "base 1")
      case .size: return first(size: 1 << 50)
      case .negative: return first(size: -1)
      case .short: return first(size: 3)
      case .huge: return first(size: 1 << 34)
      case .sizes:
        let item = record.outputs[0].artifact.items[0]
        let other = Artifact.Item(name: "", object: item.object, size: item.size + 1)
        let losses = Artifact(type: .table, items: [other])
        return changed { [$0[0], .init(port: "losses", artifact: losses)] }
      case .seconds: return changed(seconds: -1e300)
      case .memory: return changed(memory: 1e300)
      case .inputs:
        return changed(inputs: [Artifact(type: .images, items: [.init(name: "x", object: Digest(of: "x"), size: 1)])])
      }
    }
  }

  @Test(arguments: Lie.allCases) func aHostileRecordIsNotUsed(_ lie: Lie) async throws {
    let filled = try await filled()
    var files = filled.files
    let record = try filled.record("tuned")
    let told = CacheEntry(record: try lie.told(of: record, others: filled), signature: nil)
    files[try filled.path("tuned")] = Array(told.encoded(with: record.objects))
    let (workshop, said) = (try Workshop(), Transcript())
    let outcome = try await workshop.run(cache: cache(CacheServer(files), said: said))
    #expect(outcome.status == .done)
    #expect(outcome.ran == ["tuned"])
    #expect(outcome.summary.fetched == Self.actionCount - 1)
    #expect(try workshop.read("\(workshop.latest("quick"))/sheet.png") == filled.sheet)
    #expect(lie == .huge || said.text.contains(": not used"), "\(said.text)")
    #expect(try Store(at: workshop.store).verify().isClean)
  }

  /// An action for one item makes one item.
  @Test(arguments: [0, 2]) func asManyItemsAsThereShouldBe(count: Int) async throws {
    let filled = try await filled()
    var files = filled.files
    let record = try filled.record("latents/bob")
    let item = record.outputs[0].artifact.items[0]
    let items = (0..<count).map { Artifact.Item(name: "bob\($0)", object: item.object, size: item.size) }
    let changed = ActionRecord(
      key: record.key, preimage: record.preimage, kind: record.kind, revision: record.revision,
      outputs: [.init(port: "latents", artifact: Artifact(type: .latents, items: items))],
      provenance: record.provenance, log: [])
    files[try filled.path("latents/bob")] = Array(
      CacheEntry(record: changed.data, signature: nil).encoded(with: record.objects))
    let outcome = try await Workshop().run(cache: cache(CacheServer(files)))
    #expect(outcome.status == .done && outcome.ran == ["latents/bob"])
  }

  // MARK: Trust

  @Test func onlyWhatIsSignedByTheSecretIsTaken() async throws {
    let secret = ["DIFFUSIONCLIP_CACHE_KEY": "a secret", "DIFFUSIONCLIP_CACHE_TRUST": "signed"]
    let signed = try await filled(secret)
    #expect(try await Workshop().run(cache: cache(CacheServer(signed.files), secret)).summary.fetched == 14)
    #expect(try await Workshop().run(cache: cache(CacheServer(signed.files))).summary.fetched == 14, "it need not look")

    let other = secret.merging(["DIFFUSIONCLIP_CACHE_KEY": "another"]) { $1 }
    let said = Transcript()
    #expect(try await Workshop().run(cache: cache(CacheServer(signed.files), other, said: said)).ran.count == 14)
    #expect(said.text.hasSuffix(" is not signed by the secret in DIFFUSIONCLIP_CACHE_KEY: not used\n"))
    let unsigned = try await filled()
    #expect(try await Workshop().run(cache: cache(CacheServer(unsigned.files), secret)).ran.count == 14)

    // A signature is of one record.
    var files = signed.files
    let entry = try signed.entry("tuned")
    let record = try signed.record("sheet")
    files[try signed.path("sheet")] = Array(
      CacheEntry(record: record.data, signature: entry.signature).encoded(with: record.objects))
    #expect(try await Workshop().run(cache: cache(CacheServer(files), secret)).ran == ["sheet"])
  }

  @Test func objectsThatAreLostComeBackWithoutTrust() async throws {
    let none = ["DIFFUSIONCLIP_CACHE_TRUST": "none"]
    let filled = try await filled()
    let (workshop, server) = (try Workshop(), try CacheServer(filled.files))
    #expect(try await workshop.run(cache: cache(server, none)).ran.count == Self.actionCount)
    #expect(server.requests.isEmpty)
    try FileManager.default.removeItem(atPath: workshop.object("~~ada"))
    try FileManager.default.removeItem(atPath: workshop.object("~~cyd"))
    try Data("~~".utf8).write(to: URL(filePath: workshop.object("~~cyd")))
    let outcome = try await workshop.run(cache: cache(server, none))
    #expect(outcome.ran == [] && outcome.summary.fetched == 2)
    #expect(server.requests.allSatisfy { $0.path.hasPrefix("/cas/") })

    // Damage that only reading tells.
    let sheet = workshop.object(filled.sheet)
    try FileManager.default.removeItem(atPath: sheet)
    try String(filled.sheet.reversed()).write(toFile: sheet, atomically: false, encoding: .utf8)
    let repaired = try await workshop.run(cache: cache(server, none))
    #expect(repaired.status == .done && repaired.ran == [])
    #expect(try workshop.read("\(workshop.latest("quick"))/sheet.png") == filled.sheet)
  }

  // MARK: Settings

  @Test(
    arguments: [
      ("ftp://cache", [:], "'ftp://cache' is not the URL of a cache, such as https://cache.example.org/diffusionclip"),
      ("cache.example.org", [:], "'cache.example.org' is not the URL of a cache, such as https://"),
      ("http://", [:], "'http://' is not the URL"), ("http://cache/?a=b", [:], "is not the URL"),
      (
        "https://me:hunter2@cache", [:],
        "the cache's URL has an @: credentials do not belong into it, where others see them; put a token into"
      ),
      ("http://cache", ["_MODE": "both"], "DIFFUSIONCLIP_CACHE_MODE is 'both', expected one of read, write"),
      ("http://cache", ["_TRUST": "some"], "DIFFUSIONCLIP_CACHE_TRUST is 'some', expected one of all, signed, none"),
      (
        "http://cache", ["_TRUST": "signed"],
        "signed records need the secret that they are signed by, in DIFFUSIONCLIP_"
      ),
      ("http://cache", ["_USER": "me"], "DIFFUSIONCLIP_CACHE_USER needs a password in DIFFUSIONCLIP_CACHE_PASSWORD"),
      ("http://cache", ["_TOKEN": "a\nX-Evil: b"], "DIFFUSIONCLIP_CACHE_TOKEN has characters that a token cannot have"),
    ] as [(String, [String: String], String)])
  func settingsThatMakeNoSense(url: String, variables: [String: String], message: String) throws {
    let environment = Dictionary(uniqueKeysWithValues: variables.map { ("DIFFUSIONCLIP_CACHE" + $0, $1) })
    do {
      _ = try CacheSettings(url: url, environment: environment)
      Issue.record("they were taken")
    } catch {
      #expect("\(error)".contains(message), "\(error)")
      #expect(!"\(error)".contains("hunter2"))
    }
  }

  @Test func noCacheWhereNoneIsNamed() throws {
    #expect(try CacheSettings(environment: [:]) == nil)
    #expect(try CacheSettings(url: "", environment: ["DIFFUSIONCLIP_CACHE": "http://cache"]) == nil)
    #expect(try CacheSettings(environment: ["DIFFUSIONCLIP_CACHE": "http://cache"]) != nil)
  }
}
