import Foundation

/// How many processors this process may run on, which in a container is less than the machine has.
enum ProcessorCount {
  static var available: Int { ProcessInfo.processInfo.activeProcessorCount }
}
