import Kernels
import StageKit
import Stages
import Tensors
import Testing

struct DeviceTests {
  /// What a card did not do is told instead of what became of that.
  @Test func aCardsFailureIsWhy() throws {
    let gpu = GPU(counting: 8 << 20)
    let device = Catalog.device(
      OfferedDevice(number: 2, name: "A card", runtime: "CUDA", driver: "1.2", memory: 8 << 20), gpu)
    func use(_ work: () throws -> Void) throws { try device.use({}, work) }
    #expect(device.name == "A card, CUDA, driver 1.2")
    struct NotFinite: Error {}
    let failure = #expect(throws: DeviceFailure.self) {
      try use {
        let kept = Tensor.zeros([1_000_000])
        let more = Tensor.zeros([2_000_000])
        if more.values[0].isNaN, kept.count > 0 { throw NotFinite() }
      }
    }
    #expect(failure?.isOutOfMemory == true)
    #expect(failure?.description == "gpu:2 (A card) has 8 MB; 4 MB were in use when 8 MB more were needed")
    // The next one begins anew.
    try use { #expect(Tensor.zeros([1_000_000]).values[0] == 0) }
    #expect(throws: NotFinite.self) { try use { throw NotFinite() } }
  }
}
