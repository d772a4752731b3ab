import Escaping
import Foundation

/// The little HTML that a report needs.
package enum HTML {
  /// A table with a heading row; cells are HTML. `classes` are the cells' classes by column.
  package static func table(_ header: [String], _ rows: [[String]], classes: [String] = []) -> String {
    func cells(_ row: [String], _ tag: String) -> String {
      row.enumerated().map { column, cell in
        let style = column < classes.count && !classes[column].isEmpty ? " class=\"\(classes[column])\"" : ""
        return "<\(tag)\(style)>\(cell)</\(tag)>"
      }.joined()
    }
    let body = rows.map { "<tr>\(cells($0, "td"))</tr>\n" }.joined()
    let head = "<thead><tr>\(cells(header, "th"))</tr></thead>"
    return "<div class=\"scroll\"><table>\(head)\n<tbody>\n\(body)</tbody></table></div>\n"
  }

  /// A line that leads to a file in the folder of the page.
  static func link(toFile name: String) -> String {
    let address = Escape.attribute(Escape.address(ofFile: name))
    return "<p><a href=\"\(address)\">\(Escape.markup(name))</a>, a page to open in a browser</p>\n"
  }

  /// A picture that is part of the page.
  package static func picture(_ png: Data, label: String) -> String { image(png, "png", label: label) }

  /// A photograph that is part of the page.
  static func photograph(_ jpeg: Data, label: String) -> String { image(jpeg, "jpeg", label: label) }

  /// A picture that fills the window after a click on it, or the space bar, until the next.
  static func enlargeable(_ picture: String) -> String {
    "<label class=\"zoom\"><input type=\"checkbox\" aria-label=\"enlarge\">\(picture)</label>"
  }

  /// A drawing that is part of the page: as an image it is but looked at, whatever scripts and styles it has.
  static func drawing(_ svg: Data, label: String) -> String { image(svg, "svg+xml", label: label) }

  private static func image(_ data: Data, _ format: String, label: String) -> String {
    "<img alt=\"\(Escape.attribute(label))\" src=\"data:image/\(format);base64,\(data.base64EncodedString())\">"
  }
}
