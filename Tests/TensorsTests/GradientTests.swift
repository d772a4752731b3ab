import Foundation
import Tensors
import TestSupport
import Testing

/// Every operation's gradient against finite differences, in double precision.
@Suite struct GradientTests {
  /// Central differences of step h err by h²·f‴/6 plus rounding/h: at 1e-5 about 1e-9 of the values at hand.
  private let step = 1e-5, tolerance = 1e-6

  @Test(arguments: GradientCase.all.indices) func agreesWithFiniteDifferences(index: Int) {
    let testCase = GradientCase.all[index]
    var source = RandomSource(seed: 20_211_006, name: "\(testCase.operation) \(index)")
    let values = testCase.shapes.map { shape in
      (0..<shape.reduce(1, *)).map { _ in
        testCase.range.lowerBound + (testCase.range.upperBound - testCase.range.lowerBound) * source.uniform()
      }
    }
    func inputs(_ values: [[Double]]) -> [Tensor] { zip(values, testCase.shapes).map { Tensor($0, shape: $1) } }

    let parameters = inputs(values).map { $0.parameterCopy() }
    let result = testCase.body(parameters)
    let weights = (0..<result.count).map { _ in 2 * source.uniform() - 1 }
    result.backward(Tensor(weights, shape: result.shape))

    func objective(_ values: [[Double]]) -> Double {
      let y = Gradients.off { testCase.body(inputs(values)).doubleValues }
      return zip(y, weights).reduce(0) { $0 + $1.0 * $1.1 }
    }
    for (at, parameter) in parameters.enumerated() {
      let numerical = values[at].indices.map { element in
        var (up, down) = (values, values)
        up[at][element] += step
        down[at][element] -= step
        return (objective(up) - objective(down)) / (2 * step)
      }
      guard let gradient = parameter.gradient else {
        Issue.record("\(testCase.operation): input \(at) got no gradient")
        continue
      }
      let difference = TensorDifference(gradient, Tensor(numerical, shape: parameter.shape))
      #expect(difference.absolute <= tolerance, "\(testCase.operation), input \(at): \(difference)")
    }
  }

  /// The names under which the module's sources record operations, each of which must have a case.
  @Test func everyOperationHasACase() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let folder = root.appendingPathComponent("Sources/Tensors")
    var names: Set<String> = []
    for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
      let text = try String(contentsOf: file, encoding: .utf8)
      for pattern in [/recorded\("(\w+)"/, /unary\("(\w+)"/, /as: "(\w+)"/] {
        names.formUnion(text.matches(of: pattern).map { String($0.output.1) })
      }
    }
    #expect(names.count > 25)
    let covered = Set(GradientCase.all.map(\.operation))
    #expect(names.subtracting(covered).isEmpty, "operations without a gradient case")
    #expect(covered.subtracting(names).isEmpty, "cases of operations that there are not")
  }
}
