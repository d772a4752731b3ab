import Foundation

/// The file `name` in the folder Fixtures beside a test's source.
package func fixture(_ name: String, beside source: String = #filePath) -> String {
  URL(fileURLWithPath: source).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)").path
}
