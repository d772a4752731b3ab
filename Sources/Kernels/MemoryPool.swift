import Foundation
import Synchronization

/// Blocks of memory for tensors, kept for reuse so that a loop in steady state takes none from the system.
///
/// Sizes are rounded up to an eighth of a power of two, and a block is reused for its own rounded size, or for one not
/// much smaller.
public final class MemoryPool: @unchecked Sendable {
  public static let shared = MemoryPool()

  /// Addresses of blocks not in use, by size; behind `lock`, which unlike `Mutex` the thread sanitizer knows.
  private var free: [Int: [UInt]] = [:]
  private let lock = NSLock()
  private let used = Atomic<Int>(0)
  private let taken = Atomic<Int>(0)

  /// Bytes of all blocks in use.
  public var bytesInUse: Int { used.load(ordering: .relaxed) }
  /// Bytes that the system was ever asked for: in steady state this does not grow.
  public var bytesFromSystem: Int { taken.load(ordering: .relaxed) }

  /// The size of the block that a request for `bytes` gets.
  static func rounded(_ bytes: Int) -> Int {
    guard bytes > 512 else { return 512 }
    let step = 1 << (Int.bitWidth - (bytes - 1).leadingZeroBitCount - 1 - 3)
    return (bytes + step - 1) / step * step
  }

  /// Memory of at least `bytes` bytes, aligned to 64, with arbitrary content, and its size.
  func take(_ bytes: Int) -> (pointer: UnsafeMutableRawPointer, size: Int) {
    let size = Self.rounded(bytes)
    let reused = lock.withLock { () -> (address: UInt, size: Int)? in
      if let address = free[size]?.popLast() { return (address, size) }
      guard size >= Self.mapped else { return nil }
      let fitting = free.filter { $0.key > size && $0.key <= size + size / 2 && !$0.value.isEmpty }.keys.min()
      return fitting.flatMap { size in free[size]?.popLast().map { ($0, size) } }
    }
    if let reused, let pointer = UnsafeMutableRawPointer(bitPattern: reused.address) {
      used.wrappingAdd(reused.size, ordering: .relaxed)
      return (pointer, reused.size)
    }
    var pointer = Self.allocate(size)
    if pointer == nil {
      trim()
      pointer = Self.allocate(size)
    }
    guard let pointer else {
      // There is nobody to whom running out of memory could be reported without memory.
      var message = "diffusionclip: out of memory (\(size) bytes more were needed)\n"
      message.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
      exit(1)
    }
    used.wrappingAdd(size, ordering: .relaxed)
    taken.wrappingAdd(size, ordering: .relaxed)
    return (pointer, size)
  }

  /// Takes back what ``take(_:)`` gave.
  func give(_ pointer: UnsafeMutableRawPointer, size: Int) {
    used.wrappingSubtract(size, ordering: .relaxed)
    lock.withLock { free[size, default: []].append(UInt(bitPattern: pointer)) }
  }

  /// Returns all blocks that are not in use to the system.
  public func trim() {
    let blocks = lock.withLock {
      defer { free = [:] }
      return free
    }
    for (size, addresses) in blocks {
      for address in addresses { Self.release(UnsafeMutableRawPointer(bitPattern: address), size) }
    }
  }

  // MARK: The system's memory

  /// From this size on, blocks are the system's own pages, large ones where it has them: there are fewer to be missed
  /// in the translation of addresses, and a block that is released is gone.
  private static let mapped = 4 << 20
  private static let largePage = 2 << 20

  private static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
    guard size >= mapped else {
      var pointer: UnsafeMutableRawPointer?
      return posix_memalign(&pointer, 64, size) == 0 ? pointer : nil
    }
    // Large pages begin at multiples of their size: what lies before and behind goes back.
    let length = (size + largePage - 1) / largePage * largePage
    guard
      let start = mmap(nil, length + largePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      start != MAP_FAILED
    else { return nil }
    let before = (largePage - Int(bitPattern: start) % largePage) % largePage
    if before > 0 { munmap(start, before) }
    if before < largePage { munmap(start + before + length, largePage - before) }
    #if os(Linux)
      madvise(start + before, length, MADV_HUGEPAGE)
    #endif
    return start + before
  }

  private static func release(_ pointer: UnsafeMutableRawPointer?, _ size: Int) {
    if size >= mapped {
      munmap(pointer, (size + largePage - 1) / largePage * largePage)
    } else {
      Foundation.free(pointer)
    }
  }
}

/// A block of pooled memory, of the machine or of a graphics card, that goes back to its pool with its last reference.
///
/// Writers are the operations that make a tensor, before anyone else sees it; after that it is only read, except by
/// optimizers on the parameters that they own.
public final class Storage: @unchecked Sendable {
  public let bytes: Int
  private let size: Int
  private let host: UnsafeMutableRawPointer?
  /// Where it lies on a graphics card; nil for memory of the machine.
  package let buffer: GPUBuffer?
  /// What has been computed from the content and is worth keeping as long as that does not change, by name.
  private let derived = Mutex<[String: Storage]>([:])

  /// That of tensors without values, which nobody reads.
  package static let none = Storage(bytes: 0)

  public init(bytes: Int) {
    self.bytes = bytes
    let (pointer, size) = MemoryPool.shared.take(bytes)
    (host, self.size, buffer) = (pointer, size, nil)
  }

  /// Memory of a graphics card. Where it has no more, ``GPU/takeFailure()`` says so.
  package init(bytes: Int, on gpu: GPU) {
    self.bytes = bytes
    (host, size, buffer) = (nil, 0, gpu.pooled(bytes: bytes))
  }

  deinit {
    contentChanged()
    if let host { MemoryPool.shared.give(host, size: size) }
  }

  /// Its place in the machine's memory.
  public var pointer: UnsafeMutableRawPointer {
    guard let host else { preconditionFailure("memory of a graphics card is used as the machine's") }
    return host
  }

  /// Whether ``derived(_:make:)`` keeps what it makes; otherwise it makes it each time, in less memory.
  @TaskLocal package static var keepsDerived = true
  /// Bytes that are kept for all storages together, and how many there may be: the largest networks would need as much
  /// again as all the rest.
  private static let keptBytes = Atomic<Int>(0)
  private static let keptLimit = 1 << 30

  /// What `make` computes from the content, kept under `name` until ``contentChanged()``.
  package func derived(_ name: String, make: () -> Storage) -> Storage {
    if let known = derived.withLock({ $0[name] }) { return known }
    let made = make()
    guard Self.keepsDerived, Self.keptBytes.load(ordering: .relaxed) + made.bytes <= Self.keptLimit else { return made }
    Self.keptBytes.wrappingAdd(made.bytes, ordering: .relaxed)
    let replaced = derived.withLock { $0.updateValue(made, forKey: name) }
    Self.keptBytes.wrappingSubtract(replaced?.bytes ?? 0, ordering: .relaxed)
    return made
  }

  /// Must be called by whoever changes the content of a tensor that others have seen.
  package func contentChanged() {
    let dropped = derived.withLock { derived in
      defer { derived = [:] }
      return derived.values.reduce(0) { $0 + $1.bytes }
    }
    Self.keptBytes.wrappingSubtract(dropped, ordering: .relaxed)
  }
}
