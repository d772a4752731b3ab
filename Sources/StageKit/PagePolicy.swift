import ArtifactStore
import Escaping

/// What a page may do, as a browser is told: show pictures that are part of it, and use its own styles and scripts, known
/// by their digests. Whatever else a text from outside might bring in is not executed and not loaded.
package struct PagePolicy: Sendable {
  /// The `meta` element, which has to stand before all styles and scripts.
  package let element: String

  /// - Parameters:
  ///   - styles: the contents of the page's `style` elements.
  ///   - scripts: the contents of its `script` elements.
  package init(styles: [String], scripts: [String] = []) {
    func sources(_ texts: [String]) -> String {
      texts.isEmpty ? "'none'" : texts.map { "'sha256-\(Digest(of: $0).base64)'" }.joined(separator: " ")
    }
    let policy =
      "default-src 'none'; img-src data:; style-src \(sources(styles)); script-src \(sources(scripts)); "
      + "base-uri 'none'; form-action 'none'"
    element = "<meta http-equiv=\"Content-Security-Policy\" content=\"\(policy)\">"
  }
}
