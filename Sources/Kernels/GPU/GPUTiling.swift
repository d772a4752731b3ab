/// How a product of matrices is cut for a device: which tiles its groups make, how long the pieces are in which its sums are added
/// up, and whether a piece has a group of its own. This is the one place that decides.
///
/// The bytes of a result depend on the length of a piece alone, see products.cl, and that depends on what one item has: a
/// picture's are the same in any batch. Tiles, and where pieces are added up, may depend on all that there is.
package struct GPUTiling {
  /// What is multiplied: C [batch, rows, columns] over so many products `inner`.
  package struct Shape {
    let rows: Int, columns: Int, inner: Int, batch: Int
    /// The rows, and the products, that one item has of these.
    let itemRows: Int, itemInner: Int

    package init(rows: Int, columns: Int, inner: Int, batch: Int = 1, itemRows: Int, itemInner: Int) {
      self.rows = rows
      self.columns = columns
      self.inner = inner
      self.batch = batch
      self.itemRows = itemRows
      self.itemInner = itemInner
    }
  }

  /// The side of the square of C that a group makes.
  package let side: Int
  /// Products of a piece.
  package let piece: Int
  /// 1, or how many groups share a tile, each with a piece, whose sums are then added in order.
  package let parts: Int
  /// Of squares, for each of the batch.
  package let tiles: Int

  var program: KernelProgram { side == 128 ? .largeProducts : .products }

  /// A group with less to do is not worth what it takes to add up its part; sums that are longer round more.
  private static let pieces = 256...4096
  /// Bytes of local memory that a group takes for tiles of 128.
  private static let largeTiles = 2 * 16 * 129 * 4
  /// Numbers that all parts may have.
  private static let room = 1 << 26

  package init(_ shape: Shape, on device: GPUDescription) {
    precondition(shape.inner > 0, "a product of nothing")
    func number(of size: Int, in count: Int) -> Int { (count + size - 1) / size }
    func tiles(_ rows: Int, side: Int) -> Int { number(of: side, in: rows) * number(of: side, in: shape.columns) }
    // Two groups for each of its units keep a card busy.
    let enough = 2 * device.units
    let wanted = number(of: max(1, tiles(shape.itemRows, side: 64)), in: enough)
    let length = number(of: 16 * wanted, in: shape.itemInner) * 16
    piece = min(max(length, Self.pieces.lowerBound), Self.pieces.upperBound)
    let pieces = number(of: piece, in: shape.inner)
    let mayBeLarge = !device.isProcessor && device.localMemory >= Self.largeTiles
    side = mayBeLarge && tiles(shape.rows, side: 128) * shape.batch * pieces >= device.units ? 128 : 64
    self.tiles = tiles(shape.rows, side: side)
    let isSpread =
      self.tiles * shape.batch < enough && pieces < 1 << 16
      && pieces * shape.batch * shape.rows * shape.columns <= Self.room
    self.parts = isSpread ? pieces : 1
  }
}
