import ArtifactStore
import Foundation
import Imaging
import StageKit

/// `figure`: pictures side by side, as in a paper.
let figure = StageKind(
  name: "figure",
  summary: "Lays out sets of pictures as a labelled grid, one row per set.",
  revision: 1,
  inputs: [
    Port("rows", .images, .latents, arity: .list, help: "Sets of pictures; a mapping gives the rows other headings.")
  ],
  parameters: [
    Parameter("title", .string, .defaulting(.string("")), help: "Above the grid."),
    Parameter(
      "items", .int(1...1000), .optional, help: "How many pictures of each set, the first ones; all unless given."),
    Parameter("columns", .list(.string), .optional, help: "Headings of the columns; none unless given."),
  ],
  outputs: { _ in [OutputPort("figure", .figure)] },
  run: { context in
    let limit = context.parameters["items"]?.int ?? Int.max
    let rows = try context.inputs("rows").map { row in
      FigureLayout.Row(
        row.label,
        try row.artifact.items.prefix(limit).map { item in
          FigureLayout.Tile(try tileImage(context.read(item), row.artifact.type, name: item.name))
        })
    }
    let columns = (context.parameters["columns"]?.list ?? []).compactMap(\.string)
    let layout = FigureLayout(title: context.parameters.string("title"), columns: columns, rows: rows)
    try context.write(layout.render().pngData(), item: "", to: "figure")
  })

/// Latents are shown as they are, clipped to the range of pictures.
private func tileImage(_ data: Data, _ type: ArtifactType, name: String) throws -> Image {
  type == .latents ? Picture.image(try Latent(data, name: name).latent) : try Picture.image(data, name: name)
}
