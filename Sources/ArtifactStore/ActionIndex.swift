import Foundation
import Synchronization

/// What a run has to know of a finished action in order not to do it again.
public struct FinishedAction: Sendable, Hashable {
  public let key: Digest
  public let outputs: [ActionRecord.Output]
  public let provenance: Provenance

  /// What the action wrote to `port`.
  public subscript(port port: String) -> Artifact? { outputs.first { $0.port == port }?.artifact }
}

extension ActionRecord {
  public var finished: FinishedAction { FinishedAction(key: key, outputs: outputs, provenance: provenance) }
}

/// The gist of the action records, packed in one file, so that thousands of them are found in milliseconds.
///
/// An entry counts only as long as the record's own file is the one that it was made from, by device, inode, size,
/// modification and change time; what is missing or out of date is read from the record again.
final class ActionIndex: Sendable {
  private struct Entry {
    let status: Files.Status
    let action: FinishedAction
  }

  private struct Memory {
    /// Nil until it is first needed.
    var entries: [Digest: Entry]?
    var used: Set<Digest> = []
    var isChanged = false
  }

  private let file: String
  private let memory = Mutex(Memory())

  /// With more entries than this, those not met in this run are dropped.
  private static let limit = 400_000

  init(file: String) { self.file = file }

  /// The action whose record's file has this status, if it is known.
  func action(_ key: Digest, _ status: Files.Status) -> FinishedAction? {
    memory.withLock { memory in
      load(&memory)
      guard let entry = memory.entries?[key], entry.status == status else { return nil }
      memory.used.insert(key)
      return entry.action
    }
  }

  func remember(_ action: FinishedAction, _ status: Files.Status) {
    memory.withLock { memory in
      load(&memory)
      memory.entries?[action.key] = Entry(status: status, action: action)
      memory.used.insert(action.key)
      memory.isChanged = true
    }
  }

  /// Writes down what was learnt, in one step. Where that cannot be written, it is learnt again the next time.
  func save() {
    let data: Data? = memory.withLock { memory in
      guard memory.isChanged, var entries = memory.entries else { return nil }
      memory.isChanged = false
      if entries.count > Self.limit { entries = entries.filter { memory.used.contains($0.key) } }
      var writer = PackedWriter()
      writer.write(UInt32(entries.count))
      for entry in entries.values {
        writer.write(entry.status)
        writer.write(entry.action)
      }
      return writer.sealed
    }
    if let data { try? Files.replace(file, with: data) }
  }

  private func load(_ memory: inout Memory) {
    guard memory.entries == nil else { return }
    memory.entries = (try? Files.read(file)).flatMap { $0 }.flatMap(Self.decoded) ?? [:]
  }

  private static func decoded(_ data: Data) -> [Digest: Entry]? {
    PackedReader.open(data) { reader in
      guard let count = reader.number(UInt32.self) else { return nil }
      var entries = [Digest: Entry](minimumCapacity: min(Int(count), data.count))
      for _ in 0..<count {
        guard let status = reader.status(), let action = reader.action() else { return nil }
        entries[action.key] = Entry(status: status, action: action)
      }
      return entries
    }
  }
}

extension PackedWriter {
  fileprivate mutating func write(_ action: FinishedAction) {
    write(action.key)
    write(UInt32(action.outputs.count))
    for output in action.outputs {
      write(output.port)
      write(output.artifact.type.rawValue)
      write(UInt32(output.artifact.items.count))
      for item in output.artifact.items {
        write(item.name)
        write(item.object)
        write(Int64(item.size))
      }
    }
    let provenance = action.provenance
    for text in [provenance.program, provenance.cpu, provenance.blas, provenance.date] { write(text) }
    write(Int64(provenance.threads))
    write(provenance.seconds.bitPattern)
    write(provenance.peakMegabytes.bitPattern)
  }
}

extension PackedReader {
  fileprivate mutating func action() -> FinishedAction? {
    guard let key = digest(), let count = number(UInt32.self) else { return nil }
    var outputs: [ActionRecord.Output] = []
    for _ in 0..<count {
      guard let port = text(), let type = text().flatMap(ArtifactType.init(rawValue:)),
        let itemCount = number(UInt32.self)
      else { return nil }
      var items: [Artifact.Item] = []
      for _ in 0..<itemCount {
        guard let name = text(), let object = digest(), let size = number(Int64.self) else { return nil }
        items.append(Artifact.Item(name: name, object: object, size: Int(size)))
      }
      guard type.isItemSet || items.count == 1 else { return nil }
      outputs.append(.init(port: port, artifact: Artifact(type: type, items: items)))
    }
    guard let program = text(), let cpu = text(), let blas = text(), let date = text(),
      let threads = number(Int64.self), let seconds = number(UInt64.self), let peak = number(UInt64.self)
    else { return nil }
    return FinishedAction(
      key: key, outputs: outputs,
      provenance: Provenance(
        program: program, cpu: cpu, blas: blas, threads: Int(threads), seconds: Double(bitPattern: seconds),
        peakMegabytes: Double(bitPattern: peak), date: date))
  }
}
