import CGPU
import Foundation

/// The programs and kernels that a device was given, each built when it is first asked for.
struct KernelTable {
  private var programs: [String: OpaquePointer] = [:]
  private var kernels: [String: OpaquePointer] = [:]

  mutating func kernel(
    _ name: String, of program: KernelProgram, on device: OpaquePointer
  ) throws(GPUError) -> OpaquePointer {
    let key = "\(program.name) \(name)"
    if let known = kernels[key] { return known }
    guard let found = cgpu_kernel_named(try built(program, on: device), name) else {
      throw .failed(String(cString: cgpu_problem(device)), in: name)
    }
    kernels[key] = found
    return found
  }

  private mutating func built(_ program: KernelProgram, on device: OpaquePointer) throws(GPUError) -> OpaquePointer {
    if let known = programs[program.name] { return known }
    var log: UnsafeMutablePointer<CChar>?
    defer { free(log) }
    guard let made = cgpu_build(device, program.family, program.source, program.definitions, &log) else {
      throw .unbuilt(log.map { String(cString: $0) } ?? String(cString: cgpu_problem(device)))
    }
    programs[program.name] = made
    return made
  }

  /// Gives the programs back, before their device is closed.
  mutating func forget() {
    for kernel in kernels.values { cgpu_forget_kernel(kernel) }
    for program in programs.values { cgpu_forget(program) }
    programs = [:]
    kernels = [:]
  }
}
