import ArtifactStore

/// One artifact, or several that do its work together: what each of them says counts with its weight.
public struct Ensemble<Content: ArtifactContent>: PortValue {
  /// The weights are above 0 and add up to 1.
  public let members: [(weight: Double, member: Whole<Content>)]

  public static var types: [ArtifactType] { Content.types }
  public static var arity: Port.Arity { .ensemble }
  public static var optionalArity: Port.Arity { .ensemble }
  public static var role: PortRole { .whole }

  public static func bound(at port: String, in context: any StageContext) throws -> Ensemble? {
    if let artifact = context.input(port) { return Ensemble(members: [(1, Whole(name: port, artifact: artifact))]) }
    return context.mixture(port)?.segments.first.map { segment in
      Ensemble(members: segment.weights.map { ($0.weight, Whole(name: $0.label, artifact: $0.member)) })
    }
  }
}
