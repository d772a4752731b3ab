/// A labeled grid of pictures, as papers have them: a title, headings of rows and columns, a caption under each tile.
///
/// All cells have one size. Small pictures are magnified by whole factors, so that their pixels stay sharp squares;
/// large ones are shrunk.
public struct FigureLayout: Sendable {
  /// One cell of the grid.
  public struct Tile: Sendable {
    public let image: Image
    /// Shown under the picture, such as a score.
    public let caption: String?

    public init(_ image: Image, caption: String? = nil) {
      self.image = image
      self.caption = caption
    }
  }

  /// Tiles from left to right; `nil` leaves a cell empty, and a short row ends early.
  public struct Row: Sendable {
    public let heading: String
    public let tiles: [Tile?]
    /// Headings of the columns from this row on; none where it goes on with the row above.
    public let columns: [String]

    public init(_ heading: String, _ tiles: [Tile?], columns: [String] = []) {
      self.heading = heading
      self.tiles = tiles
      self.columns = columns
    }
  }

  /// Above the grid; "" for none.
  public var title: String
  /// Above the columns, from the left; fewer or none will do.
  public var columns: [String]
  public var rows: [Row]
  /// Below the grid, such as what is missing in it.
  public var notes: [String] = []

  public init(title: String = "", columns: [String] = [], rows: [Row]) {
    self.title = title
    self.columns = columns
    self.rows = rows
  }

  /// The same figure with at most `count` tiles side by side: longer rows go on below, all of them together. Columns
  /// that belong together, `block` at a time, are not torn apart unless they are more than `count`.
  public func wrapped(at count: Int, block: Int = 1) -> FigureLayout {
    let width = rows.map(\.tiles.count).max() ?? 0
    let step = block < count ? count / block * block : count
    guard width > step else { return self }
    var wrapped = self
    wrapped.columns = Array(columns.prefix(step))
    wrapped.rows = stride(from: 0, to: width, by: step).flatMap { start in
      // A block that goes on keeps its heading.
      let first = columns.prefix(start + 1).last { !$0.isEmpty }
      let below = start == 0 ? [] : (start < columns.count ? [first ?? ""] : []) + columns.dropFirst(start + 1)
      return rows.enumerated().map { index, row in
        Row(
          row.heading, Array(row.tiles.dropFirst(start).prefix(step)),
          columns: index == 0 ? Array(below.prefix(step)) : [])
      }
    }
    return wrapped
  }

  /// The longer side of the largest tile is within these bounds.
  public static let tileSide = 128...256
  private static let margin = 16
  private static let gap = 6
  private static let headingGap = 10
  /// Row headings are wrapped to this.
  private static let rowHeadingWidth = 120
  private static let captionGap = 4

  /// The figure, on white.
  /// - Throws: ``ImagingError/tooLarge(name:width:height:)`` where the grid has too many cells for one picture.
  public func drawing() throws(ImagingError) -> Drawing {
    let grid = Grid(self)
    var canvas = try Drawing(
      width: grid.width, height: grid.height, name: title.isEmpty ? "figure" : "figure \"\(title)\"")

    var y = Self.margin
    for line in grid.titleLines {
      canvas.draw(TextLine(line, x: grid.width / 2, y: y, style: .heading, align: .center))
      y += TextStyle.heading.lineHeight
    }
    for (index, row) in rows.enumerated() {
      for (column, lines) in grid.columnHeadings[index].enumerated() {
        var y =
          grid.y[index] - Self.headingGap - TextStyle.body.lineHeight * lines.count + Font.height - Font.capitalHeight
        for line in lines {
          canvas.draw(TextLine(line, x: grid.x(of: column) + grid.cellWidth / 2, y: y, align: .center))
          y += TextStyle.body.lineHeight
        }
      }
      let lines = grid.rowHeadings[index]
      var y = grid.y[index] + (grid.cellHeight - lines.count * TextStyle.body.lineHeight) / 2
      for line in lines {
        canvas.draw(TextLine(line, x: grid.left - Self.headingGap, y: y + 2, align: .trailing))
        y += TextStyle.body.lineHeight
      }
      for (column, tile) in row.tiles.enumerated() {
        guard let tile else { continue }
        draw(tile, x: grid.x(of: column), y: grid.y[index], in: grid, onto: &canvas)
      }
    }
    for (index, line) in grid.noteLines.enumerated() {
      canvas.draw(
        TextLine(
          line, x: grid.left, y: grid.bottom + Self.headingGap + index * TextStyle.caption.lineHeight, style: .caption))
    }
    return canvas
  }

