import ArtifactStore
import Foundation
import Testing

/// Chromium without a window, where there is one.
enum Browser {
  private static let path = ["chromium", "chromium-browser", "google-chrome"].lazy
    .map { "/usr/bin/\($0)" }.first { FileManager.default.isExecutableFile(atPath: $0) }

  static var isThere: Bool { path != nil }
  /// Why a test that looks at pages does not run.
  static let absence: Comment = "there is no Chromium in /usr/bin: no page is looked at"

  /// A page whose policy lets a script of a test be executed besides its own.
  static func page(_ page: String, allowing script: String) -> String {
    let source = "'sha256-\(Digest(of: script).base64)'"
    return page.replacing("script-src 'none'", with: "script-src \(source)", maxReplacements: 1)
      .replacing("script-src 'sha256-", with: "script-src \(source) 'sha256-", maxReplacements: 1)
  }

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
