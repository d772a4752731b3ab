/// A categorical attribute of a picture; the raw values are the names in tables and classifier heads.
package protocol Attribute: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
  /// The name in tables and classifier heads: `hair_color`.
  static var name: String { get }
}

extension Attribute {
  /// The position among all values: the class index of a classifier head.
  package var index: Int {
    var index = 0
    for value in Self.allCases {
      if value == self { break }
      index += 1
    }
    return index
  }
}

/// How a portrait is depicted. The diffusion model is trained on photos alone; the other styles only CLIP and the
/// classifier have seen.
package enum Style: String, Attribute {
  case photo, sketch, zombie, clown, statue, robot
  case pixelArt = "pixel_art"
  case watercolor
  package static let name = "style"
}

package enum FacialExpression: String, Attribute {
  case neutral, smile, angry, surprised
  package static let name = "expression"
}

/// Red lips, eye shadow, lashes and blush, or none of them.
package enum Makeup: String, Attribute {
  case none, strong
  package static let name = "makeup"
}

package enum Tan: String, Attribute {
  case natural, tanned
  package static let name = "tan"
}

package enum HairColor: String, Attribute {
  case black, brown, blond, red, gray
  package static let name = "hair_color"
  /// The colors that people are born with.
  package static let natural: [HairColor] = [.black, .brown, .blond, .red]
}

package enum HairLength: String, Attribute {
  case short, long
  package static let name = "hair_length"
}

package enum Curls: String, Attribute {
  case straight, curly
  package static let name = "curly"
}

package enum Beard: String, Attribute {
  case shaven, bearded
  package static let name = "beard"
}

package enum Glasses: String, Attribute {
  case none, glasses
  package static let name = "glasses"
}

package enum Age: String, Attribute {
  case young, old
  package static let name = "age"
}

package enum Background: String, Attribute {
  case blue, green, beige, slate, rose, teal
  package static let name = "background"
}

package enum Clothing: String, Attribute {
  case navy, crimson, olive, white, charcoal, mustard
  package static let name = "clothing"
}
