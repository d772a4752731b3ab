import CGPU
import Foundation

/// A graphics card, by OpenCL or CUDA. Work is queued in order; reading waits for it.
///
/// Calls come from one thread at a time, which a lock sees to.
package final class GPU: @unchecked Sendable {
  package let description: GPUDescription
  /// Nil for one that takes memory and counts, but does not compute.
  private let device: OpaquePointer?
  private let lock = NSLock()
  private var kernels: KernelTable
  /// Memory not in use, by its size.
  private var free: [Int: [UnsafeMutableRawPointer]] = [:]
  /// What went wrong first. Nothing is queued any more then, and what is read is not a number, until it is taken.
  private var problem: GPUError?
  private var counted = Transfers()
  /// Bytes that buffers have, at most had, and that the device gave in all.
  private var (inUse, highest, taken) = (0, 0, 0)
  /// How many kernels were queued.
  private var launched = 0
  /// Lets go of what others keep on the device for later.
  private var whenShort: @Sendable () -> Void = {}
  /// Numbers that do not change, by their bits.
  private var constants: [[UInt32]: Storage] = [:]

  /// The devices of this machine, those of CUDA first.
  package static let devices: [GPUDescription] = (0..<cgpu_count()).map(GPUDescription.init)

  /// Why there are none of a runtime; empty where there are some.
  package static func absence(of runtime: GPUDescription.Runtime) -> String {
    String(cString: cgpu_absence(Int32(runtime == .cuda ? CGPU_CUDA : CGPU_OPENCL)))
  }

  /// - Parameters:
  ///   - played: the description that it has in the place of its own, for tests.
  ///   - cache: of programs that were built before; else the usual one of such a device.
  /// - Throws: ``GPUError`` where the device refuses.
  package init(
    _ number: Int, as played: GPUDescription? = nil, cache: KernelCache? = nil
  ) throws(GPUError) {
    var problem = [CChar](repeating: 0, count: 256)
    guard GPU.devices.indices.contains(number) else { throw .refused("there is no device \(number)") }
    if let shortage = GPU.devices[number].shortage { throw .refused(shortage) }
    guard let opened = cgpu_open(Int32(number), &problem, problem.count) else {
      throw .refused(String(decoding: problem.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    device = opened
    description = played ?? GPU.devices[number]
    kernels = KernelTable(of: GPU.devices[number], cache: cache ?? .usual(for: GPU.devices[number]))
  }

  /// A device of so many bytes that takes memory and counts, but does not compute: what is read is 0.
  package init(counting memory: Int) {
    device = nil
    description = GPUDescription(counting: memory)
    kernels = KernelTable(of: description, cache: nil)
  }

  deinit {
    guard let device else { return }
    kernels.forget()
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
    if let memory = locked({ free[size]?.popLast() ?? allocated(size) }) {
      return used(memory, bytes: bytes, size: size)
    }
    // What is kept for later may be what is missing. What others keep goes back to the pool, which takes the lock.
    locked { whenShort }()
    return try locked { () -> Result<UnsafeMutableRawPointer, GPUError> in
      releaseFree()
      if let memory = allocated(size) { return .success(memory) }
      guard let device else { return .failure(.outOfMemory(bytes: bytes, "the device has \(description.memory)")) }
      let reason = String(cString: cgpu_problem(device))
      return .failure(
        cgpu_is_out_of_memory(device) != 0
          ? .outOfMemory(bytes: bytes, reason) : .failed(reason, in: "taking \(bytes) bytes"))
    }.map { used($0, bytes: bytes, size: size) }.get()
  }

  /// Begins to count memory anew for work that lets go of what is kept for later where memory becomes short.
  package func begin(whenShort: @escaping @Sendable () -> Void = {}) {
    locked {
      self.whenShort = whenShort
      highest = inUse
    }
  }

  /// Gives back what is kept for reuse.
  package func trim() { locked { releaseFree() } }

  private func releaseFree() {
    for (size, blocks) in free {
      taken -= size * blocks.count
      if let device { for block in blocks { cgpu_release(device, block) } }
    }
    free = [:]
  }

  /// Memory of the device, as it gives it; nil where it has no more.
  private func allocated(_ size: Int) -> UnsafeMutableRawPointer? {
    let memory =
      if let device {
        cgpu_allocate(device, size)
      } else {
        taken + size <= description.memory ? UnsafeMutableRawPointer(bitPattern: 64) : nil
      }
    if memory != nil { taken += size }
    return memory
  }

  private func used(_ memory: UnsafeMutableRawPointer, bytes: Int, size: Int) -> GPUBuffer {
    locked {
      inUse += size
      highest = max(highest, inUse)
    }
    return GPUBuffer(memory, of: self, bytes: bytes, size: size)
  }

  /// Bytes that buffers have, and the most that they had at a time since ``begin(whenShort:)``.
  package var memoryInUse: (now: Int, highest: Int) { locked { (inUse, highest) } }

  /// How many kernels were queued.
  package var launches: Int { locked { launched } }

  /// How many programs were built from source.
  package var builds: Int { locked { kernels.builds } }

  /// The same; where there is none, ``takeFailure()`` says so, and no operation takes it.
  func pooled(bytes: Int) -> GPUBuffer {
    do throws(GPUError) { return try buffer(bytes: bytes) } catch {
      locked { problem = problem ?? error }
      return GPUBuffer(nil, of: self, bytes: bytes, size: 0)
    }
  }

  fileprivate func recycle(_ memory: UnsafeMutableRawPointer, size: Int) {
    locked {
      inUse -= size
      free[size, default: []].append(memory)
    }
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

  /// Numbers that do not change, brought to the device once; those of a long training are forgotten from time to time.
  package func constant(_ values: [Float]) -> Storage { constant(bits: values.map(\.bitPattern)) }

  package func constant(_ values: [Int32]) -> Storage { constant(bits: values.map { UInt32(bitPattern: $0) }) }

  private func constant(bits: [UInt32]) -> Storage {
    if let known = locked({ constants[bits] }) { return known }
    let storage = placed(bits)
    // What is dropped goes back to the pool, which takes the lock.
    let dropped = locked {
      let dropped = constants.count < 4096 ? [:] : constants
      constants = constants.count < 4096 ? constants : [:]
      constants[bits] = storage
      return dropped
    }
    return withExtendedLifetime(dropped) { storage }
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
    let status = locked { () -> Int32 in
      counted.toDevice += 1
      guard let device else { return 0 }
      return cgpu_write(device, memory, 0, bytes.baseAddress, bytes.count)
    }
    try require(status, "writing \(bytes.count) bytes")
  }

  /// Brings the beginning of a buffer back, once all that was queued is done.
  package func read(_ buffer: GPUBuffer, to bytes: UnsafeMutableRawBufferPointer) throws(GPUError) {
    guard let memory = buffer.memory, !bytes.isEmpty else { return }
    let status = locked { () -> Int32 in
      counted.toHost += 1
      guard let device else {
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        return 0
      }
      return cgpu_read(device, memory, 0, bytes.baseAddress, bytes.count)
    }
    try require(status, "reading \(bytes.count) bytes")
  }

  /// Copies the beginning of a buffer to that of another one.
  package func copy(_ from: GPUBuffer, to: GPUBuffer, bytes: Int) throws(GPUError) {
    guard let source = from.memory, let target = to.memory, bytes > 0 else { return }
    try require(
      locked { device.map { cgpu_copy($0, source, 0, target, 0, bytes) } ?? Int32(0) }, "copying \(bytes) bytes")
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
  /// - Parameter groups: how many in each direction, of 256 items each.
  package func run(
    _ kernel: String, of program: KernelProgram, groups: [Int], _ arguments: [GPUArgument]
  ) throws(GPUError) {
    try GPUArgument.requireCountable(arguments, groups: groups, in: kernel)
    locked { launched += 1 }
    guard let device else { return }
    for case .buffer(let buffer?) in arguments where buffer.isMissing {
      throw .outOfMemory(bytes: buffer.bytes, "the device had no more")
    }
    let grid = (0..<3).map { $0 < groups.count ? UInt32(groups[$0]) : 1 }
    guard grid.allSatisfy({ $0 > 0 }) else { return }
    func launch() throws(GPUError) -> Int32 {
      lock.lock()
      defer { lock.unlock() }
      let found = try kernels.kernel(kernel, of: program, on: device)
      return cgpu_launch(found, grid, [256, 1, 1], arguments.map(\.argument), Int32(arguments.count))
    }
    var status = try launch()
    if status != 0, cgpu_is_out_of_memory(device) != 0 {
      locked { whenShort }()
      trim()
      status = try launch()
    }
    try require(status, kernel)
  }

  /// Waits until all that was queued is done.
  package func finish() throws(GPUError) {
    try require(locked { device.map { cgpu_finish($0) } ?? Int32(0) }, "finishing")
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    lock.lock()
    defer { lock.unlock() }
    return body()
  }

  private func require(_ status: Int32, _ operation: String) throws(GPUError) {
    guard status != 0, let device else { return }
    let reason = String(cString: cgpu_problem(device))
    // Some drivers look for the memory of a buffer when it is first used.
    throw cgpu_is_out_of_memory(device) != 0 ? .outOfMemory(bytes: 0, reason) : .failed(reason, in: operation)
  }
}

/// Memory of a device, which goes back to the device's pool with its last reference.
package final class GPUBuffer: @unchecked Sendable {
  /// Nil where the device had no more.
  let memory: UnsafeMutableRawPointer?
  package let bytes: Int
  package let device: GPU
  private let size: Int

  fileprivate init(_ memory: UnsafeMutableRawPointer?, of device: GPU, bytes: Int, size: Int) {
    (self.memory, self.device, self.bytes, self.size) = (memory, device, bytes, size)
  }

  deinit { if let memory { device.recycle(memory, size: size) } }

  fileprivate var isMissing: Bool { memory == nil }
}
