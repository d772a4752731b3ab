import ArtifactStore
import Escaping
import RecipeSyntax
import StageKit

extension Plan {
  /// What is no mistake, but should be known to whoever reads the numbers.
  public struct Note: Sendable, Hashable {
    /// The name of the stage that it is about.
    public let stage: String
    public let message: String
    public let location: SourceLocation
  }

  /// Stages that measure by what guided the models behind the measured: these have learned to please it. What is wrong at
  /// all places of a sweep is said once.
  public var notes: [Note] {
    var origins: [OutputReference: Origin] = [:]
    // By stage: what guided it or a stage that it comes from, with the names of the guided.
    var guides: [String: [Origin: [String]]] = [:]
    var notes: [Note] = []
    for stage in stages {
      for output in stage.outputs {
        let reference = OutputReference(stage: stage.id, port: output.name, type: output.type)
        origins[reference] = stage.sources.isEmpty ? .stage(reference) : .files(stage.sources, output.type)
      }
      var behind: [Origin: [String]] = [:]
      for predecessor in stage.predecessors {
        behind.merge(guides[predecessor] ?? [:]) { ($0 + $1).uniqued }
      }
      func found(for purpose: Port.Purpose) -> [Origin] {
        stage.ports.filter { $0.purpose == purpose }.flatMap { stage.inputs[$0.name]?.references ?? [] }
          .compactMap { origins[$0] }
      }
      for port in stage.ports where port.purpose == .measuring {
        for reference in stage.inputs[port.name]?.references ?? [] {
          guard let guided = origins[reference].flatMap({ behind[$0] }) else { continue }
          notes.append(
            Note(
              stage: stage.name,
              message: "'\(stage.name)' measures by the \(reference.type.rawValue) that guided \(guided.quoted): "
                + "what it guided has learned to please it; measure by another one, too",
              location: stage.location))
        }
      }
      for origin in found(for: .guiding) { behind[origin] = ((behind[origin] ?? []) + [stage.name]).uniqued }
      guides[stage.id] = behind
    }
    return notes.uniqued + notesOfUnpinned
  }

  /// Where the recipe has a lock: the stages that read files which it says nothing about.
  private var notesOfUnpinned: [Note] {
    guard let lock, lock.exists else { return [] }
    return Dictionary(grouping: localSources.filter { $0.pinned == nil }, by: \.stage.location).values
      .map { sources in
        Note(
          stage: sources[0].stage.name,
          message:
            "'\(sources[0].stage.name)' reads \(Readable.count(sources.count, "file")) that \(lock.file.fileName) "
            + "does not pin: `diffusionclip pin` adds what is missing",
          location: sources[0].stage.location)
      }.sorted { ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column) }
  }

  /// Where something comes from: the same files are the same, however often they are loaded.
  private enum Origin: Hashable {
    case files([String: PlannedSource], ArtifactType)
    case stage(OutputReference)
  }
}
