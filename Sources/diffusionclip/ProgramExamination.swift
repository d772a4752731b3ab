import Cluster
import Engine
import Escaping
import Foundation
import Planning
import StageKit
import Stages
import Transfers

/// What `doctor` finds out about the program itself, on this machine.
enum ProgramExamination {
  /// - Parameter threads: to compute with.
  static func checks(threads: Int) -> [Examination.Check] {
    [processor(threads: threads)] + kernels(threads: threads) + [downloads, libraries, devices, recipes]
  }

  private static func processor(threads: Int) -> Examination.Check {
    let memory = Readable.size(Int(clamping: ProcessInfo.processInfo.physicalMemory))
    return .init(
      name: "processor", finding: .ok, detail: "\(Host.cpu), \(Readable.count(threads, "thread")), \(memory) of memory")
  }

  /// Which kernels compute, and whether they compute right.
  private static func kernels(threads: Int) -> [Examination.Check] {
    let names: String
    do { names = try Catalog.start(threads: threads) } catch {
      return [.init(name: "kernels", finding: .missing, detail: "\(error): no stage that computes can run")]
    }
    let error = Catalog.productError()
    let bound = 1e-5
    return [
      .init(
        name: "kernels", finding: error < bound ? .ok : .unsafe,
        detail: names + "; a product differs from float64's by \(Readable.number(error))"
          + (error < bound ? "" : ", more than \(Readable.number(bound)): results would be wrong, please report this"))
    ]
  }

  private static var downloads: Examination.Check {
    if let problem = WebClient.problem {
      return .init(
        name: "downloads", finding: .missing, detail: "\(problem); nothing else needs it")
    }
    return .init(name: "downloads", finding: .ok, detail: "libcurl is there")
  }

  /// Where the shared libraries lie that this process has open.
  private static var libraries: Examination.Check {
    let maps = (try? FileHandle(forReadingAtPath: "/proc/self/maps")?.readToEnd()).flatMap(\.self) ?? Data()
    let files = String(decoding: maps, as: UTF8.self).parts(at: "\n").compactMap { line in
      line.firstIndex(of: "/").map { String(line[$0...]) }
    }
    let known = ["libopenblas", "libcurl", "libpng", "libjpeg", "libyaml", "libcrypto", "libz."]
    let found = known.compactMap { name in files.first { $0.fileName.begins(with: name) } }
    return .init(
      name: "libraries", finding: .ok,
      detail: found.isEmpty ? "all are part of the program" : found.joined(separator: " "))
  }

  private static var devices: Examination.Check {
    let cards = Catalog.devices.filter { $0.passedOver == nil }.map { "gpu:\($0.number) \($0.name) by \($0.runtime)" }
    return .init(
      name: "devices", finding: .ok,
      detail: "the processor; " + (cards.isEmpty ? "no graphics card (see `devices`)" : cards.joined(separator: ", ")))
  }

  private static var recipes: Examination.Check {
    guard let installation = Installation.current else {
      return .init(name: "recipes", finding: .missing, detail: Installation.absence)
    }
    return .init(name: "recipes", finding: .ok, detail: installation.recipes)
  }
}
