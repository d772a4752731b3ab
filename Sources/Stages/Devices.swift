import Kernels
import StageKit
import Tensors

/// A graphics card that a runtime of this machine offers, or a processor that plays one.
public struct OfferedDevice: Sendable {
  /// That of `gpu:0`.
  public let number: Int
  public let name: String
  /// `CUDA` or `OpenCL`.
  public let runtime: String
  /// The driver's version.
  public let driver: String
  /// In bytes.
  public let memory: Int
  /// Why nobody gets it who does not ask for it by its number; nil where that is not so.
  public let passedOver: String?

  package init(number: Int, name: String, runtime: String, driver: String, memory: Int, passedOver: String? = nil) {
    self.number = number
    self.name = name
    self.runtime = runtime
    self.driver = driver
    self.memory = memory
    self.passedOver = passedOver
  }
}

extension Catalog {
  /// The graphics cards of this machine, those of CUDA first.
  public static var devices: [OfferedDevice] {
    let found = GPU.devices
    return found.enumerated().map { number, device in
      OfferedDevice(
        number: number, name: device.name, runtime: device.runtime.rawValue, driver: device.driver,
        memory: device.memory, passedOver: passedOver(device, among: found))
    }
  }

  private static func passedOver(_ device: GPUDescription, among all: [GPUDescription]) -> String? {
    if let shortage = device.shortage { return shortage }
    if device.isProcessor { return "it is a processor behind OpenCL, and faster by --device cpu" }
    let isNVIDIA = device.vendor.utf8.starts(with: "NVIDIA".utf8)
    guard device.runtime == .openCL, isNVIDIA, all.contains(where: { $0.runtime == .cuda && $0.shortage == nil })
    else { return nil }
    return "it is there by CUDA as well"
  }

  /// Why a runtime offers none; empty for those that do.
  public static var absences: [(runtime: String, reason: String)] {
    [GPUDescription.Runtime.cuda, .openCL].compactMap { runtime in
      GPU.devices.contains { $0.runtime == runtime } ? nil : (runtime.rawValue, GPU.absence(of: runtime))
    }
  }

  /// Opens the graphics cards that are chosen; none for the processor, and where `auto` finds none.
  /// - Throws: `InputError` where there is none of those that are asked for, or none of them can be opened.
  public static func open(_ choice: DeviceChoice) throws -> [Device] {
    let chosen: [OfferedDevice]
    switch choice {
    case .cpu: return []
    case .auto: chosen = devices.filter { $0.passedOver == nil }
    case .gpu(nil):
      chosen = devices.filter { $0.passedOver == nil }
      if chosen.isEmpty { throw InputError("--device gpu: \(absence)") }
    case .gpu(let number?):
      chosen = devices.filter { $0.number == number }
      if chosen.isEmpty {
        let there = devices.map { "gpu:\($0.number) (\($0.name))" }.joined(separator: ", ")
        throw InputError(
          "--device gpu:\(number): " + (there.isEmpty ? absence : "there is none of this number, but \(there)"))
      }
    }
    var opened: [Device] = []
    var problems: [String] = []
    for offered in chosen {
      do throws(GPUError) { opened.append(device(offered, try GPU(offered.number))) } catch {
        problems.append("gpu:\(offered.number), \(offered.name), cannot be opened: \(error)")
      }
    }
    // One that is busy or broken is no reason to do without the others.
    if opened.isEmpty, choice != .auto { throw InputError(problems.joined(separator: "\n")) }
    return opened
  }

  private static var absence: String {
    let processors = devices.map { "gpu:\($0.number) (\($0.name)): \($0.passedOver ?? "")" }
    let reasons = absences.map { "\($0.runtime): \($0.reason)" } + processors
    return
      "this machine has no graphics card that can be used (\(reasons.joined(separator: "; "))); compute with --device cpu"
  }

  /// A graphics card as runs see it.
  package static func device(_ offered: OfferedDevice, _ gpu: GPU) -> Device {
    Device(
      number: offered.number, name: "\(offered.name), \(offered.runtime), driver \(offered.driver)",
      memory: offered.memory
    ) { whenShort, work in
      gpu.begin(whenShort: whenShort)
      defer { gpu.trim() }
      // What went wrong on the card is why whatever came of it is wrong.
      do { try gpu.use(work) } catch { throw gpu.takeFailure().map { DeviceFailure($0, of: offered, gpu) } ?? error }
      if let failure = gpu.takeFailure() { throw DeviceFailure(failure, of: offered, gpu) }
    }
  }
}

extension DeviceFailure {
  fileprivate init(_ error: GPUError, of device: OfferedDevice, _ gpu: GPU) {
    let card = "gpu:\(device.number) (\(device.name))"
    guard case .outOfMemory(let bytes, _) = error else {
      self.init("\(card): \(error)", isOutOfMemory: false)
      return
    }
    func megabytes(_ bytes: Int) -> Int { (bytes + 1 << 20 - 1) >> 20 }
    guard bytes > 0 else {
      self.init("\(card) has too little memory, \(megabytes(device.memory)) MB in all", isOutOfMemory: true)
      return
    }
    self.init(
      "\(card) has \(megabytes(device.memory)) MB; \(megabytes(gpu.memoryInUse.highest)) MB were in use when \(megabytes(bytes)) MB more were needed",
      isOutOfMemory: true)
  }
}
