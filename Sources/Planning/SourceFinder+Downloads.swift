import ArtifactStore
import Escaping
import Foundation
import RecipeSyntax

extension SourceFinder {
  /// The file that `{url: …, sha256: …, size: …}` stands for; nil after reporting what is wrong.
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
    guard let url = text("url"), let pin = text("sha256") else {
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
    let parts = URLComponents(string: url.text)
    guard let parts, let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme),
      let host = parts.host, !host.isEmpty
    else {
      problems.report(
        "'url' in \(subject) must be an address that starts with https:// or http://, not \(url.node.summary)",
        at: url.node.location, hint: "a file of this machine is named by its path alone", notes: url.node.notes)
      return nil
    }
    guard parts.user == nil, parts.password == nil else {
      problems.report(
        "'url' in \(subject) holds a user's name or password", at: url.node.location,
        hint: "recipes are for others to read: take it out, and fetch the file yourself if the server asks for it",
        notes: url.node.notes)
      return nil
    }
    let name = parts.path.parts(at: "/", omittingEmpty: false).last ?? ""
    guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(0) else {
      problems.report(
        "'url' in \(subject) names no file", at: url.node.location, hint: "what follows its last / is the file's name",
        notes: url.node.notes)
      return nil
    }
    return (name, .url(url.text, sha256: sha256, size: size?.node.scalar?.value.int))
  }
}
