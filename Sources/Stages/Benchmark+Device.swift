import Kernels
import StageKit
import Tensors

extension Benchmark {
  /// What is measured: the processor, or a graphics card.
  public struct Device: Sendable {
    private let gpu: GPU?

    private init(_ gpu: GPU?) { self.gpu = gpu }

    public static let processor = Device(nil)

    /// A graphics card.
    /// - Parameter number: its place among the cards of this machine; nil for the first that is none that a processor plays,
    ///   or, where all are, for the first.
    /// - Throws: `InputError` where it is not there; `BenchmarkFailure` where it cannot be opened.
    public static func card(_ number: Int?) throws -> Device {
      let cards = GPU.devices
      guard !cards.isEmpty else {
        let reasons = [GPUDescription.Runtime.cuda, .openCL].map { "\($0.rawValue): \(GPU.absence(of: $0))" }
        throw InputError(
          "no graphics card can be used here (\(reasons.joined(separator: "; "))); "
            + "install its driver, or measure the processor with --device cpu")
      }
      let chosen = number ?? cards.firstIndex { !$0.isProcessor } ?? 0
      guard cards.indices.contains(chosen) else {
        throw InputError("there is no device gpu:\(chosen): here they are gpu:0 to gpu:\(cards.count - 1)")
      }
      do { return Device(try GPU(chosen)) } catch {
        throw BenchmarkFailure(work: "opening it", device: cards[chosen].name, cause: error)
      }
    }

    /// What its driver says that it is; nil of the processor.
    public var description: (name: String, runtime: String, driver: String)? {
      gpu.map { ($0.description.name, $0.description.runtime.rawValue, $0.description.driver) }
    }

    /// The median GFLOP/s of products of two large square float32 matrices.
    public func peak() throws -> Double {
      guard let gpu else { return Benchmark.sgemmPeak() }
      return try carryOut("the product's peak") {
        // A processor that plays a card would take minutes for the size that a card needs to be busy.
        let side = gpu.description.isProcessor ? 256 : 4096
        var random = RandomSource(seed: 1)
        let a = random.normal([side, side])
        let b = random.normal([side, side])
        try gpu.finish()
        let clock = ContinuousClock()
        let times = try (0..<9).map { _ in
          try clock.measure {
            _ = Gradients.off { a.matmul(b) }
            try gpu.finish()
          }
        }
        // The first ones warm up.
        return 2 * Double(side * side * side) / (times.dropFirst(2).sorted()[3] / .seconds(1)) / 1e9
      }
    }

    // MARK: Measuring

    /// Does `work` with tensors made on the device.
    /// - Parameter name: what it is, for messages.
    /// - Throws: what failed on a card first, rather than what came of it.
    func carryOut<Made>(_ name: String, _ work: () throws -> Made) throws -> Made {
      guard let gpu else { return try work() }
      let made = Swift.Result { try gpu.use(work) }
      if let failure = gpu.takeFailure() {
        throw BenchmarkFailure(work: name, device: gpu.description.name, cause: failure)
      }
      do { return try made.get() } catch let error as GPUError {
        throw BenchmarkFailure(work: name, device: gpu.description.name, cause: error)
      }
    }

    /// Waits until all that was queued is done.
    func finish() throws { try gpu?.finish() }

    func forgetHighest() { gpu?.forgetHighest() }

    /// What it was asked for so far.
    struct Counts {
      fileprivate let transfers: GPU.Transfers
      fileprivate let launches: Int
    }

    var counts: Counts? { gpu.map { Counts(transfers: $0.transfers, launches: $0.launches) } }

    func use(since before: Counts?) -> CardUse? {
      guard let gpu, let before, let now = counts else { return nil }
      return CardUse(
        megabytes: Double(gpu.memoryInUse.highest) / 1_048_576,
        transfersToDevice: now.transfers.toDevice - before.transfers.toDevice,
        transfersToHost: now.transfers.toHost - before.transfers.toHost, launches: now.launches - before.launches)
    }
  }

  /// What one measured run asks of a graphics card.
  public struct CardUse: Sendable {
    /// The most of its memory that tensors had at a time.
    public let megabytes: Double
    /// How often something was brought to it, and back.
    public let transfersToDevice: Int
    public let transfersToHost: Int
    /// How many kernels it was to run.
    public let launches: Int
  }
}

/// Something that a graphics card could not do, so that there is no figure.
struct BenchmarkFailure: Error, CustomStringConvertible {
  let work: String
  let device: String
  let cause: GPUError

  var description: String {
    let advice: String =
      if case .outOfMemory = cause { "; --case picks cases that need less" } else { "" }
    return "\(device), \(work): \(cause)\(advice)"
  }
}
