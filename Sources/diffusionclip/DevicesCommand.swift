import ArgumentParser
import JSONSyntax
import StageKit
import Stages

struct DevicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "List the graphics cards that networks can be computed on, and why one is passed over.",
    discussion: """
      `run --device gpu` takes all that are not passed over, `run --device gpu:0` the one of this number. Nothing but their \
      driver has to be installed; CUDA comes before OpenCL.
      """)

  @OptionGroup var output: OutputOptions

  func run() throws {
    let (devices, absences) = (Catalog.devices, Catalog.absences)
    if output.json {
      return printLine([
        "devices": .array(devices.map(\.json)),
        "absent": .array(absences.map { ["runtime": .string($0.runtime), "reason": .string($0.reason)] }),
      ])
    }
    let rows = devices.map { device in
      [
        "gpu:\(device.number)", device.name, "\(device.memory >> 20) MB", device.runtime, device.driver,
        device.passedOver.map { "passed over: \($0)" } ?? "",
      ]
    }
    if !rows.isEmpty { printText(AlignedText.rows([["", "name", "memory", "runtime", "driver", ""]] + rows)) }
    for (runtime, reason) in absences { printText("\(runtime): \(reason)\n") }
    if devices.allSatisfy({ $0.passedOver != nil }) { printText("Networks are computed on the processor.\n") }
  }
}

extension OfferedDevice {
  fileprivate var json: JSON {
    [
      "device": .string("gpu:\(number)"), "name": .string(name), "runtime": .string(runtime), "driver": .string(driver),
      "memory": .int(memory), "passed_over": .optional(passedOver),
    ]
  }
}
