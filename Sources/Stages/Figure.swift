import ArtifactStore
import Foundation
import Imaging
import StageKit

/// `figure`: pictures side by side, as in a paper.
struct Figure: Stage {
  static let name = "figure"
  static let summary =
    "Lays out sets of pictures as a labeled grid, one row per set and place of a sweep; the last of several sweeps makes columns."
  static let revision = 2
  static let memory = MemoryNeed(megabytes: 128, perInputByte: 6)

  @Input(
    help:
      "Sets of pictures, shown at most \(FigureLayout.tileSide.upperBound) pixels large; a mapping gives the rows other headings."
  ) var rows: [Labeled<PicturesOrLatents>]
  @Parameter(help: "Above the grid.") var title = ""
  @Parameter(1...1000, help: "How many pictures of each set, the first ones; all unless given.") var items: Int?
  @Parameter(
    help:
      "What stands below each other. name: pictures of the same name, with a gap where a set has none. order: the first ones of all sets, whatever they are called."
  )
  var align = Alignment.name
  @Parameter(help: "Headings of the columns; none unless given.") var columns: [String]?
  @Parameter(1...100, help: "How many pictures stand side by side; with more, the rows go on below.") var wrap = 12

  let figure = Output<Figures>()

  enum Alignment: String, Choice { case name, order }

  func check(_ draft: StageDraft) -> [ValidationIssue] {
    let sets = draft[$rows].map { (label: Axis.placed($0.label, $0.axes), items: $0.items) }
    guard align == .name, sets.allSatisfy({ $0.items != nil }) else { return [] }
    return strangers(sets.map { ($0.label, $0.items ?? []) }).map { [ValidationIssue(about: $rows, $0)] } ?? []
  }

  func run(_ context: any StageContext) throws {
    let shown = try ShownItems(
      rows.map { (label: Axis.placed($0.label, $0.axes), items: $0.artifact.items.map(\.name)) }, by: align,
      limit: items ?? Int.max)
    let members = try zip(rows, shown.places).map { row, places in
      GridMember(
        label: row.label, axes: row.axes,
        tiles: try places.map { place in
          try place.map { place in
            let item = row.artifact.items[place]
            return FigureLayout.Tile(try tileImage(context.read(item), row.artifact.type, name: item.name))
          }
        })
    }
    for gap in shown.gaps { context.log(gap) }
    let longest = members.flatMap(\.tiles).compactMap { $0.map { max($0.image.width, $0.image.height) } }.max() ?? 0
    if longest > FigureLayout.tileSide.upperBound {
      context.log(
        "pictures are up to \(longest) pixels large, and shown at \(FigureLayout.tileSide.upperBound); `export` has them whole"
      )
    }
    let grid = FigureGrid(members)
    let columns = columns ?? []
    var layout = FigureLayout(title: title, columns: columns.isEmpty ? grid.columns : columns, rows: grid.rows)
    layout.notes = shown.gaps
    let wrapped = layout.wrapped(at: wrap, block: columns.isEmpty ? grid.block : 1)
    try context.write(wrapped.drawing(), to: figure)
  }
}

/// Which picture of each row stands in each column.
private struct ShownItems {
  /// For each row and column, the place of the picture in its set; nil for a gap.
  let places: [[Int?]]
  /// What each row lacks.
  let gaps: [String]

  /// - Parameter limit: of the pictures of each set.
  init(_ sets: [(label: String, items: [String])], by align: Figure.Alignment, limit: Int) throws {
    guard align == .name else {
      places = sets.map { Array($0.items.indices.prefix(limit)) }
      gaps = []
      return
    }
    if let issue = strangers(sets) { throw InputError(issue) }
    var places: [[Int?]] = Array(repeating: [], count: sets.count)
    var gaps: [String] = []
    // Sets of other pictures, as a sweep over sets makes them, have columns of their own.
    for group in Self.groups(sets.map { Set($0.items) }) {
      let columns = Array(Self.merged(group.map { sets[$0].items }).prefix(limit))
      for row in group {
        let known = Dictionary(sets[row].items.enumerated().map { ($1, $0) }) { first, _ in first }
        places[row] = columns.map { known[$0] }
        let missing = columns.filter { known[$0] == nil }
        if !missing.isEmpty { gaps.append("'\(sets[row].label)' has no picture \(missing.quoted)") }
      }
    }
    self.places = places
    self.gaps = gaps
  }

