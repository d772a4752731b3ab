import Foundation
import Kernels
import Testing

/// The programs for graphics cards: those for CUDA that are part of this one, and those that are kept in files.
struct GPUProgramTests {
  private static let advice =
    "write Sources/CGPU/PTX.c anew: pip install 'nvidia-cuda-nvrtc-cu12==12.9.*'; python Tests/GPU/nvrtc.py --embed"

  @Test func programsForCUDAAreOfThePresentKernels() {
    let embedded = Dictionary(uniqueKeysWithValues: KernelProgram.embedded.map { ($0.name, $0) })
    #expect(Set(embedded.keys) == Set(KernelProgram.all.map(\.name)), "\(Self.advice)")
    for program in KernelProgram.all {
      #expect(
        embedded[program.name]?.sourceDigest == program.sourceDigest,
        "\(program.name) was made of other kernels; \(Self.advice)")
    }
  }

  /// Each kernel of the source is there, in a form that old drivers take.
  @Test func programsForCUDACanBeRead() throws {
    for embedded in KernelProgram.embedded {
      let ptx = try #require(embedded.ptx, "\(embedded.name)")
      #expect(ptx.hasPrefix(".version 6.0\n.target sm_70\n"))
      let program = try #require(KernelProgram.all.first { $0.name == embedded.name })
      let kernels = program.source.matches(of: /KERNEL void (\w+)\(/).map { String($0.1) }
      #expect(!kernels.isEmpty)
      for kernel in kernels { #expect(ptx.contains(".visible .entry \(kernel)("), "\(embedded.name)") }
    }
  }
}

@Suite(.enabled(if: !GPU.devices.isEmpty, "no OpenCL or CUDA device is here: install pocl-opencl-icd"), .serialized)
struct GPUCacheTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "kernels-\(UUID().uuidString)/in/here")

  /// What a device computes whose programs are kept in the folder, and how many it built.
  private func use(_ folder: URL) throws -> (values: [Float], builds: Int) {
    let gpu = try GPU(0, cache: KernelCache(folder: folder.path))
    let y = try gpu.buffer(bytes: 8)
    try gpu.fill(y, with: 3, count: 2)
    return (try gpu.values(in: y, as: Float.self), gpu.builds)
  }

  private func remove() {
    try? FileManager.default.removeItem(at: folder.deletingLastPathComponent().deletingLastPathComponent())
  }

  private func permissions(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  /// The only file of the folder.
  private func file() throws -> URL {
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    try #require(files.count == 1)
    return files[0]
  }

  @Test(.enabled(if: GPU.devices.first?.runtime == .openCL, "CUDA's driver keeps its own programs"))
  func aSecondStartBuildsNothing() throws {
    defer { remove() }
    #expect(try use(folder) == ([3, 3], 1))
    #expect(try permissions(folder.path) == 0o700)
    #expect(try permissions(file().path) == 0o600)
    #expect(try use(folder) == ([3, 3], 0))
  }

  @Test(.enabled(if: GPU.devices.first?.runtime == .openCL, "CUDA's driver keeps its own programs"))
  func whatCannotBeTrustedIsBuiltAnew() throws {
    defer { remove() }
    _ = try use(folder)
    let file = try file()
    let whole = try Data(contentsOf: file)
    var changed = whole
    changed[changed.count - 1] ^= 1
    var otherKey = whole
    otherKey[40] ^= 1
    for broken in [Data(), whole.prefix(30), whole.dropLast(), changed, otherKey, Data(repeating: 0, count: 5000)] {
      try broken.write(to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
      #expect(try use(folder) == ([3, 3], 1), "\(broken.count) bytes")
      #expect(try use(folder).builds == 0)
    }
    // Others might have written it.
    try FileManager.default.setAttributes([.posixPermissions: 0o622], ofItemAtPath: file.path)
    #expect(try use(folder).builds == 1)
    // A link is replaced, and what it leads to is left as it is.
    let elsewhere = folder.deletingLastPathComponent().appending(path: "elsewhere")
    try whole.write(to: elsewhere)
    try FileManager.default.removeItem(at: file)
    try FileManager.default.createSymbolicLink(at: file, withDestinationURL: elsewhere)
    #expect(try use(folder).builds == 1)
    #expect(try Data(contentsOf: elsewhere) == whole)
    #expect(try use(folder).builds == 0)
    // So might the folder's.
    try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
    #expect(try use(folder) == ([3, 3], 1))
  }

  /// What is whole and made for the key, but that the driver refuses, is built anew, too.
  @Test(.enabled(if: GPU.devices.first?.runtime == .openCL, "CUDA's driver keeps its own programs"))
  func whatTheDriverRefusesIsBuiltAnew() throws {
    defer { remove() }
    let description = GPU.devices[0]
    KernelCache(folder: folder.path).keep(Array("nothing".utf8), for: KernelCache.key(.elementwise, on: description))
    _ = try file()
    #expect(try use(folder) == ([3, 3], 1))
    #expect(try use(folder) == ([3, 3], 0))
  }

  @Test func aFolderThatCannotBeMadeIsNoError() throws {
    #expect(try use(URL(filePath: "/proc/nothing/here")) == ([3, 3], 1))
  }
}
