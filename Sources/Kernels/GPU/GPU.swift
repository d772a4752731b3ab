import CGPU
import Foundation

/// What went wrong on a graphics card.
package enum GPUError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The device could not be opened.
  case refused(String)
  /// There are not so many bytes.
  case outOfMemory(bytes: Int, String)
  /// A kernel's source could not be built: what the compiler says.
  case unbuilt(String)
  /// A call of the driver's failed, in the operation called so.
  case failed(String, in: String)

  package var description: String {
    switch self {
    case .refused(let reason): reason
    case .outOfMemory(let bytes, let reason): "\(bytes) bytes more are needed: \(reason)"
    case .unbuilt(let log): "the driver's compiler refuses a kernel: \(log)"
    case .failed(let reason, let operation): "\(operation): \(reason)"
    }
  }
}

/// What a runtime says of a device.
package struct GPUDescription: Sendable, Hashable {
  package enum Runtime: String, Sendable {
    case cuda = "CUDA"
    case openCL = "OpenCL"
  }

  package let runtime: Runtime
  package let name: String
  package let vendor: String
  package let driver: String
  package let version: String
  /// In bytes.
  package let memory: Int
  package let localMemory: Int
  /// Whether it is a processor that plays a graphics card, as PoCL's.
  package let isProcessor: Bool

  init(_ index: Int32) {
    var d = cgpu_description()
    cgpu_describe(index, &d)
    func text<Letters>(_ letters: Letters) -> String {
      withUnsafeBytes(of: letters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    runtime = d.runtime == Int32(CGPU_CUDA) ? .cuda : .openCL
    (name, vendor, driver, version) = (text(d.name), text(d.vendor), text(d.driver), text(d.version))
    (memory, localMemory, isProcessor) = (Int(clamping: d.memory), Int(clamping: d.local_memory), d.is_processor != 0)
  }
}

/// Files of kernels, each built as a program of its own.
package enum KernelFamily: String, Sendable, CaseIterable {
  case elementwise, shapes, reductions, products, normalization, attention

  /// Its source, behind what all have in common.
  package var source: String {
    let own =
      switch self {
      case .elementwise: PackageResources.elementwise_cl
      case .shapes: PackageResources.shapes_cl
      case .reductions: PackageResources.reductions_cl
      case .products: PackageResources.products_cl
      case .normalization: PackageResources.normalization_cl
      case .attention: PackageResources.attention_cl
      }
    return String(decoding: PackageResources.prelude_cl, as: UTF8.self) + "\n" + String(decoding: own, as: UTF8.self)
  }
}

/// A graphics card, by OpenCL or CUDA. Work is queued in order; reading waits for it.
///
/// Calls come from one thread at a time, which a lock sees to.
package final class GPU: @unchecked Sendable {
  package let description: GPUDescription
  private let device: OpaquePointer
  private let lock = NSLock()
  private var programs: [String: OpaquePointer] = [:]
  private var kernels: [String: OpaquePointer] = [:]

  /// The devices of this machine, those of CUDA first.
  package static let devices: [GPUDescription] = (0..<cgpu_count()).map(GPUDescription.init)

  /// Why there are none of a runtime; empty where there are some.
  package static func absence(of runtime: GPUDescription.Runtime) -> String {
    String(cString: cgpu_absence(Int32(runtime == .cuda ? CGPU_CUDA : CGPU_OPENCL)))
  }

  /// - Throws: ``GPUError`` where the device refuses.
  package init(_ number: Int) throws(GPUError) {
    var problem = [CChar](repeating: 0, count: 256)
    guard GPU.devices.indices.contains(number) else { throw .refused("there is no device \(number)") }
    guard let opened = cgpu_open(Int32(number), &problem, problem.count) else {
      throw .refused(String(decoding: problem.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    device = opened
    description = GPU.devices[number]
  }

  deinit {
    for program in programs.values { cgpu_forget(program) }
    cgpu_close(device)
  }

  // MARK: Memory

  /// Memory of the device, of arbitrary content.
  package func buffer(bytes: Int) throws(GPUError) -> GPUBuffer {
    lock.lock()
    defer { lock.unlock() }
    guard let memory = cgpu_allocate(device, max(4, bytes)) else {
      let reason = String(cString: cgpu_problem(device))
      throw cgpu_is_out_of_memory(device) != 0
        ? .outOfMemory(bytes: bytes, reason) : .failed(reason, in: "taking \(bytes) bytes")
    }
    return GPUBuffer(memory, of: self, bytes: bytes)
  }

  /// Memory with these bytes.
  package func buffer<Element>(of values: [Element]) throws(GPUError) -> GPUBuffer {
    let made = try buffer(bytes: values.count * MemoryLayout<Element>.stride)
    let status = locked { values.withUnsafeBytes { cgpu_write(device, made.memory, 0, $0.baseAddress, $0.count) } }
    try require(status, "writing \(made.bytes) bytes")
    return made
  }

  /// What a buffer holds, once all that was queued is done.
  package func values<Element>(in buffer: GPUBuffer, as type: Element.Type) throws(GPUError) -> [Element] {
    var status: Int32 = 0
    let count = buffer.bytes / MemoryLayout<Element>.stride
    let values = [Element](unsafeUninitializedCapacity: count) { room, initialized in
      status = locked { cgpu_read(device, buffer.memory, 0, room.baseAddress, buffer.bytes) }
      initialized = count
    }
    try require(status, "reading \(buffer.bytes) bytes")
    return values
  }

  fileprivate func release(_ memory: UnsafeMutableRawPointer) { locked { cgpu_release(device, memory) } }

  // MARK: Kernels

  /// Queues a kernel.
  /// - Parameters:
  ///   - options: definitions that its family is built with.
  ///   - groups: how many in each direction, of `items` items each.
  package func run(
    _ kernel: String, of family: KernelFamily, options: String = "", groups: [Int], items: Int = 256,
    _ arguments: [GPUArgument]
  ) throws(GPUError) {
    let found = try self.kernel(kernel, of: family, options: options)
    let grid = (0..<3).map { $0 < groups.count ? UInt32(groups[$0]) : 1 }
    guard grid.allSatisfy({ $0 > 0 }) else { return }
    let status = locked {
      cgpu_launch(found, grid, [UInt32(items), 1, 1], arguments.map(\.argument), Int32(arguments.count))
    }
    try require(status, kernel)
  }

  /// Waits until all that was queued is done.
  package func finish() throws(GPUError) { try require(locked { cgpu_finish(device) }, "finishing") }

  private func kernel(_ name: String, of family: KernelFamily, options: String) throws(GPUError) -> OpaquePointer {
    lock.lock()
    defer { lock.unlock() }
    let key = "\(family.rawValue) \(options)"
    if let known = kernels["\(key) \(name)"] { return known }
    let program: OpaquePointer
    if let known = programs[key] {
      program = known
    } else {
      var log: UnsafeMutablePointer<CChar>?
      defer { free(log) }
      guard let built = cgpu_build(device, family.source, options, &log) else {
        throw .unbuilt(log.map { String(cString: $0) } ?? String(cString: cgpu_problem(device)))
      }
      programs[key] = built
      program = built
    }
    guard let found = cgpu_kernel_named(program, name) else {
      throw .failed(String(cString: cgpu_problem(device)), in: name)
    }
    kernels["\(key) \(name)"] = found
    return found
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    lock.lock()
    defer { lock.unlock() }
    return body()
  }

  private func require(_ status: Int32, _ operation: String) throws(GPUError) {
    if status != 0 { throw .failed(String(cString: cgpu_problem(device)), in: operation) }
  }
}

/// Memory of a device, which goes back with its last reference.
package final class GPUBuffer: @unchecked Sendable {
  fileprivate let memory: UnsafeMutableRawPointer
  package let bytes: Int
  private let device: GPU

  fileprivate init(_ memory: UnsafeMutableRawPointer, of device: GPU, bytes: Int) {
    (self.memory, self.device, self.bytes) = (memory, device, bytes)
  }

  deinit { device.release(memory) }
}

/// An argument of a kernel.
package enum GPUArgument {
  case buffer(GPUBuffer?)
  case int(Int)
  case float(Double)

  fileprivate var argument: cgpu_argument {
    var made = cgpu_argument()
    switch self {
    case .buffer(let buffer):
      made.kind = Int32(CGPU_BUFFER)
      made.buffer = buffer?.memory
    case .int(let number):
      made.kind = Int32(CGPU_INT)
      made.number = Int32(number)
    case .float(let number):
      made.kind = Int32(CGPU_FLOAT)
      made.real = Float(number)
    }
    return made
  }
}
