import Foundation
import Testing

/// Data flows one way: a module imports only modules further down this list, and a C module has one wrapper.
struct ImportTests {
  private static let modules = [
    "diffusionclip", "Serving", "Comparing", "Reporting", "Cluster", "Costing", "RemoteCache", "Engine", "Runs",
    "Stages",
    "Planning", "StageKit", "RecipeSyntax", "ArtifactStore", "Transfers", "Processes", "Diffusion", "Metrics",
    "Networks",
    "Checkpoints", "Imaging", "Portraits", "Tensors", "Kernels", "JSONSyntax", "FileSystem", "Hashing",
    "WeightsCatalog",
    "Escaping",
  ]
  private static let wrappers = [
    "CGPU": "Kernels", "CKernels": "Kernels",
    "COpenBLAS": "Kernels", "CPNG": "Imaging", "CJPEG": "Imaging", "CLibYAML": "RecipeSyntax",
    "CCurl": "Transfers", "CProcesses": "Processes", "CFileFaults": "Checkpoints", "CZlib": "Checkpoints",
    "CSHA256": "Hashing", "CCrashNotes": "diffusionclip",
  ]

  /// Kernels hands the C functions on to Tensors, where each operation calls its own.
  private static func imports(in module: String) throws -> Set<String> {
    try files(of: module).reduce(into: []) { found, file in
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
        let words = line.split(separator: " ")
        guard let index = words.firstIndex(of: "import"), words[..<index].allSatisfy({ $0.hasPrefix("@") }),
          let name = words.dropFirst(index + 1).last
        else { continue }
        found.insert(String(name.split(separator: ".")[0]))
      }
    }
  }

  private static func files(of module: String) -> [URL] {
    let folder = sources.appending(path: module)
    let files =
      FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
    return files.filter { $0.pathExtension == "swift" }
  }

  private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Sources")

  @Test func everyModuleIsInTheList() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path)
    let swift = folders.filter { !$0.hasPrefix("C") || Self.modules.contains($0) }
    #expect(Set(swift) == Set(Self.modules))
  }

  @Test(arguments: modules) func importsPointDown(_ module: String) throws {
    let found = try Self.imports(in: module)
    #expect(!found.isEmpty || ["Portraits", "WeightsCatalog", "Escaping"].contains(module))
    let position = try #require(Self.modules.firstIndex(of: module))
    for name in found.intersection(Self.modules) {
      let other = try #require(Self.modules.firstIndex(of: name))
      #expect(other > position, "\(module) imports \(name), which is above it")
    }
    for (name, wrapper) in Self.wrappers where found.contains(name) {
      #expect(module == wrapper, "\(module) imports \(name), which is for \(wrapper) alone")
    }
  }

  /// Otherwise it depends on what is compiled first whether it compiles.
  @Test(arguments: modules.dropFirst()) func whatIsImportedIsDeclared(_ module: String) throws {
    let package = try String(
      contentsOf: Self.sources.deletingLastPathComponent().appending(path: "Package.swift"), encoding: .utf8)
    let name = try #require(
      package.range(of: "module(\n      \"\(module)\"") ?? package.range(of: "module(\"\(module)\""))
    let rest = package[name.upperBound...]
    let end = ["module(", ".target("].compactMap { rest.range(of: $0)?.lowerBound }.min() ?? rest.endIndex
    for imported in try Self.imports(in: module) where Self.modules.contains(imported) && imported != module {
      #expect(
        rest[..<end].contains("\"\(imported)\""), "\(module) imports \(imported), and Package.swift does not say so")
    }
  }

  /// A file that has to be longer says why in its first comment.
  @Test func filesCanBeReadInOneGo() throws {
    for file in FileManager.default.enumerator(atPath: Self.sources.path)?.compactMap({ $0 as? String }) ?? []
    where file.hasSuffix(".swift") {
      let text = try String(contentsOf: Self.sources.appending(path: file), encoding: .utf8)
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count <= 351 || lines[0].hasPrefix("//"), "\(file) has \(lines.count - 1) lines")
    }
  }

  /// Foundation's functions of paths trap on some names; those of Escaping take any.
  @Test func pathsAreTakenApartInOnePlace() throws {
    for file in FileManager.default.enumerator(atPath: Self.sources.path)?.compactMap({ $0 as? String }) ?? []
    where file.hasSuffix(".swift") {
      let text = try String(contentsOf: Self.sources.appending(path: file), encoding: .utf8)
      #expect(!text.contains("as NSString"), "\(file)")
    }
  }

  /// The command hands the catalog of stages to the engine, and nobody else.
  @Test(arguments: modules.dropFirst()) func onlyTheCommandKnowsBothEngineAndStages(_ module: String) throws {
    let found = try Self.imports(in: module)
    #expect(module == "Stages" || !found.contains("Stages"))
    #expect(module != "Stages" || found.isDisjoint(with: ["Engine", "RemoteCache", "Costing", "Cluster", "Reporting"]))
  }

  /// Beyond that a module is two. The networks, the stage kinds and the language of recipes are what they are.
  @Test(arguments: modules.filter { !["Networks", "Stages", "Planning"].contains($0) })
  func modulesStaySmall(_ module: String) throws {
    let lines = try Self.files(of: module).reduce(0) { count, file in
      try count + Data(contentsOf: file).count { $0 == UInt8(ascii: "\n") }
    }
    #expect(lines <= 3500)
  }

  /// What is called like its module could not be told from it in code that imports it.
  @Test(arguments: modules) func noModuleIsCalledLikeATypeInIt(_ module: String) throws {
    for file in Self.files(of: module) {
      let text = try String(contentsOf: file, encoding: .utf8)
      for word in ["struct", "class", "enum", "actor", "protocol"] {
        #expect(!text.contains("\(word) \(module) ") && !text.contains("\(word) \(module):"), "\(file.path)")
      }
    }
  }
}
