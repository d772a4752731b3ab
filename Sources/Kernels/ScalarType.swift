@_exported import CKernels

/// The type of a tensor's elements. Networks run in `float32`; `float64` is there to check gradients.
public enum ScalarType: Int32, Sendable {
  case float32 = 0
  case float64 = 1

  /// Bytes per element.
  public var size: Int { self == .float32 ? 4 : 8 }
}
