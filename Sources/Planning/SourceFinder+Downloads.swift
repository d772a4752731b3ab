import ArtifactStore
import Escaping
import Foundation
import RecipeSyntax
import WeightsCatalog

extension SourceFinder {
  /// The file that `{url: …, sha256: …, size: …}` stands for, called as it is at the first of its addresses; nil after
  /// reporting what is wrong.
  func download(
    _ entries: [Entry], of node: Node, subject: String, into problems: inout Problems
  ) -> NamedPlace? {
    let keys = ["url", "sha256", "size"]
    func text(_ key: String) -> (text: String, node: Node)? {
      entries.first { $0.key.text == key }.map { ($0.value.scalar?.text ?? "", $0.value) }
    }
    if let unknown = entries.first(where: { !keys.contains($0.key.text) }) {
      problems.report(
        "unknown '\(unknown.key.text)' in \(subject)", at: unknown.key.location,
        suggestion: Suggestion.nearest(to: unknown.key.text, in: keys),
        hint: "a download has a url, its sha256, and maybe its size")
      return nil
    }
    guard let url = entries.first(where: { $0.key.text == "url" })?.value, let pin = text("sha256") else {
      problems.report(
        "a download in \(subject) needs both 'url' and 'sha256'", at: node.location,
        hint: "results depend on what is in the file: `sha256sum FILE` tells the digest of one that you trust",
        notes: node.notes)
      return nil
    }
    guard let sha256 = Digest(hex: pin.text) else {
      problems.report(
        "'sha256' in \(subject) must be 64 hexadecimal digits, not \(pin.node.summary)", at: pin.node.location,
        notes: pin.node.notes)
      return nil
    }
    let size = text("size")
    if let size, !(size.node.scalar?.value.int.map { PlannedSource.sizes ~= $0 } ?? false) {
      problems.report(
        "'size' in \(subject) must be how many bytes the file has, not \(size.node.summary)", at: size.node.location,
        notes: size.node.notes)
      return nil
    }
    let nodes = url.sequence ?? [url]
    let names = nodes.map { name(at: $0, subject: subject, into: &problems) }
    guard let first = names.first else {
      problems.report("'url' in \(subject) has no address", at: url.location, notes: url.notes)
      return nil
    }
    guard let first, !names.contains(nil) else { return nil }
    let addresses = nodes.compactMap { $0.scalar?.text }
    return (
      first,
      .url(addresses[0], mirrors: Array(addresses.dropFirst()), sha256: sha256, size: size?.node.scalar?.value.int)
    )
  }

  /// The entry of the catalog that `{catalog: NAME}` names; nil after reporting what is wrong, or where `node` is none.
  /// - Parameter parameter: the one that it is given to.
  static func catalogEntry(
    _ node: Node, parameter: String, subject: String, into problems: inout Problems
  ) -> CatalogEntry? {
    guard let entries = node.mapping, let named = entries.first(where: { $0.key.text == "catalog" }) else { return nil }
    if let other = entries.first(where: { $0.key.text != "catalog" }) {
      problems.report(
        "unknown '\(other.key.text)' in \(subject)", at: other.key.location,
        hint: "'catalog' says all there is to say: addresses, digests and sizes are in it")
      return nil
    }
    let name = named.value.scalar?.text ?? ""
    guard let entry = PublishedNetworks.entry(name) else {
      problems.report(
        "the catalog has no '\(name)' for \(subject)", at: named.value.location,
        suggestion: Suggestion.nearest(to: name, in: PublishedNetworks.entries.map(\.name)),
        hint: "`diffusionclip weights list` lists it", notes: named.value.notes)
      return nil
    }
    guard entry.parameter == parameter else {
      problems.report(
        "'\(name)' of the catalog is for '\(entry.parameter)', not for \(subject)", at: named.value.location,
        hint: "write \(entry.parameter): {catalog: \(name)}", notes: named.value.notes)
      return nil
    }
    guard entry.isPinned else {
      let file = entry.files.first { $0.sha256 == nil || $0.urls.isEmpty }
      let reason =
        file?.urls.isEmpty == false ? "nobody has published the SHA-256 of" : "no address is known that gives"
      problems.report(
        "'\(name)' of the catalog cannot be fetched for \(subject): \(reason) \(file?.name ?? "")",
        at: named.value.location,
        hint: "`diffusionclip weights get \(name)` says what to do; then load it by its path", notes: named.value.notes)
      return nil
    }
    return entry
  }

  /// The files of an entry of the catalog, under their own names, in the order of these.
  static func places(of entry: CatalogEntry) -> [NamedPlace] {
    entry.files.compactMap { file in
      guard let first = file.urls.first, let digest = file.sha256.flatMap({ Digest(hex: $0) }) else { return nil }
      return (file.name, .url(first, mirrors: Array(file.urls.dropFirst()), sha256: digest, size: file.bytes))
    }
  }

  /// The name of the file at an address; nil after reporting what is wrong with that.
  private func name(at node: Node, subject: String, into problems: inout Problems) -> String? {
    let parts = URLComponents(string: node.scalar?.text ?? "")
    guard let parts, let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme),
      let host = parts.host, !host.isEmpty
    else {
      problems.report(
        "'url' in \(subject) must be an address that starts with https:// or http://, not \(node.summary)",
        at: node.location, hint: "a file of this machine is named by its path alone", notes: node.notes)
      return nil
    }
    guard parts.user == nil, parts.password == nil else {
      problems.report(
        "'url' in \(subject) holds a user's name or password", at: node.location,
        hint: "recipes are for others to read: take it out, and fetch the file yourself if the server asks for it",
        notes: node.notes)
      return nil
    }
    let name = parts.path.parts(at: "/", omittingEmpty: false).last ?? ""
    guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(0) else {
      problems.report(
        "'url' in \(subject) names no file", at: node.location, hint: "what follows its last / is the file's name",
        notes: node.notes)
      return nil
    }
    return name
  }
}
