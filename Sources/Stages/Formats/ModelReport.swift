import ArtifactStore
import Checkpoints
import Escaping
import Foundation
import JSONSyntax
import Networks

/// What is inside a file of weights, or a folder with one: for `inspect`.
public struct ModelReport {
  private let files: ModelFiles
  private let bytes: Int
  private let path: String
  /// The model, or why none is recognized.
  private let model: Result<PublishedModel, NetworkError>

  /// - Throws: where the file cannot be read.
  public init(path: String) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    let paths =
      exists && isFolder.boolValue
      ? try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.begins(with: ".") }.sorted()
        .map { "\(path)/\($0)" } : [path]
    self.path = path
    files = try readingInput {
      try ModelFiles(paths.map { ($0.fileName, $0) }, leniently: true)
    }
    bytes = files.state.source.components(separatedBy: " + ").reduce(0) {
      $0 + ((try? FileManager.default.attributesOfItem(atPath: $1)[.size] as? Int) ?? 0)
    }
    do throws(NetworkError) { model = .success(try files.model()) } catch { model = .failure(error) }
  }

  private var tensors: [(name: String, tensor: StoredTensor)] { files.state.tensors.map { ($0.key, $0.value) } }

  private var types: String {
    Dictionary(grouping: tensors, by: \.tensor.type.rawValue).mapValues(\.count)
      .sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) × \($0.value)" }.joined(separator: ", ")
  }

  private static func configuration(_ network: any Network) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(network.configuration)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  private var problems: [String] {
    switch model {
    case .success(let model): model.differences.map { "\($0)" } + tokenizerProblem
    case .failure where adapterBase != nil: []
    case .failure(let error): [files.ambiguity.map { "\($0)" } ?? "\(error)"]
    }
  }

  /// The digest of the model that the file holds a low-rank change to; nil where it holds none.
  private var adapterBase: String? { LowRankChange.base(in: files.state.metadata) }

  /// What a CLIP lacks beside its weights.
  private var tokenizerProblem: [String] {
    guard case .success(let model) = model, let clip = model.network as? CLIP else { return [] }
    do throws(NetworkError) {
      _ = try files.merges(for: clip)
      return []
    } catch {
      return ["\(error)"]
    }
  }

  /// For people.
  /// - Parameter listing: whether every tensor is named.
  public func text(listing: Bool) -> String {
    let numbers = tensors.reduce(0) { $0 + $1.tensor.count }
    var lines = [
      "\(path): \(Set(files.formats.map(\.rawValue)).sorted().joined(separator: ", ")), \(bytes) bytes",
      "holds: \(tensors.count) tensors, \(numbers) numbers (\(types))",
    ]
    if let note = files.state.note { lines.append("note: \(note)") }
    lines += ModelOrigin.entries(of: files.state.metadata).map { "made: \($0.name): \($0.value)" }
    switch model {
    case .success(let model):
      let count = model.network.parameters.count
      lines.append("model: \(model.format), for `load: {\(model.purpose.rawValue): …}`")
      lines.append("network: \(type(of: model.network).architecture) \(Self.configuration(model.network))")
      lines.append("parameters: \(count) numbers in \(model.network.parameters.parameters.count) tensors")
      lines += model.notes.map { "note: \($0)" }
    case .failure where adapterBase != nil:
      lines.append("adapter: a low-rank change, for `load: {adapter: …, base: …}`")
      lines.append("base: the model with the digest \(adapterBase ?? "")")
    case .failure: lines.append("model: none that is known here")
    }
    lines += problems.map { "problem: \($0)" }
    if problems.isEmpty { lines.append("missing: nothing") }
    if listing {
      lines += tensors.map { "  \($0.name): \($0.tensor.type.rawValue) \($0.tensor.shape)" }
      lines += files.values.prefix(1000).map { "  \($0.name) = \(Self.text($0.value))" }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  public var json: JSON {
    var members: [JSON.Member] = [
      JSON.Member("path", .string(path)), JSON.Member("bytes", .int(bytes)),
      JSON.Member("formats", .array(Set(files.formats.map(\.rawValue)).sorted().map(JSON.string))),
      JSON.Member("note", files.state.note.map(JSON.string) ?? .null),
      JSON.Member(
        "made", .object(ModelOrigin.entries(of: files.state.metadata).map { JSON.Member($0.name, .string($0.value)) })),
    ]
    switch model {
    case .success(let model):
      members += [
        JSON.Member("model", .string(model.format)), JSON.Member("kind", .string(model.purpose.rawValue)),
        JSON.Member("architecture", .string(type(of: model.network).architecture)),
        JSON.Member("configuration", (try? JSON(parsing: Data(Self.configuration(model.network).utf8))) ?? .null),
        JSON.Member("parameters", .int(model.network.parameters.count)),
        JSON.Member("notes", .array(model.notes.map(JSON.string))),
      ]
    case .failure:
      members.append(JSON.Member("model", .null))
      if let adapterBase { members.append(JSON.Member("base", .string(adapterBase))) }
    }
    members += [
      JSON.Member("problems", .array(problems.map(JSON.string))),
      JSON.Member(
        "tensors",
        .array(
          tensors.map {
            .object([
              JSON.Member("name", .string($0.name)), JSON.Member("type", .string($0.tensor.type.rawValue)),
              JSON.Member("shape", .array($0.tensor.shape.map(JSON.int))),
            ])
          })
      ),
    ]
    return .object(members)
  }

  private static func text(_ value: TensorFile.Value) -> String {
    switch value {
    case .flag(let flag): "\(flag)"
    case .integer(let number): "\(number)"
    case .number(let number): "\(number)"
    case .text(let text): text.debugDescription
    }
  }
}
