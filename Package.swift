// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is compiled in Swift 6 mode with warnings as errors.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// A library module; `dependencies` may only name modules further down the list below.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The tests of one module, mirroring its sources.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: strict)
}

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "diffusionclip",
  products: [.executable(name: "diffusionclip", targets: ["diffusionclip"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
  ],
  targets: [
    .executableTarget(
      name: "diffusionclip",
      dependencies: ["Execution", "Stages", "Planning", "StageKit", "RecipeSyntax", "ArtifactStore", arguments],
      swiftSettings: strict),
    module("Execution", ["Planning", "StageKit", "RecipeSyntax", "ArtifactStore", collections]),
    module(
      "Stages",
      ["StageKit", "ArtifactStore", "Diffusion", "Metrics", "Networks", "Checkpoints", "Imaging", "Portraits", "Tensors", "Kernels"]),
    module("Planning", ["StageKit", "RecipeSyntax", "ArtifactStore", collections]),
    module("StageKit", ["RecipeSyntax", "ArtifactStore"]),
    module("RecipeSyntax", ["CLibYAML", collections]),
    module("ArtifactStore", [crypto]),
    module("Diffusion", ["Tensors"]),
    module("Metrics", ["Networks", "Tensors"]),
    module("Networks", ["Checkpoints", "Tensors", "Kernels", collections]),
    module("Checkpoints", ["Tensors", "Kernels", collections]),
    module("Imaging", ["CPNG", "CJPEG"]),
    module("Portraits"),
    module("Tensors", ["Kernels"]),
    module("Kernels", ["CKernels", "COpenBLAS"]),
    .target(name: "CKernels"),
    .target(name: "COpenBLAS", linkerSettings: [.linkedLibrary("dl")]),
    .target(name: "CJPEG", dependencies: ["CLibJPEG"]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CLibJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
    .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "TestSupport", dependencies: ["Tensors"], path: "Tests/TestSupport", swiftSettings: strict),
    tests("Tensors", ["Kernels", "TestSupport"]),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Checkpoints", "Tensors", "TestSupport"], exclude: ["Fixtures"],
      swiftSettings: strict),
    .testTarget(
      name: "NetworksTests", dependencies: ["Networks", "Checkpoints", "Tensors", "TestSupport", collections],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "DiffusionTests", dependencies: ["Diffusion", "Checkpoints", "Tensors", "Kernels", "TestSupport"],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "MetricsTests", dependencies: ["Metrics", "Networks", "Checkpoints", "Tensors", "TestSupport"],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(name: "ImagingTests", dependencies: ["Imaging"], exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests", dependencies: ["diffusionclip", "Imaging", "Portraits", "ArtifactStore"],
      swiftSettings: strict),
    tests("Execution", ["Planning", "StageKit", "ArtifactStore"]),
    tests("Stages", ["Planning", "StageKit", "RecipeSyntax", "Imaging", "ArtifactStore"]),
    tests("Planning", ["StageKit", "RecipeSyntax", "ArtifactStore"]),
    tests("StageKit"),
    tests("ArtifactStore"),
    tests("RecipeSyntax"),
    tests("Portraits"),
    .testTarget(name: "ArchitectureTests", swiftSettings: strict),
  ]
)
