/// What a run has to know of a finished action in order not to do it again.
public final class FinishedAction: Sendable {
  public let key: Digest
  public let outputs: [ActionRecord.Output]
  public let provenance: Provenance

  init(key: Digest, outputs: [ActionRecord.Output], provenance: Provenance) {
    self.key = key
    self.outputs = outputs
    self.provenance = provenance
  }

  /// What the action wrote to `port`.
  public subscript(port port: String) -> Artifact? { outputs.first { $0.port == port }?.artifact }
}

extension ActionRecord {
  public var finished: FinishedAction { FinishedAction(key: key, outputs: outputs, provenance: provenance) }
}

/// The gist of an action's record, as the index of the store holds it. It counts only as long as the record's own file
/// is the one that it was made from, by inode, size, modification and change time.
struct IndexedAction: Sendable {
  let status: Files.Status
  let action: FinishedAction
}

extension IndexedAction: Packable {
  init?(from reader: inout PackedReader) {
    guard let status = Files.Status(from: &reader), let action = FinishedAction(from: &reader) else { return nil }
    self.init(status: status, action: action)
  }

  func write(to writer: inout PackedWriter) {
    status.write(to: &writer)
    action.write(to: &writer)
  }
}

extension FinishedAction: Hashable {
  public static func == (a: FinishedAction, b: FinishedAction) -> Bool {
    a.key == b.key && a.outputs == b.outputs && a.provenance == b.provenance
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(key) }
}

extension FinishedAction: Packable {
  convenience init?(from reader: inout PackedReader) {
    guard let key = Digest(from: &reader), let count = reader.number(UInt32.self) else { return nil }
    var outputs: [ActionRecord.Output] = []
    for _ in 0..<count {
      guard let port = reader.text(), let type = reader.text(), let itemCount = reader.number(UInt32.self),
        itemCount > 0
      else { return nil }
      var items: [Artifact.Item] = []
      for _ in 0..<itemCount {
        guard let name = reader.text(), let object = Digest(from: &reader), let size = reader.number(Int64.self),
          0...Int64(Artifact.sizeLimit) ~= size
        else { return nil }
        items.append(Artifact.Item(name: name, object: object, size: Int(size)))
      }
      outputs.append(.init(port: port, artifact: Artifact(type: ArtifactType(rawValue: type), items: items)))
    }
    guard let program = reader.text(), let cpu = reader.text(), let blas = reader.text(), let date = reader.text(),
      let threads = reader.number(Int64.self), let seconds = reader.number(UInt64.self),
      let peak = reader.number(UInt64.self), let evaluations = reader.number(Int64.self),
      let flop = reader.number(UInt64.self), let backwardPasses = reader.number(Int64.self)
    else { return nil }
    // What earlier versions wrote ends here.
    let device = reader.text().flatMap { $0.isEmpty ? nil : $0 }
    let provenance = Provenance(
      program: program, cpu: cpu, blas: blas, threads: Int(threads), device: device,
      seconds: Double(bitPattern: seconds),
      peakMegabytes: Double(bitPattern: peak), date: date, evaluations: Int(evaluations),
      flop: Double(bitPattern: flop), backwardPasses: Int(backwardPasses))
    guard provenance.isPlausible else { return nil }
    self.init(key: key, outputs: outputs, provenance: provenance)
  }

  func write(to writer: inout PackedWriter) {
    key.write(to: &writer)
    writer.write(UInt32(outputs.count))
    for output in outputs {
      writer.write(output.port)
      writer.write(output.artifact.type.rawValue)
      writer.write(UInt32(output.artifact.items.count))
      for item in output.artifact.items {
        writer.write(item.name)
        item.object.write(to: &writer)
        writer.write(Int64(item.size))
      }
    }
    for text in [provenance.program, provenance.cpu, provenance.blas, provenance.date] { writer.write(text) }
    writer.write(Int64(provenance.threads))
    writer.write(provenance.seconds.bitPattern)
    writer.write(provenance.peakMegabytes.bitPattern)
    writer.write(Int64(provenance.evaluations))
    writer.write(provenance.flop.bitPattern)
    writer.write(Int64(provenance.backwardPasses))
    writer.write(provenance.device ?? "")
  }
}
