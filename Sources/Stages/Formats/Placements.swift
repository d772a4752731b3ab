import ArtifactStore
import Foundation
import Imaging
import JSONSyntax
import StageKit

/// Where pictures lie in those that they were cut out of: a ``Placement`` for each, of its name, as JSON.
enum Placements: ArtifactContent { static let types: [ArtifactType] = [.placements] }

extension Placement {
  /// - Throws: `InputError` where it is not what ``data`` gives; `name` is the item.
  init(_ data: Data, name: String) throws {
    func point(_ json: JSON?) -> Point? {
      guard let numbers = json?.array, numbers.count == 2, let x = numbers[0].double, let y = numbers[1].double else {
        return nil
      }
      return Point(x: x, y: y)
    }
    func sides(_ json: JSON?) -> (width: Int, height: Int)? {
      guard let numbers = json?.array, numbers.count == 2, let width = numbers[0].int, let height = numbers[1].int
      else {
        return nil
      }
      return (width, height)
    }
    guard let json = try? JSON(parsing: data), let source = json["source"]?.string,
      let sourceSize = sides(json["source_size"]), let size = sides(json["size"]),
      let topLeft = point(json["top_left"]), let topRight = point(json["top_right"]),
      let bottomLeft = point(json["bottom_left"]),
      let placement = Placement(
        source: source, sourceWidth: sourceSize.width, sourceHeight: sourceSize.height, width: size.width,
        height: size.height, topLeft: topLeft, topRight: topRight, bottomLeft: bottomLeft)
    else { throw InputError("\(name): expected a placement, as `align` and `crop` make it: make it again") }
    self = placement
  }

  /// The bytes of the placement in the store.
  var data: Data {
    func pair(_ x: Double, _ y: Double) -> JSON { .array([.double(x), .double(y)]) }
    let json: JSON = [
      "source": .string(source), "source_size": .array([.int(sourceWidth), .int(sourceHeight)]),
      "size": .array([.int(width), .int(height)]), "top_left": pair(topLeft.x, topLeft.y),
      "top_right": pair(topRight.x, topRight.y), "bottom_left": pair(bottomLeft.x, bottomLeft.y),
    ]
    return Data(json.bytes)
  }
}
