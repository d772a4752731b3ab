import CLibYAML

/// What libyaml reports of a document, one piece at a time.
struct YAMLEvent {
  enum Content {
    case streamStart, streamEnd, documentStart, documentEnd
    case scalar(Scalar)
    case alias(String)
    case sequenceStart, sequenceEnd, mappingStart, mappingEnd
  }

  let content: Content
  let anchor: String?
  let hasTag: Bool
  let location: SourceLocation
}

/// libyaml's parser over a text: the one place that touches it.
///
/// The text's bytes are only borrowed, so the parser lives inside ``YAMLEvents/read(_:_:)``.
struct YAMLEvents: ~Copyable {
  private let source: SourceText
  private let parser: UnsafeMutablePointer<yaml_parser_t>

  private init(_ source: SourceText, bytes: UnsafeBufferPointer<UInt8>) {
    self.source = source
    parser = .allocate(capacity: 1)
    // Fails only without memory, where nothing could be reported either.
    precondition(yaml_parser_initialize(parser) == 1, "no memory for a YAML parser")
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  /// Gives `body` the events of `source`.
  static func read<Result>(
    _ source: SourceText, _ body: (borrowing YAMLEvents) throws(Diagnostic) -> Result
  ) throws(Diagnostic) -> Result {
    // A base address even for an empty text.
    let bytes = Array(source.text.utf8) + [0]
    return try bytes.withUnsafeBufferPointer { buffer throws(Diagnostic) in
      try body(YAMLEvents(source, bytes: UnsafeBufferPointer(rebasing: buffer.dropLast())))
    }
  }

  /// - Throws: where the text is not YAML.
  func next() throws(Diagnostic) -> YAMLEvent {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError }
    defer { yaml_event_delete(&event) }
    let location = location(event.start_mark)
    func made(
      _ content: YAMLEvent.Content, anchor: UnsafePointer<UInt8>? = nil, tag: UnsafePointer<UInt8>? = nil
    )
      -> YAMLEvent
    {
      YAMLEvent(
        content: content, anchor: anchor.map { String(cString: $0) }, hasTag: tag != nil, location: location)
    }
    switch event.type {
    case YAML_STREAM_START_EVENT: return made(.streamStart)
    case YAML_DOCUMENT_START_EVENT: return made(.documentStart)
    case YAML_DOCUMENT_END_EVENT: return made(.documentEnd)
    case YAML_ALIAS_EVENT: return made(.alias(String(cString: event.data.alias.anchor)))
    case YAML_SCALAR_EVENT:
      let data = event.data.scalar
      let text = String(decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
      let scalar = Scalar(text, isPlain: data.style == YAML_PLAIN_SCALAR_STYLE)
      return made(.scalar(scalar), anchor: data.anchor, tag: data.tag)
    case YAML_SEQUENCE_START_EVENT:
      return made(.sequenceStart, anchor: event.data.sequence_start.anchor, tag: event.data.sequence_start.tag)
    case YAML_SEQUENCE_END_EVENT: return made(.sequenceEnd)
    case YAML_MAPPING_START_EVENT:
      return made(.mappingStart, anchor: event.data.mapping_start.anchor, tag: event.data.mapping_start.tag)
    case YAML_MAPPING_END_EVENT: return made(.mappingEnd)
    default: return made(.streamEnd)
    }
  }

  private func location(_ mark: yaml_mark_t) -> SourceLocation {
    SourceLocation(file: source.file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }

  private var syntaxError: Diagnostic {
    let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not readable"
    if parser.pointee.error == YAML_READER_ERROR {
      let place = source.location(ofByte: Int(parser.pointee.problem_offset))
      return Diagnostic("not YAML: \(problem)", at: place, hint: "remove the character that is marked")
    }
    let place = location(parser.pointee.problem_mark)
    let line = source[line: place.line] ?? ""
    let start = location(parser.pointee.context_mark)
    let context = parser.pointee.context.map { String(cString: $0) } ?? ""
    if line.unicodeScalars.dropFirst(place.column - 1).first == "\t" {
      return Diagnostic("a tab cannot stand here", at: place, hint: "indent with spaces")
    }
    if context == "while scanning a quoted scalar", problem == "found unexpected end of stream" {
      return Diagnostic("this quote is never closed", at: start)
    }
    let notes = start == place || context.isEmpty ? [] : [Diagnostic.Note(context, at: start)]
    return Diagnostic("not YAML: \(problem)", at: place, hint: Self.hint(for: line, context), notes: notes)
  }

  /// Help with the slips that recipes invite.
  private static func hint(for line: Substring, _ context: String) -> String? {
    if context == "while scanning an alias" { return "quote a text that starts with '*'" }
    if context == "while parsing a block mapping" { return "the keys of one mapping start in one column" }
    if line.contains(/\w\[\w+=/) {
      return "inside { } and [ ], write what picks a place in quotes: \"tuned[epoch=3]\""
    }
    if line.contains("${") { return "inside { } and [ ], write \"${name}\" with its quotes" }
    if line.contains(/[:,]\s*[><]=?\s*[-+.0-9]/) { return "write a comparison in quotes: \"> 0.15\"" }
    return nil
  }
}
