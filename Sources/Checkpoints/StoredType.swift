import Kernels
import Tensors

/// The types of numbers in safetensors files, little-endian.
enum StoredType: String, CaseIterable {
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
  var size: Int {
    switch self {
    case .f64, .i64, .u64: 8
    case .f32, .i32, .u32: 4
    case .f16, .bf16, .i16, .u16: 2
    case .i8, .u8, .bool: 1
    }
  }

  /// The numbers in `bytes` as a float32 tensor; `bytes` has exactly the size of `shape`.
  func tensor(_ bytes: UnsafeRawBufferPointer, _ shape: [Int]) -> Tensor {
    let result = Tensor(uninitialized: shape, type: .float32)
    switch self {
    case .f32: UnsafeMutableRawBufferPointer(result.floats).copyMemory(from: bytes)
    case .f16:
      let halves = [UInt16](unsafeUninitializedCapacity: result.count) { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
        count = result.count
      }
      ck_half_to_float(halves, result.floats.baseAddress, halves.count)
    // The upper half of a float32.
    case .bf16: fill(result, bytes) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
    case .f64: fill(result, bytes) { (value: Double) in Float(value) }
    case .i64: fill(result, bytes) { (value: Int64) in Float(value) }
    case .i32: fill(result, bytes) { (value: Int32) in Float(value) }
    case .i16: fill(result, bytes) { (value: Int16) in Float(value) }
    case .i8: fill(result, bytes) { (value: Int8) in Float(value) }
    case .u64: fill(result, bytes) { (value: UInt64) in Float(value) }
    case .u32: fill(result, bytes) { (value: UInt32) in Float(value) }
    case .u16: fill(result, bytes) { (value: UInt16) in Float(value) }
    case .u8: fill(result, bytes) { (value: UInt8) in Float(value) }
    case .bool: fill(result, bytes) { (value: UInt8) in value == 0 ? 0 : 1 }
    }
    return result
  }

  private func fill<Number: BitwiseCopyable>(
    _ tensor: Tensor, _ bytes: UnsafeRawBufferPointer, _ convert: (Number) -> Float
  ) {
    for (index, offset) in stride(from: 0, to: bytes.count, by: MemoryLayout<Number>.size).enumerated() {
      tensor.floats[index] = convert(bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
  }
}
