import CGPU

/// An argument of a kernel.
package enum GPUArgument {
  case buffer(GPUBuffer?)
  case int(Int)
  case float(Double)

  /// Kernels count elements by 32 bits, and step beyond the last one by less than 2²⁰; groups after the first direction are
  /// counted by 16 bits.
  static let mostElements = (1 << 31) - (1 << 20) - 1

  /// The one place where what is too large for the kernels is refused.
  static func requireCountable(
    _ arguments: [GPUArgument], groups: [Int], in kernel: String
  ) throws(GPUError) {
    let counts = arguments.map { argument in
      switch argument {
      case .buffer(let buffer): (buffer?.bytes ?? 0) / 4
      case .int(let number): abs(number)
      case .float: 0
      }
    }
    let most = (counts + groups.prefix(1)).max() ?? 0
    guard most <= mostElements else {
      throw .failed(
        "\(most) elements are more than the \(mostElements) that kernels on a graphics card count;"
          + " take smaller pictures, or fewer at a time", in: kernel)
    }
    let groups = groups.dropFirst().max() ?? 1
    guard groups < 1 << 16 else {
      throw .failed(
        "\(groups) groups are more than the 65535 that a graphics card counts; take smaller pictures, or fewer at a time",
        in: kernel)
    }
  }

  var argument: cgpu_argument {
    var made = cgpu_argument()
    switch self {
    case .buffer(let buffer):
      made.kind = Int32(CGPU_BUFFER)
      made.buffer = buffer?.memory
    case .int(let number):
      made.kind = Int32(CGPU_INT)
      made.number = Int32(number)
    case .float(let number):
      made.kind = Int32(CGPU_FLOAT)
      made.real = Float(number)
    }
    return made
  }
}
