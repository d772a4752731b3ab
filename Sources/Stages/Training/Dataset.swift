import Foundation
import Imaging
import StageKit
import Tensors

/// Pictures held in memory as bytes, with the table that describes them.
struct Dataset {
  let names: [String]
  /// Pixels of a side.
  let side: Int
  private let pixels: [[UInt8]]
  /// Columns of the table, in the order of the pictures.
  private let columns: [String: [String]]

  /// The pictures of a stage, which must be square and of one size, and the rows of its table in their order.
  init(_ stage: Train, _ context: any StageContext) throws {
    let images = stage.images.artifact
    guard !images.items.isEmpty else { throw InputError("train needs pictures") }
    var pixels: [[UInt8]] = []
    var side = 0
    for item in images.items {
      let image = try Picture.image(context.read(item), name: item.name)
      if side == 0 { side = image.width }
      guard image.width == side, image.height == side else {
        throw InputError(
          "picture '\(item.name)' is \(image.width)×\(image.height), expected \(side)×\(side): load them with one `size`"
        )
      }
      pixels.append(image.pixels)
    }
    (self.pixels, self.side, names) = (pixels, side, images.items.map(\.name))
    columns = try Self.columns(stage.table, names: names, context)
  }

  private static func columns(
    _ table: Whole<Tables>?, names: [String], _ context: any StageContext
  ) throws -> [String: [String]] {
    guard let artifact = table?.artifact else { return [:] }
    guard let table = CSV(try context.read(artifact.items[0])),
      let items = table.column("item")
    else { throw InputError("the table has no column 'item': its cells name the pictures") }
    let rows = Dictionary(items.enumerated().map { ($1, $0) }) { first, _ in first }
    let order = try names.map { name in
      guard let row = rows[name] else { throw InputError("the table has no row for picture '\(name)'") }
      return row
    }
    return Dictionary(
      uniqueKeysWithValues: Set(table.header).map { header in
        let cells = table.column(header) ?? []
        return (header, order.map { cells[$0] })
      })
  }

  var count: Int { names.count }

  /// - Throws: where the table has no such column.
  func column(_ name: String) throws -> [String] {
    guard let column = columns[name] else {
      throw InputError("the table has no column '\(name)': it has \(columns.keys.sorted().joined(separator: ", "))")
    }
    return column
  }

  var columnNames: [String] { columns.keys.sorted() }

  /// The classes of a column, sorted, and each picture's; −1 for an empty cell.
  func classes(_ column: String) throws -> (values: [String], labels: [Int]) {
    let cells = try self.column(column)
    let values = Set(cells).subtracting([""]).sorted()
    guard !values.isEmpty else { throw InputError("the table's column '\(column)' is empty") }
    let index = Dictionary(uniqueKeysWithValues: values.enumerated().map { ($1, $0) })
    return (values, cells.map { index[$0] ?? -1 })
  }

  /// Indices of a batch, drawn with repetition; `together` neighbors at a time.
  func draw(_ batch: Int, together: Int = 1, _ random: inout RandomSource) -> [Int] {
    let groups = (batch + together - 1) / together
    let indices = (0..<groups).flatMap { _ in
      let first = Int(random.uniform() * Double(max(1, count / together))) * together
      return (first..<first + together).map { $0 % count }
    }
    return Array(indices.prefix(batch))
  }

  /// [n, side, side, 3] in [−1, 1].
  func pictures(_ indices: [Int]) -> Tensor {
    let area = side * side * 3
    var values = [Float](repeating: 0, count: indices.count * area)
    for (row, index) in indices.enumerated() {
      let source = pixels[index]
      for at in 0..<area { values[row * area + at] = Float(source[at]) / 127.5 - 1 }
    }
    return Tensor(values, shape: [indices.count, side, side, 3])
  }
}
