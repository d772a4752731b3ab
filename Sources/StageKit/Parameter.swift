/// A parameter of a stage. What its property's type is says what it may be: a number in a range, a text, a choice among
/// words, a list or a map of those, files. One with a first value may be left out, and has that value then; an optional
/// one has none then.
///
///     @Parameter(1...1000, help: "S_gen: network evaluations.") var steps = 40
///     @Parameter(help: "What the images should show.") var target: String
///     @Parameter(help: "exact or official.") var level = Level.exact
@propertyWrapper
public final class Parameter<Content: ParameterValue>: StageProperty {
  private let bounds: Content.Bounds
  private let initial: Content?
  private let isSemantic: Bool
  private let endings: [String]
  private let isMapped: Bool
  private let isChained: Bool
  private let help: () -> String
  private(set) var content: Content?

  /// - Parameters:
  ///   - bounds: what values it takes.
  ///   - name: in recipes, where it is not that of the property.
  ///   - isSemantic: whether results depend on it, so that it belongs into the key.
  ///   - endings: how the names of files end that a path can mean, in small letters: for help with folders, not a rule.
  ///   - isMapped: of files: whether there is an action for each of them, where a glob or a list names them. The item is
  ///     called like the file without its extension. Of a number: whether, where it is given, there is an action for each
  ///     number up to it; the item is called like its number, and depends on no other.
  ///   - isChained: of a number: whether what the stage does for it is what it does for a smaller one, and then more.
  private init(
    _ initial: Content?, _ bounds: Content.Bounds, _ name: String?, isSemantic: Bool, endings: [String],
    isMapped: Bool, isChained: Bool = false, help: @escaping () -> String
  ) {
    self.initial = initial
    self.bounds = bounds
    self.isSemantic = isSemantic
    self.endings = endings
    self.isMapped = isMapped
    self.isChained = isChained
    self.help = help
    super.init(name: name)
  }

  /// One that may be left out.
  public convenience init(
    wrappedValue: Content, _ bounds: Content.Bounds, name: String? = nil, isSemantic: Bool = true,
    isChained: Bool = false, help: @autoclosure @escaping () -> String
  ) {
    self.init(
      wrappedValue, bounds, name, isSemantic: isSemantic, endings: [], isMapped: false, isChained: isChained, help: help
    )
  }

  /// One that is required or optional, as its type says.
  public convenience init(
    _ bounds: Content.Bounds, name: String? = nil, isSemantic: Bool = true, endings: [String] = [],
    isMapped: Bool = false, help: @autoclosure @escaping () -> String
  ) {
    self.init(nil, bounds, name, isSemantic: isSemantic, endings: endings, isMapped: isMapped, help: help)
  }

  /// What the recipe gives, or the first value.
  public var wrappedValue: Content {
    guard let content = content ?? initial ?? Content.absent else {
      preconditionFailure("the parameter '\(name)' is read before the stage has it")
    }
    return content
  }

  public var projectedValue: Parameter { self }

  public override func declare(in declaration: inout StageDeclaration) {
    let presence: ParameterDeclaration.Presence =
      initial.map { .defaulting($0.value) } ?? (Content.absent == nil ? .required : .optional)
    declaration.parameters.append(
      ParameterDeclaration(
        name, Content.kind(bounds), presence, isSemantic: isSemantic, endings: endings, help: help()))
    if isChained { declaration.chaining = name }
    guard isMapped else { return }
    switch Content.kind(bounds) {
    case .path: declaration.mapping = .files(of: name)
    default: declaration.numbering = name
    }
  }

  public override func bind(_ parameters: Parameters, _ context: (any StageContext)?) throws {
    guard let value = parameters[name] else { return }
    guard var content = Content(value) else {
      throw InputError("the parameter '\(name)' is \(value.text), which its declaration does not allow")
    }
    if let context { content.take(context.files(name)) }
    self.content = content
  }
}

extension Parameter where Content.Bounds == Void {
  public convenience init(
    wrappedValue: Content, name: String? = nil, isSemantic: Bool = true, help: @autoclosure @escaping () -> String
  ) {
    self.init(wrappedValue, (), name, isSemantic: isSemantic, endings: [], isMapped: false, help: help)
  }

  public convenience init(
    name: String? = nil, isSemantic: Bool = true, help: @autoclosure @escaping () -> String
  ) {
    self.init(nil, (), name, isSemantic: isSemantic, endings: [], isMapped: false, help: help)
  }
}

/// What a parameter can be.
public protocol ParameterValue {
  /// What narrows it down: a range; nothing for most.
  associatedtype Bounds
  static func kind(_ bounds: Bounds) -> ParameterDeclaration.Kind
  /// What it is where it is left out and has no first value; nil where it must be given.
  static var absent: Self? { get }
  /// - Returns: nil where `value` is of another kind.
  init?(_ value: Value)
  /// It as a recipe has it.
  var value: Value { get }
  /// Takes the files that a path names.
  mutating func take(_ files: [SourceFile])
}

