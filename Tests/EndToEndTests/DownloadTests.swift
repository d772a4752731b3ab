import ArtifactStore
import Foundation
import TestSupport
import Testing

/// Files that a recipe names by their address and digest.
struct DownloadTests {
  private let model: Data

  init() throws {
    let repository = try WholeRecipe.finished().repository
    let name = try #require(repository.names(in: "out").first { $0.hasPrefix("base") && $0.hasSuffix(".safetensors") })
    model = try repository.data("out/\(name)")
  }

  private func repository(_ server: ScriptedServer, sha256: String? = nil) throws -> Repository {
    try Repository(
      """
      recipe: far
      stages:
        base: { load: { diffusion: { url: "\(server.url)", sha256: \(sha256 ?? Digest(of: model).hex) } } }
      """)
  }

  private func downloads(_ repository: Repository) -> [String] { repository.names(in: ".diffusionclip/downloads") }

  /// How many bytes of the only download there are.
  private func arrived(in repository: Repository) throws -> Int {
    try repository.data(".diffusionclip/downloads/\(downloads(repository)[0])").count
  }

  @Test func aFileIsDownloadedOnce() throws {
    let server = try ScriptedServer(Array(model), answers: [.breakOff(after: 700)])
    let repository = try repository(server)
    let plan = try repository.run("plan", "recipe.yaml")
    #expect(
      plan.output.contains("downloads \(server.url) unless it is at \(repository.path(".diffusionclip/downloads"))"))
    #expect(server.requests.isEmpty)
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    #expect(server.requests == [0, 700])
    #expect(downloads(repository) == [Digest(of: model).hex])

    let again = try repository.run("run", "recipe.yaml", "--force", "base")
    #expect(again.status == 0)
    server.close()
    // What it was made from is no part of the key: another address of the same file is the same.
    try repository.write(
      try repository.text("recipe.yaml").replacing("127.0.0.1", with: "localhost"), to: "recipe.yaml")
    #expect(try repository.run("plan", "recipe.yaml").output.contains("1 cached, 0 to run"))
    #expect(server.requests == [0, 700])

