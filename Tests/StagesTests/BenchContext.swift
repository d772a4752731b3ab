import ArtifactStore
import Escaping
import Foundation
import Imaging
import StageKit
import Stages
import Testing

/// A stage of the catalog, run by itself: its inputs are at hand, what it writes stays in memory.
final class BenchContext: StageContext {
  enum Input {
    case one(ArtifactType, [(name: String, data: Data)])
    case list(ArtifactType, [(label: String, items: [(name: String, data: Data)])])
    /// Members of an ensemble or of a mixture, with their weights.
    case mixture(ArtifactType, [(weight: Double, data: Data)])
    /// Members of several types, with their places in sweeps.
    case swept([(label: String, axes: [Axis], type: ArtifactType, items: [(name: String, data: Data)])])
  }

  let kind: StageKind
  let item: String?
  let parameters: Parameters
  let threads = 1

  private var single: [String: Artifact] = [:]
  private var lists: [String: [LabeledArtifact]] = [:]
  private var mixtures: [String: Mixture<Artifact>] = [:]
  private let sources: [String: [SourceFile]]
  private var objects: [Digest: Data] = [:]

  /// What the stage wrote, by port.
  private(set) var written: [String: [(name: String, data: Data)]] = [:]
  private(set) var lines: [String] = []
  /// What its networks did.
  private(set) var counted = Work.none
  /// What it saved last, or what it is to go on from.
  var state: Data?
  private(set) var savings = 0
  /// How often the stage may still ask whether it was cancelled before it is.
  var patience = Int.max

  /// The stage of `kind`, its defaults filled in as a recipe's are.
  init(
    _ kind: String, item: String? = nil, _ values: [String: Value], inputs: [String: Input] = [:],
    files: [String: [String]] = [:]
  ) throws {
    let declared = try #require(Catalog.kinds.first { $0.name == kind })
    (self.kind, self.item) = (declared, item)
    sources = try files.mapValues { paths in
      try paths.map { path in
        let data = try Data(contentsOf: URL(filePath: path))
        return SourceFile(name: path.fileName, path: path, digest: Digest(of: data))
      }
    }
    let defaults = declared.parameters.compactMap { parameter -> (String, Value)? in
      if case .defaulting(let value) = parameter.presence { (parameter.name, value) } else { nil }
    }
    parameters = Parameters(values.merging(defaults) { given, _ in given })
    for (port, input) in inputs {
      switch input {
      case .one(let type, let items): single[port] = kept(items, type)
      case .list(let type, let members):
        lists[port] = members.map { LabeledArtifact(label: $0.label, artifact: kept($0.items, type)) }
      case .mixture(let type, let members):
        let weights = members.enumerated().map { place, member in
          Mixture.Weight(label: "\(place)", member: kept([("", member.data)], type), weight: member.weight)
        }
        mixtures[port] = Mixture(segments: [.init(from: 0, weights: weights)])
      case .swept(let members):
        lists[port] = members.map {
          LabeledArtifact(label: $0.label, axes: $0.axes, artifact: kept($0.items, $0.type))
        }
      }
    }
  }

  private func kept(_ items: [(name: String, data: Data)], _ type: ArtifactType) -> Artifact {
    Artifact(
      type: type,
      items: items.map { item in
        let digest = Digest(of: item.data)
        objects[digest] = item.data
        return Artifact.Item(name: item.name, object: digest, size: item.data.count)
      })
  }

  /// Does the stage's work: what it wrote to its outputs.
  @discardableResult
  func run() throws -> [String: [(name: String, data: Data)]] {
    try kind.run(self)
    return written
  }

  /// What is wrong with the stage before it runs; `types` are those at its given ports.
  func issues(_ types: [String: [ArtifactType]] = [:]) -> [String] {
    kind.check(StageDraft(parameters: parameters, inputs: types)).map(\.message)
  }

  func table(_ port: String) throws -> CSV {
    let data = try #require(written[port]?.first).data
    return try #require(CSV(String(decoding: data, as: UTF8.self)))
  }

  /// What was published of the links of a chain.
  private(set) var links: [Int: [String: [(name: String, data: Data)]]] = [:]

  // MARK: StageContext

  func input(_ port: String) -> Artifact? { single[port] }
  func inputs(_ port: String) -> [LabeledArtifact] { lists[port] ?? [] }
  func mixture(_ port: String) -> Mixture<Artifact>? { mixtures[port] }
  func files(_ parameter: String) -> [SourceFile] { sources[parameter] ?? [] }
  func read(_ item: Artifact.Item) throws -> Data { try #require(objects[item.object]) }
  func read(_ file: SourceFile) throws -> Data { try Data(contentsOf: URL(filePath: file.path)) }
  func verify(_ file: SourceFile) throws {}
  func write(_ data: Data, item: String, to port: String) { written[port, default: []].append((item, data)) }
  func attach(_ item: Artifact.Item, to port: String) throws {
    written[port, default: []].append(("base", try read(item)))
  }
  /// Of what made the inputs, where a test gives them.
  var records: [ActionRecord] = []
  func records(at port: String) throws -> [ActionRecord] { records }
  func programFolder() throws -> String { throw InputError("no programs here") }
  func shared<Made: AnyObject>(_ key: String, make: () throws -> Made) throws -> Made { try make() }
  func progress(_ completed: Int, of total: Int, unit: String, values: [ProgressValue]) {}
  private(set) var previews: [String: Data] = [:]
  func preview(_ name: String, _ data: Data) { previews[name] = data }
  func log(_ message: String) { lines.append(message) }
  func count(_ work: Work) { counted = work }
  func savedState() -> Data? { state }
  var isForced = false
  func ignoreSavedState() {}

  func publish(link number: Int) {
    links[number] = written
    written = [:]
  }

  func saveState(_ data: Data) {
    state = data
    savings += 1
  }

  func checkCancellation() throws {
    patience -= 1
    if patience < 0 { throw Cancelled() }
  }
}

/// A PNG of one color.
func plainPicture(_ gray: UInt8, side: Int = 16) throws -> Data {
  try Image(width: side, height: side, color: Color(red: gray, green: gray, blue: gray)).pngData()
}

/// The message of the error that `work` throws, which must be the user's to mend.
func issue(of work: () throws -> Void) -> String? {
  #expect(throws: InputError.self) { try work() }?.description
}
