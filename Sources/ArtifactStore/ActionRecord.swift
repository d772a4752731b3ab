import Foundation
import JSONSyntax

/// What the store knows of a finished action: what it was, what it made, and how it went.
public struct ActionRecord: Sendable, Hashable {
  /// The digest of the preimage.
  public let key: Digest
  /// The canonical description of all that the result depends on.
  public let preimage: String
  /// The name of the recipe that it was first done for; "" where that is not known.
  public let recipe: String
  /// The stage that it was first done for, as the recipe calls it.
  public let stage: String
  /// The item that it made, as it was called then; nil for one that did all of its stage.
  public let item: String?
  public let kind: String
  public let revision: Int
  /// The sets among its inputs, so that it can be told later which items changed.
  public let inputs: [Artifact]
  public let outputs: [Output]
  public let provenance: Provenance
  /// The lines that the action logged.
  public let log: [String]
  /// Where the action made links of a chain: what stands for the chain (see ``StagingTransaction/saveState(_:of:)``).
  public let chain: Digest?

  /// What the action wrote to one port.
  public struct Output: Sendable, Hashable {
    public let port: String
    public let artifact: Artifact
    public init(port: String, artifact: Artifact) {
      self.port = port
      self.artifact = artifact
    }
  }

  public init(
    key: Digest, preimage: String, recipe: String = "", stage: String = "", item: String? = nil, kind: String,
    revision: Int,
    inputs: [Artifact] = [], outputs: [Output], provenance: Provenance, log: [String], chain: Digest? = nil
  ) {
    self.key = key
    self.preimage = preimage
    self.recipe = recipe
    self.stage = stage
    self.item = item
    self.kind = kind
    self.revision = revision
    self.inputs = inputs
    self.outputs = outputs
    self.provenance = provenance
    self.log = log
    self.chain = chain
  }
}

/// The circumstances under which an action was executed. Never part of a key.
public struct Provenance: Sendable, Hashable {
  /// The version of the program.
  public let program: String
  /// The processor's name.
  public let cpu: String
  /// The kind of kernels that the BLAS library chose.
  public let blas: String
  public let threads: Int
  /// The graphics card that computed, with its driver; nil where the processor did.
  public let device: String?
  /// Wall time.
  public let seconds: Double
  /// The largest resident set of the process while it was done; 0 where that cannot be told.
  public let peakMegabytes: Double
  /// When it was done: ISO 8601, UTC.
  public let date: String
  /// How often a diffusion network was evaluated on a picture, and the floating-point operations of that; 0 where none
  /// was, or nobody counted.
  public let evaluations: Int
  public let flop: Double
  /// How many of these evaluations were differentiated; 0 in records of earlier versions.
  public let backwardPasses: Int

  public init(
    program: String, cpu: String, blas: String, threads: Int, device: String? = nil, seconds: Double,
    peakMegabytes: Double, date: String, evaluations: Int = 0, flop: Double = 0, backwardPasses: Int = 0
  ) {
    self.program = program
    self.cpu = cpu
    self.blas = blas
    self.threads = threads
    self.device = device
    self.seconds = seconds
    self.peakMegabytes = peakMegabytes
    self.date = date
    self.evaluations = evaluations
    self.flop = flop
    self.backwardPasses = backwardPasses
  }
}

// MARK: - As JSON

extension ActionRecord {
  /// The record that a file holds; nil where it is damaged.
  package init?(_ data: Data) {
    guard case .object(let members)? = try? JSON(parsing: data) else { return nil }
    let content = JSON.object(members.filter { $0.name != "seal" })
    if let seal = members.first(where: { $0.name == "seal" })?.value {
      guard seal.string == Digest(of: content.text).hex else { return nil }
    } else {
      // Records of the first versions have no seal, and just these members.
      let names = ["key", "kind", "revision", "outputs", "provenance", "log", "preimage"]
      guard members.map(\.name) == names else { return nil }
    }
    self.init(json: content)
  }

  /// The record as a file holds it: sealed by the digest of the rest, so that a damaged one is not taken for another.
  package var data: Data {
    let json = json
    guard case .object(let members) = json else { preconditionFailure("a record is an object") }
    let sealed = JSON.object(members + [JSON.Member("seal", .string(Digest(of: json.text).hex))])
    return sealed.prettyData
  }

  private var json: JSON {
    let members: JSON = [
      "key": .string(key.hex),
      "recipe": .string(recipe),
      "stage": .string(stage),
      "item": .optional(item),
      "kind": .string(kind),
      "revision": .int(revision),
      "inputs": .array(
        inputs.map { ["type": .string($0.type.rawValue), "items": $0.itemsJSON] }),
      "outputs": .array(
        outputs.map { output in
          [
            "port": .string(output.port), "type": .string(output.artifact.type.rawValue),
            "items": output.artifact.itemsJSON,
          ]
        }),
      "provenance": provenance.json,
      "log": .array(log.map(JSON.string)),
      "preimage": .string(preimage),
    ]
    guard let chain else { return members }
    return .object((members.members ?? []) + [JSON.Member("chain", .string(chain.hex))])
  }

