import CGPU

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
  /// How many groups it computes at a time, and how many items a group may have.
  package var units: Int
  package let largestGroup: Int
  /// Of CUDA's: compute capability, 80 for 8.0; else 0.
  let capability: Int
  /// Whether it is a processor that plays a graphics card, as PoCL's.
  package var isProcessor: Bool

  init(_ index: Int32) {
    var d = cgpu_description()
    cgpu_describe(index, &d)
    func text<Letters>(_ letters: Letters) -> String {
      withUnsafeBytes(of: letters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    runtime = d.runtime == Int32(CGPU_CUDA) ? .cuda : .openCL
    (name, vendor, driver, version) = (text(d.name), text(d.vendor), text(d.driver), text(d.version))
    (memory, localMemory, isProcessor) = (Int(clamping: d.memory), Int(clamping: d.local_memory), d.is_processor != 0)
    (units, largestGroup) = (max(1, Int(d.units)), Int(d.group))
    capability = Int(d.capability)
  }

  /// Why the kernels cannot run there; nil where they can.
  package var shortage: String? {
    if runtime == .cuda, capability < 70 {
      return "it has compute capability \(capability / 10).\(capability % 10); the kernels need 7.0"
    }
    if largestGroup < 256 { return "its groups have at most \(largestGroup) items; the kernels need 256" }
    if localMemory < 1 << 14 { return "its groups have \(localMemory) bytes of memory; the kernels need 16384" }
    return nil
  }
}

extension GPUDescription {
  /// That of a device that only counts.
  init(counting memory: Int) {
    runtime = .openCL
    (name, vendor, driver, version) = ("a device that only counts", "", "", "")
    (self.memory, localMemory, isProcessor) = (memory, 1 << 16, false)
    (units, largestGroup, capability) = (64, 1024, 0)
  }
}
