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
