import ArtifactStore
import Foundation

/// An output of a stage, held by it as a constant: `let latents = Output<Latents>()`.
public final class Output<Content: ArtifactContent>: StageProperty {
  private let measures: [String]?

  /// - Parameters:
  ///   - name: in recipes, where it is not that of the property.
  ///   - measures: for `metrics`, where they are the same for every stage of the kind.
  public init(name: String? = nil, measures: [String]? = nil) {
    self.measures = measures
    super.init(name: name)
  }

  /// It as one of the stage's outputs.
  public var port: OutputPort { OutputPort(name, Content.types[0], measures: measures) }

  /// The same, where its type or what it measures depends on the parameters.
  public func port(as type: ArtifactType = Content.types[0], measures: [String]? = nil) -> OutputPort {
    OutputPort(name, type, measures: measures)
  }

  public override func declare(in declaration: inout StageDeclaration) { declaration.outputs.append(port) }
}

extension StageContext {
  /// Adds an object to an output.
  /// - Parameter item: its name in a set, the action's own item unless given; elsewhere one of the type's
  ///   ``ArtifactType/objectNames``. The order of calls is the items' order.
  public func write<Content>(_ data: Data, item: String? = nil, to output: Output<Content>) throws {
    let name = item ?? (Content.types[0].isItemSet ? self.item : nil) ?? ""
    try write(data, item: name, to: output.name)
  }

  /// Makes an object that is in the store a further part of what was written to `output`, a diffusion model that is
  /// nothing without it: it is kept and exported with it.
  public func attach<Content>(_ item: Artifact.Item, to output: Output<Content>) throws {
    try attach(item, to: output.name)
  }
}
