import Checkpoints
import Foundation

/// What an exported network's file says of how it was made, in its metadata: recipe, stage, key, texts and parameters.
///
/// It is no part of the network: a file that is loaded is the same network with and without.
enum ModelOrigin {
  /// Before the name of each such entry.
  static let prefix = "made."

  /// The entries of a file's metadata that are such, by their own names, in their order.
  static func entries(of metadata: [String: String]) -> [(name: String, value: String)] {
    metadata.filter { $0.key.utf8.starts(with: prefix.utf8) }
      .map { (String(Substring($0.key.utf8.dropFirst(prefix.utf8.count))), $0.value) }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  static func isPart(_ name: String) -> Bool { name.utf8.starts(with: prefix.utf8) }
}