  /// The sets that share names, directly or by others between them.
  private static func groups(_ sets: [Set<String>]) -> [[Int]] {
    var groups: [(members: [Int], names: Set<String>)] = []
    for (number, names) in sets.enumerated() {
      let touched = groups.indices.filter { !groups[$0].names.isDisjoint(with: names) }
      let members = touched.flatMap { groups[$0].members } + [number]
      let union = touched.reduce(names) { $0.union(groups[$1].names) }
      for index in touched.reversed() { groups.remove(at: index) }
      groups.append((members.sorted(), union))
    }
    return groups.map(\.members)
  }

  /// The names of all sets, each once; those that the first has not behind those that they stand behind elsewhere.
  private static func merged(_ sets: [[String]]) -> [String] {
    var names = sets.first ?? []
    var known = Set(names)
    for set in sets.dropFirst() where !set.allSatisfy(known.contains) {
      var next = 0
      var places = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
      for name in set {
        if known.insert(name).inserted {
          names.insert(name, at: next)
          places = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
        }
        next = (places[name] ?? next) + 1
      }
    }
    return names
  }
}

/// What is wrong with rows one of which shares no picture's name with any other; nil where each does.
private func strangers(_ sets: [(label: String, items: [String])]) -> String? {
  let names = sets.map { Set($0.items) }
  guard sets.count > 1,
    let alone = sets.indices.first(where: { one in
      sets.indices.allSatisfy { $0 == one || names[one].isDisjoint(with: names[$0]) }
    })
  else { return nil }
  return "the row '\(sets[alone].label)' has no picture of a name that another row has: "
    + "show them in their order by `align: order`, or make figures of their own"
}

/// Latents are shown as they are, clipped to the range of pictures.
private func tileImage(_ data: Data, _ type: ArtifactType, name: String) throws -> Image {
  type == .latents ? Picture.image(try Latent(data, name: name).latent) : try Picture.image(data, name: name)
}

/// A set of pictures, and where it stands in sweeps.
private struct GridMember {
  let label: String
  let axes: [Axis]
  let tiles: [FigureLayout.Tile?]
}

/// The rows and columns that sets of pictures make. One sweep is rows below each other. Of several, the last goes from
/// left to right: its places are blocks of columns, and a set that it does not reach is shown in each block.
private struct FigureGrid {
  private(set) var rows: [FigureLayout.Row] = []
  private(set) var columns: [String] = []
  /// How many columns belong together.
  private(set) var block = 1

  init(_ members: [GridMember]) {
    let names = members.flatMap { $0.axes.map(\.name) }.uniqued
    guard names.count > 1, let across = names.last else {
      rows = members.map { .init(Self.heading($0.label, $0.axes), $0.tiles) }
      return
    }
    let blocks = members.flatMap(\.axes).filter { $0.name == across }.uniqued
    let width = members.map(\.tiles.count).max() ?? 0
    block = max(1, width)
    for block in blocks { columns += [block.heading] + Array(repeating: "", count: max(0, width - 1)) }
    let lines = members.map { member in
      (label: member.label, axes: member.axes.filter { $0.name != across })
    }
    for (index, line) in lines.enumerated() where !lines[..<index].contains(where: { $0 == line }) {
      let mine = members.indices.filter { lines[$0] == line }.map { members[$0] }
      let tiles = blocks.flatMap { block -> [FigureLayout.Tile?] in
        let member = mine.first { $0.axes.contains(block) || !$0.axes.contains { $0.name == across } }
        let tiles = member?.tiles ?? []
        return tiles + Array(repeating: nil, count: width - tiles.count)
      }
      rows.append(.init(Self.heading(line.label, line.axes), tiles))
    }
  }

  /// What the row is of, and below that where it stands in sweeps.
  private static func heading(_ label: String, _ axes: [Axis]) -> String {
    ([label] + axes.map(\.heading)).joined(separator: "\n")
  }
}
