extension Int {
  /// The nearest integer to a number from outside: of one that no integer is near to the largest or smallest, 0 for what
  /// is no number.
  public init(bounded value: Double) {
    self = value.isNaN ? 0 : Int(exactly: value.rounded()) ?? (value > 0 ? .max : .min)
  }
}
