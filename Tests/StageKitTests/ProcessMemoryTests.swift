import Foundation
import StageKit
import Synchronization
import Testing

@Suite(.serialized) struct ProcessMemoryTests {
  /// Touches memory that is given back at once.
  private func take(megabytes: Int) {
    let size = megabytes << 20
    guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) else { return }
    memset(memory, 1, size)
    munmap(memory, size)
  }

  @Test func eachPieceOfWorkHasItsOwnPeak() throws {
    let meter = MemoryMeter()
    var peaks: [(large: Double?, small: Double?)] = []
    // Other tests of this process take and give back memory meanwhile, which does not fall out so each time.
    while peaks.count < 5, !peaks.contains(where: { ($0.small ?? 0) + 100 < $0.large ?? 0 }) {
      peaks.append(
        (
          meter.measure { take(megabytes: 256) }.megabytes,
          meter.measure { take(megabytes: 1) }.megabytes
        ))
    }
    // Where the system cannot begin anew, nothing is told.
    let isTold = ProcessMemory.resetPeak()
    #expect(peaks.allSatisfy { ($0.large != nil) == isTold })
    if isTold { #expect(peaks.contains { ($0.small ?? 0) + 100 < $0.large ?? 0 }, "\(peaks)") }
    #expect(ProcessMemory.highestMegabytes >= peaks.last?.large ?? 0)
  }

  @Test func sideBySideNothingIsTold() {
    let meter = MemoryMeter()
    let (inner, outer) = meter.measure { meter.measure { take(megabytes: 1) }.megabytes }
    #expect(inner == nil && outer == nil)
    #expect((meter.measure {}.megabytes == nil) == !ProcessMemory.resetPeak())
  }

  @Test func numbersFromOutsideBecomeIntegers() {
    #expect(Int(bounded: 2.5) == 3 && Int(bounded: -7.2) == -7)
    #expect(Int(bounded: 1e300) == .max && Int(bounded: -.infinity) == .min && Int(bounded: .nan) == 0)
    #expect(Int(bounded: 9.3e18) == .max)
  }
}
