import Kernels

// Rows looked up by index.

extension Tensor {
  /// Rows of a table: [K, D] and n indices → [n, D]. The embedding of tokens.
  public func rows(_ indices: [Int]) -> Tensor {
    precondition(rank == 2 && indices.allSatisfy { (0..<shape[0]).contains($0) }, "an index is outside \(shape)")
    let table = shape
    let width = table[1]
    let type = type
    let places = gpu.map { $0.constant(indices.map { Int32($0) }) }
    let y = Tensor.computed("rows", [indices.count, width], from: self) { y in
      for (row, index) in indices.enumerated() {
        y.pointer(at: row * width).copyMemory(from: pointer(at: index * width), byteCount: width * type.size)
      }
    } card: { gpu, y in
      guard let places = places?.buffer else { return }
      try gpu.takeRows(buffer, places, into: y, rows: indices.count, width: width)
    }
    return y.recorded("rows", [self]) { gy in
      let gx = Tensor.computed("rows", table, from: gy) { gx in
        gx.fill(with: 0)
        for (row, index) in indices.enumerated() {
          ck_accumulate(type.rawValue, gy.pointer(at: row * width), 1, gx.pointer(at: index * width), width)
        }
      } card: { gpu, gx in
        guard let places = places?.buffer else { return }
        try gpu.takeRowsGradient(gy.buffer, places, into: gx, rows: indices.count, width: width, table: table[0])
      }
      return [gx]
    }
  }
}

let indexingCases: [GradientCase] = [
  GradientCase("rows", [[4, 3]]) { $0[0].rows([2, 0, 2]) }
]
