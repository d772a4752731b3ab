import Kernels
import Tensors

/// The types of numbers in files, little-endian, by their names in safetensors.
public enum StoredType: String, CaseIterable, Sendable {
  case f64 = "F64"
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"
  case i64 = "I64"
  case i32 = "I32"
  case i16 = "I16"
  case i8 = "I8"
  case u64 = "U64"
  case u32 = "U32"
  case u16 = "U16"
  case u8 = "U8"
  case bool = "BOOL"

  /// Bytes per number.
  public var size: Int {
    switch self {
    case .f64, .i64, .u64: 8
    case .f32, .i32, .u32: 4
    case .f16, .bf16, .i16, .u16: 2
    case .i8, .u8, .bool: 1
    }
  }

  /// The numbers in `bytes` as a float32 tensor, as one is made of numbers; `bytes` has exactly the size of `shape`.
  func tensor(_ bytes: UnsafeRawBufferPointer, _ shape: [Int]) -> Tensor {
    let result = Tensor(uninitialized: shape, type: .float32)
    let floats = result.floats
    switch self {
    case .f32: UnsafeMutableRawBufferPointer(floats).copyMemory(from: bytes)
    case .f16:
      if let start = bytes.baseAddress, Int(bitPattern: start) % MemoryLayout<UInt16>.alignment == 0 {
        ck_half_to_float(start.assumingMemoryBound(to: UInt16.self), floats.baseAddress, floats.count)
      } else {
        let halves = [UInt16](unsafeUninitializedCapacity: floats.count) { buffer, count in
          UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
          count = floats.count
        }
        ck_half_to_float(halves, floats.baseAddress, floats.count)
      }
    // The upper half of a float32.
    case .bf16: fill(floats, bytes) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
    case .f64: fill(floats, bytes) { (value: Double) in Float(value) }
    case .i64: fill(floats, bytes) { (value: Int64) in Float(value) }
    case .i32: fill(floats, bytes) { (value: Int32) in Float(value) }
    case .i16: fill(floats, bytes) { (value: Int16) in Float(value) }
    case .i8: fill(floats, bytes) { (value: Int8) in Float(value) }
    case .u64: fill(floats, bytes) { (value: UInt64) in Float(value) }
    case .u32: fill(floats, bytes) { (value: UInt32) in Float(value) }
    case .u16: fill(floats, bytes) { (value: UInt16) in Float(value) }
    case .u8: fill(floats, bytes) { (value: UInt8) in Float(value) }
    case .bool: fill(floats, bytes) { (value: UInt8) in value == 0 ? 0 : 1 }
    }
    return result.placed(on: GPU.current)
  }

  private func fill<Number: BitwiseCopyable>(
    _ floats: UnsafeMutableBufferPointer<Float>, _ bytes: UnsafeRawBufferPointer, _ convert: (Number) -> Float
  ) {
    for index in floats.indices {
      floats[index] = convert(bytes.loadUnaligned(fromByteOffset: index * size, as: Number.self))
    }
  }
}
