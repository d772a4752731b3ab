import ArtifactStore
import Foundation

/// How stored bytes become files that other programs open, and a run a page. The command hands it in, as it does the stage kinds.
public struct ArtifactFormats: Sendable {
  public typealias File = (name: String, data: Data)

  /// The files for one item of a set, or for all objects of an artifact of another type, called `name` with a fitting
  /// extension: a PNG for an image, PNG and SVG for a figure, CSV, Markdown and LaTeX for a table, HTML for a page, the
  /// format that other tools read for anything else. `origin` is what a network's file is to say of how it was made;
  /// `axes` are the swept parameters after which columns of a table may be called.
  public typealias Export =
    @Sendable (
      _ objects: [Data], _ type: ArtifactType, _ name: String, _ origin: [String: String], _ axes: Set<String>
    ) throws -> [File]
  public let exported: Export

  /// A run as a page that a browser shows.
  package typealias Page = @Sendable (RunRecord) throws -> String
  package let page: Page

  package init(page: @escaping Page, exported: @escaping Export) { (self.page, self.exported) = (page, exported) }
}
