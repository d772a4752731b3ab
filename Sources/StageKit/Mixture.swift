/// Weights with which several models' noise predictions are mixed (paper eq. 14), by time.
///
/// `segments` are in the order written. At time t the first segment with t ≥ `from` holds.
/// A constant mixture is one segment from 0.
public struct Mixture<Member: Sendable & Hashable>: Sendable, Hashable {
  public struct Segment: Sendable, Hashable {
    public let from: Int
    public let weights: [Weight]
    public init(from: Int, weights: [Weight]) { (self.from, self.weights) = (from, weights) }
  }
  public struct Weight: Sendable, Hashable {
    public let label: String
    public let member: Member
    public let weight: Double
    public init(label: String, member: Member, weight: Double) {
      (self.label, self.member, self.weight) = (label, member, weight)
    }
  }

  public let segments: [Segment]
  public init(segments: [Segment]) { self.segments = segments }

  /// The same weights over other members.
  public func map<Other>(_ transform: (Member) throws -> Other) rethrows -> Mixture<Other> {
    .init(
      segments: try segments.map { segment in
        .init(
          from: segment.from,
          weights: try segment.weights.map {
            .init(label: $0.label, member: try transform($0.member), weight: $0.weight)
          })
      })
  }
}
