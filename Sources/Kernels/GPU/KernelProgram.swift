import CGPU
import Foundation
import Hashing

/// A file of kernels with the definitions that it is built with. There are no others than ``all``.
package struct KernelProgram: Sendable {
  /// The file's name.
  package let family: String
  /// As OpenCL's compiler takes them.
  package let definitions: String
  private let own: [UInt8]
  /// "attention -DHEAD=64"
  package var name: String { definitions.isEmpty ? family : "\(family) \(definitions)" }

  private init(_ family: String, _ own: [UInt8], _ definitions: String = "") {
    (self.family, self.own, self.definitions) = (family, own, definitions)
  }

  package static let elementwise = KernelProgram("elementwise", PackageResources.elementwise_cl)
  package static let shapes = KernelProgram("shapes", PackageResources.shapes_cl)
  package static let reductions = KernelProgram("reductions", PackageResources.reductions_cl)
  package static let normalization = KernelProgram("normalization", PackageResources.normalization_cl)
  /// Products whose groups make squares of 64 × 64.
  package static let products = KernelProgram("products", PackageResources.products_cl)
  /// Of 128 × 128, for cards that are filled by them.
  package static let largeProducts = KernelProgram(
    "products", PackageResources.products_cl, "-DTILE=128 -DDEPTH=16 -DSIDE=8")

  /// The widest heads that attention is built for.
  private static let capacities = [32, 64, 128, 256, 512]
  private static let attentions = capacities.map {
    KernelProgram("attention", PackageResources.attention_cl, "-DHEAD=\($0)")
  }

  /// Attention of heads so wide.
  static func attention(width: Int) throws(GPUError) -> KernelProgram {
    guard let place = capacities.firstIndex(where: { $0 >= width }) else {
      throw .failed(
        "a head has \(width) channels, and on a graphics card it may have at most \(capacities[capacities.count - 1]);"
          + " the processor computes wider ones", in: "attention")
    }
    return attentions[place]
  }

  package static let all =
    [elementwise, shapes, reductions, normalization, products, largeProducts] + attentions

  /// Its source, behind what all have in common.
  package var source: String {
    String(decoding: PackageResources.prelude_cl, as: UTF8.self) + "\n" + String(decoding: own, as: UTF8.self)
  }

  /// SHA-256 of that, in hexadecimal.
  package var sourceDigest: String { SHA256.digest(Array(source.utf8)).hexadecimal }
}

extension KernelProgram {
  /// A program for CUDA that is part of this one, made by Tests/GPU/nvrtc.py.
  package struct Embedded: Sendable {
    package let name: String
    /// Of the source that it was made from.
    package let sourceDigest: String
    /// Nil where what is part of the program cannot be read.
    package let ptx: String?
  }

  package static var embedded: [Embedded] {
    sequence(state: Int32(0)) { index in
      defer { index += 1 }
      return cgpu_embedded_at(index)
    }.map { found in
      let text = cgpu_embedded_text(found)
      defer { free(text) }
      let (family, definitions) = (String(cString: found.pointee.family), String(cString: found.pointee.definitions))
      return Embedded(
        name: definitions.isEmpty ? family : "\(family) \(definitions)",
        sourceDigest: String(cString: found.pointee.source_digest), ptx: text.map { String(cString: $0) })
    }
  }
}

extension SHA256 {
  static func digest(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { withDigest(of: $0) { Array($0) } } }
}

extension [UInt8] {
  var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
