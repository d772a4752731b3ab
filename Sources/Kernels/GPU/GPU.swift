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
  /// Memory not in use, by its size.
  private var free: [Int: [UnsafeMutableRawPointer]] = [:]
  /// What went wrong first. Nothing is queued any more then, and what is read is not a number, until it is taken.
  private var problem: GPUError?
  private var counted = Transfers()
  /// Numbers that do not change, by what they are.
  private var constants: [[Float]: Storage] = [:]

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
    for memory in free.values.joined() { cgpu_release(device, memory) }
    cgpu_close(device)
  }

  // MARK: What goes wrong

  /// How often something was brought to the device, and back.
  package struct Transfers: Sendable, Hashable {
    package var toDevice = 0
    package var toHost = 0
  }

  package var transfers: Transfers { locked { counted } }

  /// What went wrong first since this was asked last; nil for nothing.
  package func takeFailure() -> GPUError? {
    locked {
      defer { problem = nil }
      return problem
    }
  }

  /// Has an operation queued, unless one before failed.
  /// - Parameter operation: its name and shapes, for messages.
  package func attempt(_ operation: @autoclosure () -> String, _ body: () throws -> Void) {
    guard locked({ problem == nil }) else { return }
    do { try body() } catch {
      let failure: GPUError =
        switch error {
        case GPUError.failed(let reason, _): .failed(reason, in: operation())
        case let error as GPUError: error
        default: .failed("\(error)", in: operation())
        }
      locked { problem = problem ?? failure }
    }
  }

  // MARK: Memory

  /// Memory of the device, of arbitrary content, which is kept for reuse when its last reference goes. What is queued by then
  /// comes before what is queued with it later.
  package func buffer(bytes: Int) throws(GPUError) -> GPUBuffer {
    let size = MemoryPool.rounded(bytes)
    lock.lock()
    defer { lock.unlock() }
    if let reused = free[size]?.popLast() { return GPUBuffer(reused, of: self, bytes: bytes, size: size) }
    var memory = cgpu_allocate(device, size)
    if memory == nil, !free.isEmpty {
      // What is kept for reuse may be what is missing.
      for block in free.values.joined() { cgpu_release(device, block) }
      free = [:]
      memory = cgpu_allocate(device, size)
    }
    guard let memory else {
      let reason = String(cString: cgpu_problem(device))
      throw cgpu_is_out_of_memory(device) != 0
        ? .outOfMemory(bytes: bytes, reason) : .failed(reason, in: "taking \(bytes) bytes")
    }
    return GPUBuffer(memory, of: self, bytes: bytes, size: size)
  }

  /// The same; where there is none, ``takeFailure()`` says so, and no operation takes it.
  func pooled(bytes: Int) -> GPUBuffer {
    do throws(GPUError) { return try buffer(bytes: bytes) } catch {
      locked { problem = problem ?? error }
      return GPUBuffer(nil, of: self, bytes: bytes, size: 0)
    }
  }

  fileprivate func recycle(_ memory: UnsafeMutableRawPointer, size: Int) {
    locked { free[size, default: []].append(memory) }
  }

  /// Numbers on the device.
  package func placed<Number>(_ numbers: [Number]) -> Storage {
    let storage = Storage(bytes: max(1, numbers.count) * MemoryLayout<Number>.stride, on: self)
    attempt("bringing \(numbers.count) numbers to the card") {
      guard let buffer = storage.buffer else { return }
      try numbers.withUnsafeBytes { try write($0, to: buffer) }
    }
    return storage
  }

  /// Numbers that do not change, brought to the device once.
  package func constant(_ values: [Float]) -> Storage {
    if let known = locked({ constants[values] }) { return known }
    let storage = placed(values)
    locked { constants[values] = storage }
    return storage
  }

  /// Memory with these bytes.
  package func buffer<Element>(of values: [Element]) throws(GPUError) -> GPUBuffer {
    let made = try buffer(bytes: values.count * MemoryLayout<Element>.stride)
    var failure: GPUError?
    values.withUnsafeBytes { bytes in
      do throws(GPUError) { try write(bytes, to: made) } catch { failure = error }
    }
    if let failure { throw failure }
    return made
  }

  /// Brings bytes to the beginning of a buffer.
  package func write(_ bytes: UnsafeRawBufferPointer, to buffer: GPUBuffer) throws(GPUError) {
    guard let memory = buffer.memory, !bytes.isEmpty else { return }
    let status = locked {
      counted.toDevice += 1
      return cgpu_write(device, memory, 0, bytes.baseAddress, bytes.count)
    }
    try require(status, "writing \(bytes.count) bytes")
  }

  /// Brings the beginning of a buffer back, once all that was queued is done.
  package func read(_ buffer: GPUBuffer, to bytes: UnsafeMutableRawBufferPointer) throws(GPUError) {
    guard let memory = buffer.memory, !bytes.isEmpty else { return }
    let status = locked {
      counted.toHost += 1
      return cgpu_read(device, memory, 0, bytes.baseAddress, bytes.count)
    }
    try require(status, "reading \(bytes.count) bytes")
  }

  /// Copies the beginning of a buffer to that of another one.
  package func copy(_ from: GPUBuffer, to: GPUBuffer, bytes: Int) throws(GPUError) {
    guard let source = from.memory, let target = to.memory, bytes > 0 else { return }
    try require(locked { cgpu_copy(device, source, 0, target, 0, bytes) }, "copying \(bytes) bytes")
  }

  /// What a buffer holds, once all that was queued is done.
  package func values<Element>(in buffer: GPUBuffer, as type: Element.Type) throws(GPUError) -> [Element] {
    var failure: GPUError?
    let count = buffer.bytes / MemoryLayout<Element>.stride
    let values = [Element](unsafeUninitializedCapacity: count) { room, initialized in
      do throws(GPUError) { try read(buffer, to: UnsafeMutableRawBufferPointer(room)) } catch { failure = error }
      initialized = failure == nil ? count : 0
    }
    if let failure { throw failure }
    return values
  }

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
    for case .buffer(let buffer?) in arguments where buffer.isMissing {
      throw .outOfMemory(bytes: buffer.bytes, "the device had no more")
    }
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
      defer { Foundation.free(log) }
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

/// Memory of a device, which goes back to the device's pool with its last reference.
package final class GPUBuffer: @unchecked Sendable {
  /// Nil where the device had no more.
  fileprivate let memory: UnsafeMutableRawPointer?
  package let bytes: Int
  package let device: GPU
  private let size: Int

  fileprivate init(_ memory: UnsafeMutableRawPointer?, of device: GPU, bytes: Int, size: Int) {
    (self.memory, self.device, self.bytes, self.size) = (memory, device, bytes, size)
  }

  deinit { if let memory { device.recycle(memory, size: size) } }

  fileprivate var isMissing: Bool { memory == nil }
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
