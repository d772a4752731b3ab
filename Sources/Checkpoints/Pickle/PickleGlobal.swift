/// The functions and classes that pickles of weights are made of. Each stands for code of this module that makes a
/// value; there are no others, and no pickle can add one.
enum PickleGlobal: Hashable, CustomStringConvertible {
  case orderedDictionary
  case storage(StoredType)
  case rebuildTensor
  case rebuildTensor2
  case rebuildParameter
  case rebuildParameterWithState
  /// Returns its first argument: TorchScript's notes on the types of lists, and torch.Size.
  case identity
  /// A class of a TorchScript archive, of which only the fields matter.
  case scriptType(String)
  case numpyType
  case numpyScalar
  /// How Python 3 writes bytes for Python 2.
  case encode

  private static let known: [String: PickleGlobal] = {
    var table: [String: PickleGlobal] = [
      "collections.OrderedDict": .orderedDictionary,
      "torch._utils._rebuild_tensor": .rebuildTensor,
      "torch._utils._rebuild_tensor_v2": .rebuildTensor2,
      "torch._utils._rebuild_parameter": .rebuildParameter,
      "torch._utils._rebuild_parameter_with_state": .rebuildParameterWithState,
      "torch.Size": .identity,
      "numpy.dtype": .numpyType,
      "numpy.core.multiarray.scalar": .numpyScalar,
      "numpy._core.multiarray.scalar": .numpyScalar,
      "_codecs.encode": .encode,
    ]
    for name in ["build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "restore_type_tag"] {
      table["torch.jit._pickle.\(name)"] = .identity
    }
    let storages: KeyValuePairs<String, StoredType> = [
      "Float": .f32, "Half": .f16, "BFloat16": .bf16, "Double": .f64, "Long": .i64, "Int": .i32, "Short": .i16,
      "Char": .i8, "Byte": .u8, "Bool": .bool,
    ]
    for (name, type) in storages { table["torch.\(name)Storage"] = .storage(type) }
    return table
  }()

  /// What `name`, with its module and dots, stands for; nil for all that is not known.
  init?(_ name: String, inScript: Bool) {
    if let global = Self.known[name] {
      self = global
    } else if inScript, name.hasPrefix("__torch__.") {
      self = .scriptType(name)
    } else {
      return nil
    }
  }

  var description: String {
    if case .scriptType(let name) = self { return name }
    return Self.known.filter { $0.value == self }.keys.min() ?? "a global"
  }
}
