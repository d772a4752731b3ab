import Tensors
import Testing

/// What operations count, and tensors without values.
@Suite struct FLOPsTests {
  @Test func productsAreCounted() {
    let x = Tensor.zeros([2, 3, 4])
    let weight = Tensor.zeros([5, 4]).parameterCopy()
    #expect(FLOPs.counted { _ = x.linear(weight) } == 2 * 6 * 4 * 5)
    #expect(FLOPs.counted { _ = x.matmul(.zeros([2, 4, 7])) } == 2 * 2 * 3 * 4 * 7)
    // Scores and values, in each of two heads.
    let rows = Tensor.zeros([2, 3, 12])
    #expect(FLOPs.counted { _ = rows.selfAttention(heads: 2) } == 2 * 2 * 2 * 2 * 3 * 3 * 2)
    // The input takes no gradient here: one product more.
    #expect(FLOPs.counted { x.linear(weight).sum().backward() } == 2 * 2 * 6 * 4 * 5)
  }

  @Test func aCountInsideACountCountsForBoth() {
    let x = Tensor.zeros([4, 4])
    var inner = 0.0
    let outer = FLOPs.counted {
      inner = FLOPs.counted { _ = x.matmul(x) }
      _ = x.matmul(x)
    }
    #expect(inner == 128 && outer == 256)
  }

  /// Every operation tells the same shape and the same work of tensors with and without values.
  @Test(arguments: GradientCase.all.indices) func shapesAndWorkAreThoseWithValues(_ index: Int) {
    let testCase = GradientCase.all[index]
    var (found, expected): (Tensor?, Tensor?) = (nil, nil)
    let work = FLOPs.counted {
      expected = testCase.body(testCase.shapes.map { Tensor(repeating: 0.7, shape: $0, type: .float64) })
    }
    let counted = FLOPs.counted {
      found = testCase.body(testCase.shapes.map { Tensor(withoutValues: $0, type: .float64) })
    }
    #expect(found?.shape == expected?.shape && found?.type == expected?.type, "\(testCase.operation)")
    #expect(counted == work, "\(testCase.operation)")
    #expect(found?.hasValues == false && expected?.hasValues == true)
  }
}
