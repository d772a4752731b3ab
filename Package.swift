// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is compiled in Swift 6 mode with warnings as errors.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// A library module; `dependencies` may only name modules further down the list below.
func module(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

/// Tests are compiled without optimization, which takes most of the time for them, also where what they test is not.
let testing: [SwiftSetting] = strict + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

/// The tests of one module, mirroring its sources; files in a folder Fixtures are found by path.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], fixtures: Bool = false) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, exclude: fixtures ? ["Fixtures"] : [],
    swiftSettings: testing)
}

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let heaps = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// `DIFFUSIONCLIP_PORTABLE=1` links the program as it is packaged, for systems older than the one that it is built on: with
/// the C++ library in it, and without what only the newest C libraries have. That needs the C++ library as an archive,
/// which Debian always has. In Packaging/link an empty archive stands where the linker would find the shared one.
let isPortable = Context.environment["DIFFUSIONCLIP_PORTABLE"].map { !$0.isEmpty } ?? false
let portable = [
  "-L\(Context.packageDirectory)/Packaging/link", "-Xlinker", "--wrap=hypot", "-Xlinker", "--wrap=hypotf", "-Xlinker",
  "--wrap=arc4random", "-Xlinker", "-l:libstdc++.a",
]

let package = Package(
  name: "diffusionclip",
  products: [.executable(name: "diffusionclip", targets: ["diffusionclip"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
  ],
  targets: [
    .executableTarget(
      name: "diffusionclip",
      dependencies: [
        "Serving", "Comparing", "Reporting", "Cluster", "Costing", "RemoteCache", "Engine", "Runs", "Stages",
        "Planning",
        "StageKit", "RecipeSyntax", "ArtifactStore", "Transfers", "WeightsCatalog", "JSONSyntax", "FileSystem",
        "Escaping", "CCrashNotes", arguments,
      ] + (isPortable ? ["CPortable"] : []),
      swiftSettings: strict,
      // Swift's own libraries are part of the program: it starts in half the time, and runs where there is no toolchain.
      linkerSettings: [
        .unsafeFlags(
          [
            "-static-stdlib", "-lCoreFoundation", "-l_FoundationICU", "-l_FoundationCShims", "-l_FoundationCollections",
            "-lstdc++",
          ] + (isPortable ? portable : []), .when(platforms: [.linux]))
      ]),
    module(
      "Serving", ["Comparing", "Reporting", "Engine", "Runs", "StageKit", "ArtifactStore", "JSONSyntax", "Escaping"],
      resources: ["css", "html", "js"].map { .embedInCode("page.\($0)") }),
    module(
      "Comparing",
      [
        "Reporting", "Runs", "Planning", "StageKit", "RecipeSyntax", "ArtifactStore", "Metrics", "JSONSyntax",
        "Imaging",
        "Escaping", collections,
      ]),
    module(
      "Reporting",
      [
        "Cluster", "Costing", "RemoteCache", "Engine", "Runs", "Planning", "StageKit", "RecipeSyntax", "ArtifactStore",
        "WeightsCatalog", "JSONSyntax", "Imaging", "Escaping", collections,
      ]),
    module(
      "Cluster",
      [
        "Costing", "Engine", "Planning", "StageKit", "RecipeSyntax", "ArtifactStore", "JSONSyntax", "Escaping",
        collections,
      ]),
    module("Costing", ["Engine", "Planning", "StageKit", "ArtifactStore", "JSONSyntax", heaps]),
    module("RemoteCache", ["Engine", "Planning", "StageKit", "ArtifactStore", "JSONSyntax", "Transfers", "Escaping"]),
    module(
      "Engine",
      [
        "Runs", "Planning", "StageKit", "RecipeSyntax", "ArtifactStore", "JSONSyntax", "Transfers", "FileSystem",
        "Escaping",
        collections,
      ]),
    module(
      "Runs",
      ["Planning", "StageKit", "RecipeSyntax", "ArtifactStore", "JSONSyntax", "Hashing", "Escaping", collections]),
    module(
      "Stages",
      [
        "Planning", "StageKit", "RecipeSyntax", "ArtifactStore", "JSONSyntax", "Processes", "Diffusion", "Metrics",
        "Networks",
        "Checkpoints",
        "Imaging", "Portraits", "Tensors", "Kernels", "Escaping",
      ],
      resources: ["css", "html", "js"].map { .embedInCode("Survey/survey.\($0)") }),
    module(
      "Planning",
      [
        "StageKit", "RecipeSyntax", "ArtifactStore", "WeightsCatalog", "JSONSyntax", "FileSystem", "Escaping",
        collections,
      ]),
    module("StageKit", ["RecipeSyntax", "ArtifactStore", "JSONSyntax", "Escaping"]),
    module("RecipeSyntax", ["FileSystem", "CLibYAML", "Escaping", collections]),
    module("ArtifactStore", ["JSONSyntax", "FileSystem", "Hashing", "Escaping"]),
    module("Transfers", ["CCurl", "FileSystem", "Hashing"]),
    module("Processes", ["CProcesses"]),
    module("Diffusion", ["Networks", "Tensors"]),
    module("Metrics", ["Networks", "Tensors"]),
    module("Networks", ["Checkpoints", "Imaging", "Tensors", "Kernels", "Escaping", collections]),
    module("Checkpoints", ["Tensors", "Kernels", "FileSystem", "CFileFaults", "CZlib", collections]),
    module("Imaging", ["CPNG", "CJPEG", "FileSystem", "Escaping"]),
    module("Portraits"),
    module("Tensors", ["Kernels"]),
    module(
      "Kernels", ["FileSystem", "Hashing", "CKernels", "CGPU", "COpenBLAS"],
      resources: ["attention", "elementwise", "normalization", "prelude", "products", "reductions", "shapes"].map {
        .embedInCode("GPU/\($0).cl")
      }),
    module("JSONSyntax", ["Escaping"]),
    module("FileSystem"),
    module("Hashing", ["CSHA256"]),
    module("WeightsCatalog"),
    module("Escaping"),
    .target(name: "CFileFaults"),
    .target(name: "CCrashNotes"),
    .target(name: "CProcesses"),
    .target(name: "CSHA256", dependencies: ["CLibCrypto"]),
    .target(name: "CGPU", dependencies: ["CZlib"], linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "CKernels"),
    .target(name: "COpenBLAS", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "CCurl", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "CJPEG", dependencies: ["CLibJPEG"]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CLibJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(
      name: "TestSupport", dependencies: ["Networks", "Checkpoints", "Tensors"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .target(
      name: "EngineTestSupport",
      dependencies: ["Reporting", "Engine", "Runs", "Planning", "StageKit", "ArtifactStore", "JSONSyntax"],
      path: "Tests/EngineTestSupport", swiftSettings: strict),
    tests("Escaping", ["ArtifactStore", "JSONSyntax", "TestSupport"]),
    tests("Kernels", ["Tensors"]),
    tests("Tensors", ["Kernels", "TestSupport"]),
    tests("Checkpoints", ["Tensors", "TestSupport"], fixtures: true),
    tests("Networks", ["Checkpoints", "Imaging", "JSONSyntax", "Tensors", "TestSupport", collections], fixtures: true),
    tests("Diffusion", ["Networks", "Checkpoints", "Tensors", "Kernels", "TestSupport"], fixtures: true),
    tests("Metrics", ["Networks", "Checkpoints", "Tensors", "TestSupport"], fixtures: true),
    tests("Imaging", ["TestSupport"], fixtures: true),
    tests("Portraits"),
    tests("JSONSyntax"),
    tests("ArtifactStore", ["JSONSyntax"]),
    tests("Transfers", ["Hashing", "TestSupport"]),
    tests("Hashing"),
    tests("Processes"),
    tests("RecipeSyntax"),
    tests("StageKit"),
    tests("Planning", ["StageKit", "RecipeSyntax", "ArtifactStore", "JSONSyntax", "TestSupport"]),
    tests(
      "Stages",
      [
        "Planning", "StageKit", "RecipeSyntax", "Diffusion", "Networks", "Checkpoints", "Imaging", "Tensors", "Kernels",
        "ArtifactStore",
        "JSONSyntax", "Escaping",
      ]),
    tests(
      "Engine",
      ["EngineTestSupport", "RemoteCache", "Reporting", "Runs", "Planning", "StageKit", "ArtifactStore", "JSONSyntax"]),
    tests(
      "RemoteCache",
      [
        "EngineTestSupport", "Reporting", "Engine", "Planning", "StageKit", "ArtifactStore", "JSONSyntax",
        "TestSupport",
      ]),
    tests("Comparing"),
    tests("Runs", ["EngineTestSupport", "Engine", "StageKit", "ArtifactStore", "JSONSyntax"]),
    tests("Costing", ["EngineTestSupport", "Engine", "Planning", "ArtifactStore"]),
    tests("Cluster", ["EngineTestSupport", "Costing", "Engine", "Planning", "ArtifactStore", "Escaping"]),
    tests("Serving", ["Transfers"]),
    tests("Reporting", ["EngineTestSupport", "Engine", "Planning", "StageKit", "ArtifactStore", "JSONSyntax"]),
    // It runs the program, which `swift test` builds like everything else in the package.
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "StageKit", "Stages", "WeightsCatalog", "RecipeSyntax", "Imaging", "Portraits", "ArtifactStore", "JSONSyntax",
        "Escaping", "TestSupport",
      ],
      exclude: ["Earlier", "Snapshots"], swiftSettings: testing),
    .testTarget(name: "ArchitectureTests", swiftSettings: testing),
  ] + (isPortable ? [.target(name: "CPortable")] : [])
)
