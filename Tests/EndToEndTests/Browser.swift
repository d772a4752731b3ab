import Foundation
import Testing

/// Chromium without a window, where there is one.
enum Browser {
  private static let path = ["chromium", "chromium-browser", "google-chrome"].lazy
    .map { "/usr/bin/\($0)" }.first { FileManager.default.isExecutableFile(atPath: $0) }

  static var isThere: Bool { path != nil }
  /// Why a test that looks at pages does not run.
  static let absence: Comment = "there is no Chromium in /usr/bin: no page is looked at"

  /// A page of a repository as it stands after its scripts have run.
  static func page(of file: String, in repository: Repository) throws -> String {
    let process = Process()
    let page = Pipe()
    process.executableURL = URL(filePath: try #require(path))
    process.arguments = [
      "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900",
      "--user-data-dir=\(repository.path("profile"))", "--dump-dom", "file://\(repository.path(file))",
    ]
    (process.standardOutput, process.standardError) = (page, FileHandle.nullDevice)
    try process.run()
    let seen = String(decoding: page.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return seen
  }
}
