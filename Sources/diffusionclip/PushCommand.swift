import ArgumentParser
import ArtifactStore
import Engine
import Foundation
import RemoteCache
import Reporting
import StageKit

struct PushCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "push", abstract: "Upload what the store has of a recipe to a shared cache.",
    discussion: "Exit status: 0 the cache has it now, 1 it did not take all of it.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var output: OutputOptions

  func validate() throws { _ = try cache.neededSettings() }

  func run() async throws {
    try await exchanging(recipe, store, try cache.neededSettings()) { exchange in
      let pushed = try await exchange.push()
      if output.json { printLine(pushed.json) } else { printText(Summary.text(of: pushed)) }
      if pushed.failed > 0, exchange.cache.trouble == nil { throw ExitCode(ExitStatus.stageFailed.rawValue) }
    }
  }
}

struct PullCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull", abstract: "Fetch what a shared cache has of a recipe, without executing anything.",
    discussion: "Exit status: 0 all that the cache has is there now, 1 it did not answer.")

  @OptionGroup var recipe: RecipeOptions
  @OptionGroup var store: StoreOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var fetching: FetchOptions
  @OptionGroup var output: OutputOptions

  func validate() throws { _ = try cache.neededSettings(trust: fetching.cacheTrust) }

  func run() async throws {
    try await exchanging(recipe, store, try cache.neededSettings(trust: fetching.cacheTrust)) { exchange in
      let pulled = try await exchange.pull()
      if output.json { printLine(pulled.json) } else { printText(Summary.text(of: pulled)) }
    }
  }
}

/// Does `work` between a recipe's store and a cache; one that does not answer is an error.
private func exchanging(
  _ recipe: RecipeOptions, _ store: StoreOptions, _ settings: CacheSettings,
  _ work: (CacheExchange) async throws -> Void
) async throws {
  try await reportingErrors {
    let plan = try recipe.plan()
    let interruption = Interruption()
    let signals = SignalWatch { interruption.request() }
    defer { signals.cancel() }
    let cache = HTTPCache(settings, interruption: interruption, isOptional: false, say: complain)
    try await work(CacheExchange(of: plan, between: try store.open(for: plan), and: cache))
    if let trouble = cache.trouble { complain(trouble) }
    if cache.isAway || cache.trouble != nil { throw ExitCode(ExitStatus.stageFailed.rawValue) }
  }
}