    #expect(try repository.run("gc", "--grace", "0").status == 0)
    #expect(downloads(repository) == [Digest(of: model).hex])
    #expect(try repository.run("gc", "--grace", "0", "--keep", "0").status == 0)
    #expect(downloads(repository).isEmpty)
  }

  @Test func twoRunsShareADownload() throws {
    let server = try ScriptedServer(Array(model), answers: [.stall(after: 700)])
    let repository = try repository(server)
    let runs = try (0..<2).map { _ in try repository.start(["run", "recipe.yaml"], patience: 1) }
    for run in runs { #expect(try run.outcome().status == 0) }
    #expect(server.requests == [0, 700])
  }

  @Test func aKilledDownloadGoesOn() throws {
    let server = try ScriptedServer(Array(model), answers: [.stall(after: 700)])
    let repository = try repository(server)
    let run = try repository.start(["run", "recipe.yaml"], patience: 60)
    while try downloads(repository).isEmpty || arrived(in: repository) < 700 { usleep(2000) }
    run.end(by: SIGKILL)
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    #expect(server.requests == [0, 700])
    #expect(try repository.run("verify").status == 0)
  }

  @Test func anotherFileThanThePinIsRefused() throws {
    let server = try ScriptedServer(Array(model), answers: [])
    let pin = String(repeating: "ab", count: 32)
    let repository = try repository(server, sha256: pin)
    let outcome = try repository.run("run", "recipe.yaml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("its SHA-256 is \(Digest(of: model).hex), expected \(pin)"))
    #expect(downloads(repository).isEmpty)
  }

  @Test func offlineItSaysWhichFileGoesWhere() throws {
    let server = try ScriptedServer(Array(model))
    let repository = try repository(server)
    server.close()
    let outcome = try repository.start(["run", "recipe.yaml"], patience: 1).outcome()
    #expect(outcome.status == 1)
    let place = ".diffusionclip/downloads/\(Digest(of: model).hex)"
    #expect(outcome.errors.contains("cannot reach \(server.url)"))
    #expect(outcome.errors.contains("put it at \(repository.path(place))"))
    try repository.write(model, to: place)
    #expect(try repository.run("run", "recipe.yaml").status == 0)
  }

  @Test(.enabled(if: SmallDisk.canBeMounted, "mounting a small disk takes root"))
  func aFullDiskIsSaidAndNotKeptFull() throws {
    let server = try ScriptedServer([UInt8](repeating: 1, count: 3 << 20), answers: [.serveWithoutLength])
    let repository = try repository(server)
    let disk = try SmallDisk(at: repository.path("disk"), kilobytes: 1024)
    defer { disk.unmount() }
    let outcome = try repository.run("run", "recipe.yaml", "--store", "disk/store")
    #expect(outcome.status == 1)
    let part = repository.path("disk/store/downloads/\(Digest(of: model).hex).part")
    let message = "no space left on the disk while writing \(part), which was removed; free some space, then run again"
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
    #expect(repository.names(in: "disk/store/downloads").isEmpty)
  }

  @Test func theSizeThatTheRecipeGivesIsAllThatIsTaken() throws {
    let server = try ScriptedServer(Array(model), answers: [.serveWithoutLength])
    let repository = try repository(server)
    let text = try repository.text("recipe.yaml")
    try repository.write(text.replacing(", sha256", with: ", size: \(model.count - 1), sha256"), to: "recipe.yaml")
    let outcome = try repository.run("run", "recipe.yaml")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("longer than \(model.count - 1) bytes, which is all that it may have"))
    #expect(downloads(repository).isEmpty)
    // It is no part of the key.
    try repository.write(text.replacing(", sha256", with: ", size: \(model.count), sha256"), to: "recipe.yaml")
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    try repository.write(text, to: "recipe.yaml")
    #expect(try repository.run("plan", "recipe.yaml").output.contains("1 cached, 0 to run"))
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aStalledDownloadStopsWithinASecond(signal: Int32) throws {
    let server = try ScriptedServer(Array(model), answers: [.stall(after: 700)])
    let repository = try repository(server)
    let run = try repository.start(["run", "recipe.yaml"], patience: 60)
    try run.send(signal) { _ in !downloads(repository).isEmpty && ((try? arrived(in: repository)) ?? 0) >= 700 }
    let start = ContinuousClock.now
    #expect(try run.outcome().status == 130)
    #expect(ContinuousClock.now - start < .seconds(1))
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    #expect(server.requests == [0, 700])
  }

  @Test func aDamagedDownloadIsFetchedAgain() throws {
    let server = try ScriptedServer(Array(model))
    let repository = try repository(server)
    #expect(try repository.run("run", "recipe.yaml").status == 0)
    let place = ".diffusionclip/downloads/\(Digest(of: model).hex)"
    try repository.write(try repository.data(place).dropLast(), to: place)
    #expect(try repository.run("run", "recipe.yaml", "--force", "base").status == 0)
    #expect(server.requests == [0, 0])
    #expect(try repository.data(place) == model)

    try repository.write(Data("nothing like it".utf8), to: place)
    let verified = try repository.run("verify")
    #expect(verified.status == 1 && verified.output.contains(Digest(of: model).hex))
    #expect(try repository.run("verify").status == 0)
  }

  @Test(arguments: [
    ("/files/again", "it redirects more than 10 times"), ("file:///etc/passwd", "neither http nor https"),
  ])
  func aRedirectionThatLeadsNowhereIsToldAtOnce(address: String, reason: String) throws {
    let server = try ScriptedServer(Array(model), answers: Array(repeating: .redirect(address), count: 50))
    let repository = try repository(server)
    let start = ContinuousClock.now
    let outcome = try repository.run("run", "recipe.yaml")
    #expect(ContinuousClock.now - start < .seconds(3))
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains("\(server.url) leads to no file: ") && outcome.errors.contains(reason), "\(outcome)")
    #expect(server.requests.count <= 11)
  }
}