  /// The record that `json` describes; nil where anything is missing or of another type.
  init?(json: JSON) {
    guard let key = json["key"]?.string.flatMap({ Digest(hex: $0) }), let kind = json["kind"]?.string,
      let revision = json["revision"]?.int, let preimage = json["preimage"]?.string,
      let provenance = json["provenance"].flatMap(Provenance.init(json:)),
      let outputs = json["outputs"]?.array, let log = json["log"]?.array
    else { return nil }
    self.key = key
    self.kind = kind
    self.revision = revision
    self.preimage = preimage
    recipe = json["recipe"]?.string ?? ""
    stage = json["stage"]?.string ?? ""
    item = json["item"]?.string
    self.provenance = provenance
    inputs = (json["inputs"]?.array ?? []).compactMap(Artifact.init(json:))
    self.outputs = outputs.compactMap(Output.init(json:))
    self.log = log.compactMap(\.string)
    chain = json["chain"]?.string.flatMap { Digest(hex: $0) }
    guard self.outputs.count == outputs.count, self.log.count == log.count else { return nil }
  }
}

extension ActionRecord.Output {
  fileprivate init?(json: JSON) {
    guard let port = json["port"]?.string, let artifact = Artifact(json: json) else { return nil }
    self.init(port: port, artifact: artifact)
  }
}

extension Artifact {
  fileprivate init?(json: JSON) {
    guard let type = json["type"]?.string, let values = json["items"]?.array else { return nil }
    let items = values.compactMap(Artifact.Item.init(json:))
    guard items.count == values.count, !items.isEmpty else { return nil }
    self.init(type: ArtifactType(rawValue: type), items: items)
  }

  /// `"port", "type", "digest", "items"`: what files and commands say of an output.
  package func members(at port: String) -> [JSON.Member] {
    [
      .init("port", .string(port)), .init("type", .string(type.rawValue)), .init("digest", .string(digest.hex)),
      .init("items", itemsJSON),
    ]
  }

  /// The items as `[{"name", "object", "size"}]`.
  fileprivate var itemsJSON: JSON {
    .array(items.map { ["name": .string($0.name), "object": .string($0.object.hex), "size": .int($0.size)] })
  }
}

extension Artifact.Item {
  fileprivate init?(json: JSON) {
    guard let name = json["name"]?.string, let object = json["object"]?.string.flatMap({ Digest(hex: $0) }),
      let size = json["size"]?.int, 0...Artifact.sizeLimit ~= size
    else { return nil }
    self.init(name: name, object: object, size: size)
  }
}

extension Provenance {
  /// The largest resident set, where it can be told.
  package var knownPeak: Double? { peakMegabytes > 0 ? peakMegabytes : nil }

  package var json: JSON {
    var members: [JSON.Member] = [
      .init("program", .string(program)), .init("cpu", .string(cpu)), .init("blas", .string(blas)),
      .init("threads", .int(threads)), .init("seconds", .double(seconds)),
      .init("peak_megabytes", .double(peakMegabytes)), .init("date", .string(date)),
    ]
    if let device { members.append(.init("device", .string(device))) }
    if evaluations > 0 { members += [.init("evaluations", .int(evaluations)), .init("flop", .double(flop))] }
    if backwardPasses > 0 { members.append(.init("backward_passes", .int(backwardPasses))) }
    return .object(members)
  }

  fileprivate init?(json: JSON) {
    guard let program = json["program"]?.string, let cpu = json["cpu"]?.string, let blas = json["blas"]?.string,
      let threads = json["threads"]?.int, let seconds = json["seconds"]?.double,
      let peak = json["peak_megabytes"]?.double, let date = json["date"]?.string
    else { return nil }
    self.init(
      program: program, cpu: cpu, blas: blas, threads: threads, device: json["device"]?.string, seconds: seconds,
      peakMegabytes: peak, date: date,
      evaluations: json["evaluations"]?.int ?? 0, flop: json["flop"]?.double ?? 0,
      backwardPasses: json["backward_passes"]?.int ?? 0)
    guard isPlausible else { return nil }
  }

  /// Whether its numbers can be counted with.
  var isPlausible: Bool {
    let numbers = [Double(threads), seconds, peakMegabytes, Double(evaluations), Double(backwardPasses)]
    return numbers.allSatisfy { 0...1e12 ~= $0 } && 0...1e30 ~= flop
  }
}
