import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import Foundation
import JSONSyntax
import RecipeSyntax
import StageKit
import Transfers
import WeightsCatalog

struct WeightsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weights", abstract: "List and fetch published networks that recipes can load.",
    discussion: """
      A recipe fetches what it loads by itself: 'load: {diffusion: {catalog: celeba-hq}}'. 'get' is for networks whose \
      digest nobody has published, and for machines without a network of their own.
      """,
    subcommands: [ListWeightsCommand.self, GetWeightsCommand.self], defaultSubcommand: ListWeightsCommand.self)
}

struct ListWeightsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the catalog of published networks.")

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      if output.json { return printLine(["entries": .array(PublishedNetworks.entries.map(\.json))]) }
      printText(
        AlignedText.rows(
          [["NAME", "LOAD", "SIZE", "DIGEST", "LICENSE", "WHAT IT IS"]]
            + PublishedNetworks.entries.map { entry in
              [
                entry.name, entry.parameter, entry.bytes.map(Readable.size) ?? "?", entry.knownBy, entry.license,
                entry.summary,
              ]
            }))
    }
  }
}

struct GetWeightsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Fetch a published network, from one address after the other, and verify it.",
    discussion: """
      A file that is there with the right digest is left as it is, and one that broke off is gone on from. Where nobody \
      has published a digest, the one that came is printed, for you to pin in 'load: {…, sha256: …}'.
      """)

  @Argument(help: ArgumentHelp("An entry of the catalog.", valueName: "name"))
  var name: String

  @Option(
    name: .customLong("to"),
    help: ArgumentHelp(
      "The folder to write to; what belongs together gets into a folder in it.", valueName: "folder"),
    completion: .directory, transform: path)
  var folder = "Weights"

  @Option(
    name: .customLong("from"),
    help: ArgumentHelp(
      "A server of your own to ask first: a folder of it that has the files under their names.", valueName: "url"),
    transform: address)
  var mirror: String?

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await reportingErrors {
      guard let entry = PublishedNetworks.entry(name) else {
        let meant = Suggestion.question(about: name, in: PublishedNetworks.entries.map(\.name))
        throw InputError("the catalog has no '\(name)'; \(meant ?? "`diffusionclip weights list` lists it")")
      }
      let interruption = Interruption()
      let signals = SignalWatch { interruption.request() }
      defer { signals.cancel() }
      let place = entry.files.count == 1 ? folder : "\(folder)/\(entry.folder)"
      try OutputPlace.requireFolder(place, option: "--to")
      let files = try entry.files.map { try fetched($0, of: entry, to: place, interruption) }
      guard output.json else { return }
      printLine(["name": .string(entry.name), "files": .array(files)])
    }
  }

  /// Sees that a file is there.
  /// - Returns: what there is to say of it.
  /// - Throws: `InputError` where another file has its name, or it cannot be had.
  private func fetched(
    _ file: CatalogEntry.File, of entry: CatalogEntry, to folder: String, _ interruption: Interruption
  ) throws -> JSON {
    let path = "\(folder)/\(file.name)"
    var sha256 = try Files.digest(of: path)?.hex
    let isThere = sha256 != nil
    if let found = sha256, let expected = file.sha256, found != expected {
      throw InputError(
        "\(path): its SHA-256 is \(found), expected \(expected): it is another file; move it away, and run again")
    }
    if sha256 == nil {
      guard mirror != nil || !file.urls.isEmpty else {
        throw InputError(
          "\(entry.name): no address is known that gives \(file.name): \(entry.note); put it at \(path)"
            + (file.sha256.map { ", where its SHA-256 has to be \($0)" } ?? ""))
      }
      sha256 = try download(file, to: path, interruption)
    }
    let digest = sha256 ?? ""
    if !output.json { printText("\(path)\n  SHA-256 \(digest), \(file.verdict(isThere: isThere))\n") }
    if file.sha256 == nil, !entry.note.isEmpty { warn("\(file.name): \(entry.note)") }
    return [
      "path": .string(path), "sha256": .string(digest), "verified": .bool(file.sha256 != nil),
      "fetched": .bool(!isThere),
    ]
  }

  private func download(
    _ file: CatalogEntry.File, to path: String, _ interruption: Interruption
  ) throws -> String {
    var shown = 0
    do {
      let own = mirror.map { [$0 + ($0.ends(with: "/") ? "" : "/") + file.name] } ?? []
      return try Download(urls: own + file.urls, sha256: file.sha256, size: file.bytes).fetch(
        to: path,
        progress: { received, size in
          let megabytes = received >> 20
          guard megabytes >= shown + 32 else { return }
          shown = megabytes
          warn("\(file.name): \(Readable.size(received))" + (size.map { " of \(Readable.size($0))" } ?? ""))
        }, next: { warn("\($0); trying the next address") }, check: interruption.check)
    } catch let error as TransferError {
      throw InputError("\(error). What has arrived is kept; or fetch it elsewhere and put it at \(path)")
    }
  }
}

extension CatalogEntry {
  /// Whose word its digests are.
  fileprivate var knownBy: String {
    if files.contains(where: { $0.sha256 == nil }) { return "none" }
    if files.contains(where: { $0.word == .few }) { return "few" }
    return files.contains { $0.word == .several } ? "several" : "publisher"
  }

  fileprivate var json: JSON {
    [
      "name": .string(name), "parameter": .string(parameter), "summary": .string(summary), "license": .string(license),
      "hints": .object(
        hints.sorted { $0.key < $1.key }.map { name, hint in
          switch hint {
          case .text(let text): JSON.Member(name, .string(text))
          case .number(let number): JSON.Member(name, .int(number))
          }
        }),
      "note": .string(note),
      "files": .array(
        files.map { file in
          [
            "name": .string(file.name), "bytes": file.bytes.map(JSON.int) ?? .null, "sha256": .optional(file.sha256),
            "known_by": .optional(file.word?.rawValue), "urls": .array(file.urls.map(JSON.string)),
          ]
        }),
    ]
  }
}

extension CatalogEntry.File {
  /// What can be said of a file that is there.
  fileprivate func verdict(isThere: Bool) -> String {
    let verdict =
      switch word {
      case nil: "which nobody has published: pin it, if you trust it"
      case .publisher: "as its publisher says"
      case .several: "as several projects say"
      case .few: "as one or two projects say"
      }
    return verdict + (isThere ? "; it was there already" : "")
  }
}