extension ParameterValue {
  public static var absent: Self? { nil }
  public mutating func take(_ files: [SourceFile]) {}
}

/// A choice among words: an enumeration of them.
public protocol Choice: ParameterValue, CaseIterable, RawRepresentable where RawValue == String, Bounds == Void {}

extension Choice {
  public static func kind(_ bounds: Void) -> ParameterDeclaration.Kind { .choice(allCases.map(\.rawValue)) }

  public init?(_ value: Value) {
    guard let word = value.string else { return nil }
    self.init(rawValue: word)
  }

  public var value: Value { .string(rawValue) }
}

extension Bool: ParameterValue {
  public static func kind(_ bounds: Void) -> ParameterDeclaration.Kind { .bool }
  public init?(_ value: Value) {
    guard let bool = value.bool else { return nil }
    self = bool
  }
  public var value: Value { .bool(self) }
}

extension Int: ParameterValue {
  public static func kind(_ bounds: ClosedRange<Int>) -> ParameterDeclaration.Kind { .int(bounds) }
  public init?(_ value: Value) {
    guard let int = value.int else { return nil }
    self = int
  }
  public var value: Value { .int(self) }
}

extension Double: ParameterValue {
  public static func kind(_ bounds: ClosedRange<Double>) -> ParameterDeclaration.Kind { .double(bounds) }
  public init?(_ value: Value) {
    guard let double = value.double else { return nil }
    self = double
  }
  public var value: Value { .double(self) }
}

extension String: ParameterValue {
  public static func kind(_ bounds: Void) -> ParameterDeclaration.Kind { .string }
  public init?(_ value: Value) {
    guard let string = value.string else { return nil }
    self = string
  }
  public var value: Value { .string(self) }
}

/// A text, a number, or true or false: what is handed on as it is.
public struct ScalarValue: ParameterValue {
  public let value: Value

  public static func kind(_ bounds: Void) -> ParameterDeclaration.Kind { .scalar }
  public init?(_ value: Value) {
    guard value.isScalar else { return nil }
    self.value = value
  }
}

/// A word of a command, as it is written: `1.10` is that, and no number.
public struct Word: ParameterValue {
  public let text: String

  public static func kind(_ bounds: Void) -> ParameterDeclaration.Kind { .word }
  public init?(_ value: Value) {
    guard let text = value.string else { return nil }
    self.text = text
  }
  public var value: Value { .string(text) }
}

extension Optional: ParameterValue where Wrapped: ParameterValue {
  public static func kind(_ bounds: Wrapped.Bounds) -> ParameterDeclaration.Kind { Wrapped.kind(bounds) }
  public static var absent: Wrapped?? { .some(nil) }
  public init?(_ value: Value) {
    guard let wrapped = Wrapped(value) else { return nil }
    self = wrapped
  }
  public var value: Value { self?.value ?? .null }
  public mutating func take(_ files: [SourceFile]) { self?.take(files) }
}

extension Array: ParameterValue where Element: ParameterValue {
  public static func kind(_ bounds: Element.Bounds) -> ParameterDeclaration.Kind { .list(Element.kind(bounds)) }
  public init?(_ value: Value) {
    guard let values = value.list else { return nil }
    self = values.compactMap(Element.init)
    if count < values.count { return nil }
  }
  public var value: Value { .list(map(\.value)) }
}

/// Names to values of one sort, in the order of the names' bytes, so that the order in a recipe never matters.
public struct NamedValues<Element: ParameterValue>: ParameterValue, ExpressibleByDictionaryLiteral {
  public let entries: [(name: String, value: Element)]

  public init(dictionaryLiteral elements: (String, Element)...) {
    entries = elements.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }.map { (name: $0.0, value: $0.1) }
  }

  public static func kind(_ bounds: Element.Bounds) -> ParameterDeclaration.Kind { .map(Element.kind(bounds)) }
  public init?(_ value: StageKit.Value) {
    guard let entries = value.entries else { return nil }
    self.entries = entries.compactMap { entry in Element(entry.value).map { (name: entry.key, value: $0) } }
    if self.entries.count < entries.count { return nil }
  }
  public var value: StageKit.Value { .map(entries.map { StageKit.Value.Entry(key: $0.name, value: $0.value.value) }) }
}

/// Files from outside, by a path relative to the recipe's file. Their content, never their path, is in the key.
public struct SourceFiles: ParameterValue {
  /// As the recipe has it.
  public let value: Value
  /// Those that it names, in `run` (in a kind that has an action for each, that action's).
  public private(set) var files: [SourceFile] = []

  public static func kind(_ bounds: ParameterDeclaration.PathKind) -> ParameterDeclaration.Kind { .path(bounds) }
  public init(_ value: Value) { self.value = value }
  public mutating func take(_ files: [SourceFile]) { self.files = files }
}
