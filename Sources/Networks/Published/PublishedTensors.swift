import Checkpoints
import Tensors

/// The tensors of a published file under the names that they have here.
struct PublishedTensors {
  let state: StateDictionary
  let keys: KeyMap

  /// A parameter as it lies in a file, maybe in several parts.
  struct Parameter {
    let names: [String]
    let parts: [StoredTensor]
    let isTransposed: Bool

    /// Its shape in the layout of checkpoints here; nil where the parts do not fit together.
    var shape: [Int]? {
      guard let first = parts.first else { return nil }
      var shape = first.shape
      for part in parts.dropFirst() {
        guard !shape.isEmpty, let size = part.shape.first, part.shape.dropFirst() == shape.dropFirst() else {
          return nil
        }
        let sum = shape[0].addingReportingOverflow(size)
        guard !sum.overflow else { return nil }
        shape[0] = sum.partialValue
      }
      guard isTransposed else { return shape }
      return shape.count == 2 ? [shape[1], shape[0]] : nil
    }

    /// Its values, read now; its shape is known to be there.
    var tensor: Tensor {
      let tensors = parts.map(\.tensor)
      let whole = tensors.count == 1 ? tensors[0] : .concatenated(tensors, axis: 0)
      return isTransposed ? whole.permuted([1, 0]) : whole
    }
  }

  /// The parameter of the name that it has here, where the file has all of it.
  func parameter(_ name: String) -> Parameter? {
    for (names, isTransposed) in keys.theirs(name) {
      let parts = names.compactMap { state.tensors[$0] }
      if parts.count == names.count { return Parameter(names: names, parts: parts, isTransposed: isTransposed) }
    }
    return nil
  }

  func has(_ name: String) -> Bool { parameter(name) != nil }

  /// The name that the parameter should have in the file.
  func expectedName(_ name: String) -> String { keys.theirs(name).first?.names.first ?? name }

  /// The shape of a parameter without which the network cannot be told, with at least `rank` axes.
  /// - Throws: ``NetworkError/lacksTensor(source:name:format:)``, ``NetworkError/parametersDoNotFit(source:_:)``.
  func shape(_ name: String, rank: Int, of format: String) throws(NetworkError) -> [Int] {
    guard let parameter = parameter(name) else {
      throw .lacksTensor(source: state.source, name: expectedName(name), format: format)
    }
    guard let shape = parameter.shape, shape.count == rank, shape.allSatisfy({ $0 > 0 }) else {
      throw .badTensorRank(
        source: state.source, name: parameter.names[0], axes: rank, found: parameter.parts[0].shape)
    }
    return shape
  }

  /// How many of the names that `name` makes of 0, 1, … there are, up to the first that is missing; at most 1000.
  func count(_ name: (Int) -> String) -> Int { (0..<1000).first { !has(name($0)) } ?? 1000 }
}
