/// Files of kernels, each built as a program of its own.
package enum KernelFamily: String, Sendable, CaseIterable {
  case elementwise, shapes, reductions, products, normalization, attention

  /// Its source, behind what all have in common.
  package var source: String {
    let own =
      switch self {
      case .elementwise: PackageResources.elementwise_cl
      case .shapes: PackageResources.shapes_cl
      case .reductions: PackageResources.reductions_cl
      case .products: PackageResources.products_cl
      case .normalization: PackageResources.normalization_cl
      case .attention: PackageResources.attention_cl
      }
    return String(decoding: PackageResources.prelude_cl, as: UTF8.self) + "\n" + String(decoding: own, as: UTF8.self)
  }
}
