import ArtifactStore
import Foundation
import TestSupport
import Testing

/// `--cache`, `push` and `pull`, as a team uses them.
struct CacheTests {
  private static let recipe = """
    recipe: small
    stages:
      faces: { load: { images: faces/*.png, size: 16 } }
      noisy: { perturb: { images: faces, return_step: 100, seed: 3 } }
      photos: { synthesize: { count: 3, size: 16 } }
      sheet: { figure: { rows: [photos, faces], align: order } }
    outputs: [sheet]
    """
  /// With three faces.
  private static let actionCount = 8

  private func repository() throws -> Repository { try Repository(Self.recipe) }

  /// A server that has all of the recipe, and its digests.
  private func filled() throws -> (files: [String: [UInt8]], digests: [String: String]) {
    let (repository, server) = (try repository(), try CacheServer())
    let outcome = try repository.run("run", "recipe.yaml", "--cache", server.url, "--cache-mode", "write")
    try #require(outcome.status == 0, "\(outcome)")
    return (server.files, try repository.digests("small"))
  }

  /// Models, also such as stand on others, figures of two objects, tables, latents and what has several outputs.
  @Test func everythingIsFetched() throws {
    let tuned = """
        tuned:
          finetune: { model: base, latents: latents, clip: clip, target: angry face, steps: 3, epochs: 1,
                      learning_rate: 0.01, adapter: lora, lora_rank: 1 }
        edited_tuned: { sample: { latents: latents, model: tuned, steps: 4 } }
      outputs: [edited_tuned,
      """
    let recipe = WholeRecipe.text.replacing("outputs: [", with: tuned)
    let (first, second) = (try WholeRecipe.finishedCopy(), try Repository(recipe))
    try first.write(recipe, to: "recipe.yaml")
    let server = try CacheServer()
    let made = try first.run("run", "recipe.yaml", "--json", "--cache", server.url, "--cache-mode", "write")
    #expect(made.status == 0)
    #expect(try made.ran.count == 4, "the model, and what it makes of three faces")
    #expect(try made.finished["fetched"] == 0)

    let pushed = try first.run("push", "recipe.yaml", "--cache", server.url, "--json")
    #expect(pushed.status == 0)
    let count = WholeRecipe.actionCount + 4
    #expect(try pushed.lines[0]["pushed"]?.int == count)
    #expect(try pushed.lines[0]["missing"] == 0)
    #expect(server.files.keys.count { $0.hasPrefix("/ac/") } == count)
    let uploads = server.requests.filter { $0.method == "PUT" && $0.path.hasPrefix("/cas/") }.map(\.path)
    #expect(Set(uploads).count == uploads.count, "each object is uploaded once")

    let outcome = try second.run("run", "recipe.yaml", "--json", "--cache", server.url)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let finished = try outcome.finished
    #expect(finished["ran"] == 0)
    #expect(finished["fetched"]?.int == count && finished["cached"]?.int == count)
    #expect(try outcome.lines.count { $0["event"] == "cached" } == count)
    #expect(outcome.errors == "")
    #expect(try second.digests("whole") == first.digests("whole"))
    #expect(try second.run("verify").status == 0)
    #expect(
      try second.json("\(second.latest("whole"))/actions.json")["actions"]?.array?.allSatisfy {
        $0["status"] == "cached"
      }
        == true)
  }

  @Test func theSummaryTellsWhatWasFetched() throws {
    let (files, digests) = try filled()
    let (repository, server) = (try repository(), try CacheServer(files))
    try repository.addFace("dee")
    // By the environment, with a slash at the end.
    let outcome = try repository.run(["run", "recipe.yaml"], with: ["DIFFUSIONCLIP_CACHE": server.url + "/"])
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("7 cached (7 fetched), 3 ran in "))
    #expect(try repository.digests("small") != digests)
    #expect(server.requests.allSatisfy { $0.method == "GET" })
    #expect(try repository.run("run", "recipe.yaml").output.contains("10 cached, 0 ran in "))
  }

  @Test func withoutAnybodyThereItRunsAsEver() throws {
    let (_, digests) = try filled()
    let (repository, server) = (try repository(), try CacheServer())
    server.close()
    let outcome = try repository.run("run", "recipe.yaml", "--cache", server.url, "--cache-mode", "write")
    #expect(outcome.status == 0)
    #expect(outcome.errors.components(separatedBy: "the cache \(server.url) does not answer (").count == 2)
    #expect(outcome.errors.contains("): going on without it\n"))
    #expect(outcome.errors.contains("what 8 actions made is not in the cache: `diffusionclip push` uploads it later\n"))
    #expect(try repository.digests("small") == digests)

    for command in ["push", "pull"] {
      let store = command == "pull" ? ["--store", "other"] : []
      let outcome = try repository.run([command, "recipe.yaml", "--cache", server.url] + store)
      #expect(outcome.status == 1)
      #expect(outcome.errors.hasPrefix("the cache \(server.url) does not answer ("))
      #expect(!outcome.errors.contains("going on"))
    }
  }

  /// One that sends a little now and then is as good as silent: what is made here is made sooner.
  @Test func aServerThatIsTooSlow() throws {
    let (files, digests) = try filled()
    let server = try CacheServer(files) { $0.path.hasPrefix("/cas/") ? .trickle : .serve }
    let repository = try repository()
    let start = ContinuousClock.now
    let outcome = try repository.start(["run", "recipe.yaml", "--cache", server.url], patience: 1).outcome()
    #expect(ContinuousClock.now - start < .seconds(30))
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("does not answer (too slow for 1 s): going on without it"), "\(outcome.errors)")
    #expect(try repository.digests("small") == digests)
  }

  @Test func pushAndPull() throws {
    let (first, second) = (try repository(), try repository())
    let server = try CacheServer()
    try #require(try first.run("run", "recipe.yaml").status == 0)
    let pushed = try first.run("push", "recipe.yaml", "--cache", server.url)
    #expect(pushed.status == 0)
    #expect(pushed.output.hasPrefix("8 actions pushed: "), "\(pushed.output)")
    let uploads = server.requests.count { $0.method == "PUT" && $0.path.hasPrefix("/cas/") }
    #expect(uploads == server.files.keys.count { $0.hasPrefix("/cas/") })
    let again = try first.run("push", "recipe.yaml", "--cache", server.url)
    #expect(again.output == "8 actions pushed: 0 objects (0 B) uploaded\n")

    try second.addFace("dee")
    let pulled = try second.run("pull", "recipe.yaml", "--cache", server.url)
    #expect(pulled.status == 0)
    #expect(pulled.output == "0 cached, 7 fetched, 3 missing\n")
    #expect(
      try second.run("pull", "recipe.yaml", "--cache", server.url, "--json").lines
        == [["cached": 7, "fetched": 0, "missing": 3]])
    let run = try second.run("run", "recipe.yaml", "--json")
    #expect(try run.ran == ["faces/dee", "noisy/dee", "sheet"])
    #expect(try second.run("push", "recipe.yaml", "--cache", server.url).output.hasPrefix("10 actions pushed: "))
  }

  @Test(arguments: ["push", "pull"]) func aServerThatIsNotThereIsSaidOfFewRequests(command: String) throws {
    let recipe = "recipe: tiny\nstages: { photos: { synthesize: { count: 1, size: 16 } } }"
    let repository = try Repository(recipe)
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    let server = try CacheServer()
    server.close()
    let store = command == "pull" ? ["--store", "other"] : []
    let outcome = try repository.run([command, "recipe.yaml", "--cache", server.url] + store)
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("the cache \(server.url) did"), "\(outcome.errors)")
    let fine = try repository.run([command, "recipe.yaml", "--cache", try CacheServer().url] + store)
    #expect(fine.status == 0 && fine.errors == "", "\(fine.errors)")
  }

  @Test func whatIsPulledIsNoGarbage() throws {
    let (files, _) = try filled()
    let (repository, server) = (try repository(), try CacheServer(files))
    try #require(try repository.run("pull", "recipe.yaml", "--cache", server.url).status == 0)
    #expect(try repository.run("gc", "--grace", "0").output.hasPrefix("removed 0 actions, 0 objects"))
    #expect(try repository.run("plan", "recipe.yaml").output.contains("8 cached, 0 to run"))
  }

  /// A server that does not know HEAD is uploaded to all the same.
  @Test func pushWithoutHEAD() throws {
    let repository = try repository()
    let server = try CacheServer { $0.method == "HEAD" ? .refuse("405 Method Not Allowed") : .serve }
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    #expect(try repository.run("push", "recipe.yaml", "--cache", server.url).status == 0)
    #expect(server.files.keys.count { $0.hasPrefix("/ac/") } == Self.actionCount)
  }

  @Test func damageIsNotPushed() throws {
    let (repository, server) = (try repository(), try CacheServer())
    try #require(try repository.run("run", "recipe.yaml").status == 0)
    let sheet = try #require(
      repository.run("show", "recipe.yaml", "sheet", "--json").lines[0].array?.first?["items"]?.array?.first)
    let (name, size) = (try #require(sheet["object"]?.string), try #require(sheet["size"]?.int))
    let path = ".diffusionclip/objects/\(name.prefix(2))/\(name)"
    try FileManager.default.removeItem(atPath: repository.path(path))
    try repository.write(Data(count: size), to: path)
    let outcome = try repository.run("push", "recipe.yaml", "--cache", server.url)
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("; 1 not pushed\n"))
    #expect(outcome.errors.contains("was damaged on disk"))
    #expect(server.files["/cas/\(name)"] == nil)
  }

  @Test func trust() throws {
    let (first, server) = (try repository(), try CacheServer())
    let key = ["DIFFUSIONCLIP_CACHE": server.url, "DIFFUSIONCLIP_CACHE_KEY": "a secret"]
    #expect(try first.run(["run", "recipe.yaml", "--cache-mode", "write"], with: key).status == 0)
    func fetched(_ arguments: [String], _ environment: [String: String]) throws -> Int? {
      let outcome = try repository().run(["run", "recipe.yaml", "--json"] + arguments, with: environment)
      #expect(outcome.status == 0)
      return try outcome.finished["fetched"]?.int
    }
    #expect(try fetched(["--cache-trust", "signed"], key) == Self.actionCount)
    let other = key.merging(["DIFFUSIONCLIP_CACHE_KEY": "another", "DIFFUSIONCLIP_CACHE_TRUST": "signed"]) { $1 }
    #expect(try fetched([], other) == 0)
    #expect(try fetched(["--cache-trust", "all"], other) == Self.actionCount)
    #expect(try fetched(["--cache-trust", "none"], key) == 0)

    let none = ["pull", "recipe.yaml", "--cache", server.url, "--cache-trust", "none", "--json"]
    #expect(try repository().run(none).lines[0]["fetched"] == 0)
    try FileManager.default.removeItem(atPath: first.path(".diffusionclip/objects"))
    #expect(try first.run(none).lines == [["cached": 0, "fetched": 8, "missing": 0]])
    #expect(try first.run("verify").status == 0)
    #expect(try first.run("run", "recipe.yaml").output.contains("8 cached, 0 ran in "))
  }

  // MARK: Credentials

  private static let token = "hush-this-is-secret"

  @Test(arguments: [
    (["DIFFUSIONCLIP_CACHE_TOKEN": token], "Bearer \(token)"),
    (
      ["DIFFUSIONCLIP_CACHE_USER": "ci", "DIFFUSIONCLIP_CACHE_PASSWORD": token],
      "Basic " + Data("ci:\(token)".utf8).base64EncodedString()
    ),
    (["NETRC": "netrc"], "Basic " + Data("me:\(token)".utf8).base64EncodedString()),
  ])
  func credentialsAreShownToTheServerAlone(environment: [String: String], expected: String) throws {
    let repository = try repository()
    try repository.write("machine 127.0.0.1 login me password \(Self.token)\n", to: "netrc")
    let server = try CacheServer { $0.authorization == expected ? .serve : .refuse("401 Unauthorized") }
    let arguments = ["run", "recipe.yaml", "--json", "--cache", server.url, "--cache-mode", "write"]
    let refused = try repository.run(arguments + ["--store", "other"], with: ["HOME": "/nowhere"])
    #expect(refused.status == 0)
    #expect(
      refused.errors.hasPrefix(
        "the cache \(server.url) refuses access (it answers 401); put a token into DIFFUSIONCLIP_CACHE_TOKEN, or a name "
          + "and a password into DIFFUSIONCLIP_CACHE_USER and DIFFUSIONCLIP_CACHE_PASSWORD, or into ~/.netrc: going on "
          + "without it\n"), "\(refused.errors)")
    #expect(server.files.isEmpty)

    let outcome = try repository.run(arguments, with: environment)
    #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
    #expect(server.files.keys.count { $0.hasPrefix("/ac/") } == Self.actionCount)
    let secret = Data(Self.token.utf8)
    #expect(!(outcome.output + outcome.errors).contains(Self.token))
    for file in server.files.values { #expect(Data(file).firstRange(of: secret) == nil) }
    for case let name as String in FileManager.default.enumerator(atPath: repository.folder) ?? .init()
    where name != "netrc" {
      #expect((try? repository.data(name))?.firstRange(of: secret) == nil, "\(name)")
    }
  }

  @Test func redirectionsElsewhereDoNotTakeCredentialsAlong() throws {
    let (files, _) = try filled()
    let (repository, elsewhere) = (try repository(), try CacheServer(files))
    let address = elsewhere.url.replacing("127.0.0.1", with: "localhost")
    let server = try CacheServer { .redirect(address + $0.path) }
    let outcome = try repository.run(
      ["run", "recipe.yaml", "--cache", server.url], with: ["DIFFUSIONCLIP_CACHE_TOKEN": Self.token])
    #expect(outcome.output.contains("8 cached (8 fetched), 0 ran in "), "\(outcome)")
    #expect(server.requests.allSatisfy { $0.authorization == "Bearer \(Self.token)" })
    #expect(elsewhere.requests.allSatisfy { $0.authorization == nil })
    #expect(!elsewhere.requests.isEmpty)
  }

  @Test func wrongUsage() throws {
    let repository = try repository()
    let outcome = try repository.run("run", "recipe.yaml", "--cache", "https://ci:hunter2@cache.example.org")
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("put a token into DIFFUSIONCLIP_CACHE_TOKEN"))
    #expect(!outcome.errors.contains("hunter2"))
    #expect(try repository.run("push", "recipe.yaml").status == 64)
    #expect(try repository.run("pull", "recipe.yaml").errors.contains("name it with --cache or in DIFFUSIONCLIP_CACHE"))
    #expect(try repository.run("run", "recipe.yaml", "--cache", "http://h", "--cache-mode", "maybe").status == 64)
    #expect(try repository.run("run", "recipe.yaml", "--cache", "http://h", "--cache-trust", "signed").status == 64)
  }

  // MARK: Interruption

  @Test func anInterruptionEndsTheWait() throws {
    let repository = try repository()
    let server = try CacheServer { $0.method == "PUT" ? .stall : .serve }
    let program = try repository.start(
      ["run", "recipe.yaml", "--json", "--cache", server.url, "--cache-mode", "write"], patience: 60)
    try program.send(SIGINT) { _ in (try? repository.data("\(repository.latest("small"))/run.json")) != nil }
    let start = ContinuousClock.now
    let outcome = try program.outcome()
    #expect(ContinuousClock.now - start < .seconds(30))
    #expect(outcome.errors.contains("what 8 actions made is not in the cache"))
    #expect(try repository.run("run", "recipe.yaml").output.contains("8 cached, 0 ran in "))
  }

  @Test func anInterruptionEndsALookup() throws {
    let repository = try repository()
    let server = try CacheServer { _ in .stall }
    let program = try repository.start(["run", "recipe.yaml", "--cache", server.url], patience: 60)
    try program.send(SIGINT) { _ in !server.requests.isEmpty }
    let start = ContinuousClock.now
    #expect(try program.outcome().status == 130)
    #expect(ContinuousClock.now - start < .seconds(30))
  }
}
