import ArtifactStore
import Foundation
import Imaging
import StageKit

/// `figure`: pictures side by side, as in a paper.
let figure = StageKind(
  name: "figure",
  summary:
    "Lays out sets of pictures as a labelled grid, one row per set; sweeps are rows, the last of several columns.",
  revision: 2,
  inputs: [
    Port("rows", .images, .latents, arity: .list, help: "Sets of pictures; a mapping gives the rows other headings.")
  ],
  parameters: [
    Parameter("title", .string, .defaulting(.string("")), help: "Above the grid."),
    Parameter(
      "items", .int(1...1000), .optional, help: "How many pictures of each set, the first ones; all unless given."),
    Parameter("columns", .list(.string), .optional, help: "Headings of the columns; none unless given."),
    Parameter(
      "wrap", .int(1...100), .defaulting(.int(12)),
      help: "How many pictures stand side by side; with more, the rows go on below."),
  ],
  outputs: { _ in [OutputPort("figure", .figure)] },
  memory: MemoryNeed(megabytes: 128, perInputByte: 6),
  run: { context in
    let limit = context.parameters["items"]?.int ?? Int.max
    let members = try context.inputs("rows").map { row in
      GridMember(
        label: row.label, axes: row.axes,
        tiles: try row.artifact.items.prefix(limit).map { item in
          FigureLayout.Tile(try tileImage(context.read(item), row.artifact.type, name: item.name))
        })
    }
    let grid = FigureGrid(members)
    let columns = (context.parameters["columns"]?.list ?? []).compactMap(\.string)
    let layout = FigureLayout(
      title: context.parameters.string("title"), columns: columns.isEmpty ? grid.columns : columns, rows: grid.rows)
    let wrapped = layout.wrapped(at: context.parameters.int("wrap"), block: columns.isEmpty ? grid.block : 1)
    try context.write(wrapped.drawing(), to: "figure")
  })

/// Latents are shown as they are, clipped to the range of pictures.
private func tileImage(_ data: Data, _ type: ArtifactType, name: String) throws -> Image {
  type == .latents ? Picture.image(try Latent(data, name: name).latent) : try Picture.image(data, name: name)
}

/// A set of pictures, and where it stands in sweeps.
private struct GridMember {
  let label: String
  let axes: [Axis]
  let tiles: [FigureLayout.Tile]
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