  private func draw(_ tile: Tile, x: Int, y: Int, in grid: Grid, onto canvas: inout Drawing) {
    let size = grid.shownSize(of: tile.image)
    let place = Rectangle(
      x: x + (grid.cellWidth - size.width) / 2, y: y + (grid.cellHeight - size.height) / 2, width: size.width,
      height: size.height)
    canvas.draw(tile.image, in: place)
    var top = y + grid.cellHeight + Self.captionGap
    for line in captionLines(of: tile, width: grid.cellWidth) {
      canvas.draw(TextLine(line, x: x + grid.cellWidth / 2, y: top, style: .caption, align: .center))
      top += TextStyle.caption.lineHeight
    }
  }

  private func captionLines(of tile: Tile, width: Int) -> [String] {
    tile.caption.map { TextStyle.caption.wrap($0, width: width) } ?? []
  }

  /// Where everything is.
  private struct Grid {
    /// The longer side that all tiles come as close to as whole factors allow.
    let side: Int
    let cellWidth, cellHeight: Int
    /// Where the cells begin.
    let left: Int
    /// The top of each row of cells.
    let y: [Int]
    let width, height: Int
    /// Where the cells end.
    let bottom: Int
    let titleLines: [String]
    let noteLines: [String]
    /// The lines of each column's heading above each row.
    let columnHeadings: [[[String]]]
    let rowHeadings: [[String]]

    init(_ figure: FigureLayout) {
      let tiles = figure.rows.flatMap(\.tiles).compactMap { $0 }
      let longest = tiles.map { max($0.image.width, $0.image.height) }.max() ?? 0
      let side = min(max(longest, tileSide.lowerBound), tileSide.upperBound)
      self.side = side
      let sizes = tiles.map { Self.shownSize(of: $0.image, side: side) }
      cellWidth = sizes.map(\.width).max() ?? side
      cellHeight = sizes.map(\.height).max() ?? side
      let columnCount = max(1, figure.columns.count, figure.rows.map(\.tiles.count).max() ?? 0)

      let body = TextStyle.body
      columnHeadings = figure.rows.enumerated().map { [cellWidth] index, row in
        (index == 0 ? figure.columns : row.columns).map { body.wrap($0, width: cellWidth) }
      }
      rowHeadings = figure.rows.map { body.wrap($0.heading, width: rowHeadingWidth) }
      let headingWidth = rowHeadings.joined().map(body.width).max() ?? 0
      left = margin + (headingWidth == 0 ? 0 : headingWidth + headingGap)
      width = left + columnCount * (cellWidth + gap) - gap + margin
      titleLines = TextStyle.heading.wrap(figure.title, width: width - 2 * margin)

      let titleHeight = titleLines.isEmpty ? 0 : titleLines.count * TextStyle.heading.lineHeight + headingGap
      var y: [Int] = []
      var next = margin + titleHeight
      for (row, headings) in zip(figure.rows, columnHeadings) {
        let headingLines = headings.map(\.count).max() ?? 0
        if headingLines > 0 { next += headingLines * body.lineHeight + headingGap - 4 }
        y.append(next)
        let captionLines = row.tiles.map { [cellWidth] tile in
          tile.map { figure.captionLines(of: $0, width: cellWidth).count } ?? 0
        }
        let lines = captionLines.max() ?? 0
        let captionHeight = lines == 0 ? 0 : captionGap + lines * TextStyle.caption.lineHeight
        next += cellHeight + captionHeight + gap
      }
      self.y = y
      bottom = max(next - gap, margin + titleHeight)
      noteLines = figure.notes.flatMap { [width, left] note in
        TextStyle.caption.wrap(note, width: width - left - margin)
      }
      let noteHeight = noteLines.isEmpty ? 0 : headingGap + noteLines.count * TextStyle.caption.lineHeight
      height = bottom + noteHeight + margin
    }

    func x(of column: Int) -> Int { left + column * (cellWidth + gap) }

    func shownSize(of image: Image) -> (width: Int, height: Int) { Self.shownSize(of: image, side: side) }

    private static func shownSize(of image: Image, side: Int) -> (width: Int, height: Int) {
      let longest = max(image.width, image.height)
      if longest <= side { return (image.width * (side / longest), image.height * (side / longest)) }
      let scale = Double(side) / Double(longest)
      func shrunk(_ length: Int) -> Int { max(1, Int((Double(length) * scale).rounded())) }
      return (shrunk(image.width), shrunk(image.height))
    }
  }
}
