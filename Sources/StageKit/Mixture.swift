/// Weights with which several models' noise predictions are mixed (paper eq. 14), by time.
///
/// `segments` are in the order written. At time t the first segment with t ≥ `from` holds.
/// A constant mixture is one segment from 0.
public struct Mixture<Member: Sendable & Hashable>: Sendable, Hashable {
  public struct Segment: Sendable, Hashable {
    public let from: Int
    public let weights: [Weight]
    public init(from: Int, weights: [Weight]) {
      self.from = from
      self.weights = weights
    }
  }
  public struct Weight: Sendable, Hashable {
    public let label: String
    public let member: Member
    public let weight: Double
    public init(label: String, member: Member, weight: Double) {
      self.label = label
      self.member = member
      self.weight = weight
    }
  }

  public let segments: [Segment]
  public init(segments: [Segment]) { self.segments = segments }

  /// How far from 1 the weights of an honest mixture may add up to, by rounding.
  public static var tolerance: Double { 1e-6 }

  /// Whether there are weights for every time t ≥ 0, and all of them add up to 1.
  public var isWhole: Bool {
    let falls = zip(segments, segments.dropFirst()).allSatisfy { $0.from > $1.from }
    return falls && segments.last?.from == 0
      && segments.allSatisfy { abs($0.weights.reduce(0) { $0 + $1.weight } - 1) <= Self.tolerance }
  }

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
