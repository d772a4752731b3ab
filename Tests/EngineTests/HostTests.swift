import Engine
import Testing

/// What is told of the machine.
@Suite struct HostTests {
  @Test func theProcessorHasAName() {
    let named = "processor\t: 0\nmodel name\t: Some Processor 2.10GHz\nflags\t: fpu\n"
    #expect(Host.cpu(in: named) == "Some Processor 2.10GHz")
    // aarch64 has none.
    let numbered = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n"
    #expect(Host.cpu(in: numbered) == "aarch64, implementer 0x41, part 0xd0c")
    #expect(Host.cpu(in: "") == "unknown")
    #expect(!Host.cpu.isEmpty)
  }
}
