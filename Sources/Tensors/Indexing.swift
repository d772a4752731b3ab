import Kernels

// Rows looked up by index.

extension Tensor {
  /// Rows of a table: [K, D] and n indices → [n, D]. The embedding of tokens.
  public func rows(_ indices: [Int]) -> Tensor {
    precondition(rank == 2 && indices.allSatisfy { (0..<shape[0]).contains($0) }, "an index is outside \(shape)")
    let table = shape
    let width = table[1]
    let type = type
    if let y = Tensor.withoutValues([indices.count, width], from: self) { return y }
    let y = Tensor(uninitialized: [indices.count, width], type: type)
    for (row, index) in indices.enumerated() {
      y.pointer(at: row * width).copyMemory(from: pointer(at: index * width), byteCount: width * type.size)
    }
    return y.recorded("rows", [self]) { gy in
      let gx = Tensor.zeros(table, type: type)
      for (row, index) in indices.enumerated() {
        ck_accumulate(type.rawValue, gy.pointer(at: row * width), 1, gx.pointer(at: index * width), width)
      }
      return [gx]
    }
  }
}

let indexingCases: [GradientCase] = [
  GradientCase("rows", [[4, 3]]) { $0[0].rows([2, 0, 2]) }
]
