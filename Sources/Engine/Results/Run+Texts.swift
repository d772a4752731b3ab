import ArtifactStore
import Escaping
import Foundation
import Planning
import RecipeSyntax
import Runs
import StageKit

extension Run {
  /// Files of programs beyond these, and more bytes of them than these, are known by their digests.
  private static let most = (files: 500, bytes: 1 << 22)

  /// The recipes as they are written, and the programs that they start. A plan from a file says where its recipe is, which
  /// may be any file: only what it was made from is shown.
  func texts(withPrograms: Bool) -> RecipeTexts {
    var texts = plan.texts
    if texts.isEmpty, let text = try? SourceText.read(plan.file), Digest(of: text.text) == plan.source {
      texts = [text]
    }
    let root = Store.repository(around: plan.file) + "/"
    func inRepository(_ file: String) -> String {
      // What came with the program lies elsewhere on other machines, and is the same there.
      if let name = Installation.name(of: file) { return name }
      return file.begins(with: root) ? file.dropping(bytes: root.utf8.count) : file
    }
    return RecipeTexts(
      texts.enumerated().map { number, text in
        let file = number == 0 ? plan.file : URL(filePath: text.file).absoluteURL.standardizedFileURL.path
        return .init(file: inRepository(file), text: text.text)
      },
      programs: withPrograms ? programs(inRepository) : [])
  }

  /// The files of the programs, each once, in the order of the plan.
  private func programs(_ name: (String) -> String) -> [ProgramFile] {
    let stages = plan.stages.lazy.filter { $0.kind.program($0.parameters) != nil }
    let paths = stages.flatMap { $0.sources.sorted { $0.key < $1.key }.flatMap { $0.value.files.compactMap(\.path) } }
    var bytes = 0
    return paths.uniqued.prefix(Self.most.files).compactMap { path in
      guard let digest = try? store.sources.digest(of: path), let size = (try? Files.status(of: path))??.size else {
        return nil
      }
      let isKept = size <= ProgramFile.longest && bytes + size <= Self.most.bytes
      if isKept { bytes += size }
      return ProgramFile(
        file: name(path), digest: digest.hex, data: isKept ? (try? Files.read(path)) ?? nil : nil)
    }
  }
}
