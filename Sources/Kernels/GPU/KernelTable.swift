import CGPU
import Foundation

/// The programs and kernels that a device was given, each built when it is first asked for, or taken from a cache.
struct KernelTable {
  private var programs: [String: OpaquePointer] = [:]
  private var kernels: [String: OpaquePointer] = [:]
  private let description: GPUDescription
  private let cache: KernelCache?
  /// How many programs were built from source.
  private(set) var builds = 0

  init(of description: GPUDescription, cache: KernelCache?) {
    self.description = description
    self.cache = cache
  }

  mutating func kernel(
    _ name: String, of program: KernelProgram, on device: OpaquePointer
  ) throws(GPUError) -> OpaquePointer {
    let key = "\(program.name) \(name)"
    if let known = kernels[key] { return known }
    guard let found = cgpu_kernel_named(try made(program, on: device), name) else {
      throw .failed(String(cString: cgpu_problem(device)), in: name)
    }
    kernels[key] = found
    return found
  }

  private mutating func made(_ program: KernelProgram, on device: OpaquePointer) throws(GPUError) -> OpaquePointer {
    if let known = programs[program.name] { return known }
    let made: OpaquePointer
    if let kept = kept(program, on: device) { made = kept } else { made = try built(program, on: device) }
    programs[program.name] = made
    return made
  }

  /// As the cache has it; nil where it has none, or one that the driver refuses.
  private func kept(_ program: KernelProgram, on device: OpaquePointer) -> OpaquePointer? {
    cache?.program(for: KernelCache.key(program, on: description)).flatMap {
      cgpu_load(device, $0, $0.count, program.definitions)
    }
  }

  private mutating func built(_ program: KernelProgram, on device: OpaquePointer) throws(GPUError) -> OpaquePointer {
    var log: UnsafeMutablePointer<CChar>?
    defer { free(log) }
    guard let built = cgpu_build(device, program.family, program.source, program.definitions, &log) else {
      throw .unbuilt(log.map { String(cString: $0) } ?? String(cString: cgpu_problem(device)))
    }
    builds += 1
    if let cache {
      var size = 0
      if let binary = cgpu_binary(built, &size) {
        cache.keep(
          Array(UnsafeRawBufferPointer(start: binary, count: size)), for: KernelCache.key(program, on: description))
        free(binary)
      }
    }
    return built
  }

  /// Gives all back, before their device is closed.
  mutating func forget() {
    for kernel in kernels.values { cgpu_forget_kernel(kernel) }
    for program in programs.values { cgpu_forget(program) }
    kernels = [:]
    programs = [:]
  }
}
