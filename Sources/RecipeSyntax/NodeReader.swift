/// Makes a tree of nodes from the events of a text, within limits that no honest recipe meets.
package struct NodeReader {
  /// How deep nodes may stand inside each other, aliases expanded.
  package static let depthLimit = 64
  /// How many nodes a recipe may have, aliases expanded.
  package static let countLimit = 200_000

  /// A finished subtree, as an alias sees it.
  private struct Subtree {
    let node: Node
    /// Nodes in it, itself included.
    let count: Int
    /// Levels in it, its own included.
    let depth: Int
  }

  private var anchors: [String: Subtree] = [:]
  private var openAnchors: Set<String> = []
  private var count = 0
  /// Errors that need not stop the reading.
  private var problems = Problems()

  /// Reads the one document of `source`. Duplicate keys are reported, and the first of each counts.
  /// - Throws: where it is not YAML, not one document, or too much.
  package static func read(_ source: SourceText, into problems: inout Problems) throws(Diagnostic) -> Node {
    var reader = NodeReader()
    defer { for error in reader.problems.errors { problems.report(error) } }
    return try YAMLEvents.read(source) { events throws(Diagnostic) in try reader.document(events, of: source) }
  }

  private mutating func document(
    _ events: borrowing YAMLEvents, of source: SourceText
  ) throws(Diagnostic) -> Node {
    _ = try events.next()
    guard case .documentStart = try events.next().content else {
      let start = SourceLocation(file: source.file, line: 1, column: 1)
      throw Diagnostic("the recipe is empty", at: start, hint: "start it with its name: 'recipe: quickstart'")
    }
    let root = try subtree(try events.next(), events, depth: 1).node
    _ = try events.next()
    let end = try events.next()
    guard case .streamEnd = end.content else {
      throw Diagnostic("a second document starts here", at: end.location, hint: "a recipe file holds one recipe")
    }
    return root
  }

  private mutating func subtree(
    _ event: YAMLEvent, _ events: borrowing YAMLEvents, depth: Int
  ) throws(Diagnostic) -> Subtree {
    if case .alias(let name) = event.content { return try expand(name, at: event.location, depth: depth) }
    guard depth <= Self.depthLimit else {
      throw Diagnostic("nested more than \(Self.depthLimit) levels deep", at: event.location)
    }
    guard !event.hasTag else {
      throw Diagnostic(
        "tags such as '!!str' are not supported", at: event.location, hint: "quote a value to make it text")
    }
    try add(1, at: event.location)
    if let anchor = event.anchor { openAnchors.insert(anchor) }
    let before = count - 1
    let (content, levels) = try content(of: event, events, depth: depth)
    let made = Subtree(node: Node(content, at: event.location), count: count - before, depth: levels)
    if let anchor = event.anchor {
      openAnchors.remove(anchor)
      anchors[anchor] = made
    }
    return made
  }

  /// What a node holds, and its levels.
  private mutating func content(
    of event: YAMLEvent, _ events: borrowing YAMLEvents, depth: Int
  ) throws(Diagnostic) -> (Node.Content, levels: Int) {
    var levels = 1
    switch event.content {
    case .scalar(let scalar):
      return (.scalar(scalar), levels)
    case .sequenceStart:
      var nodes: [Node] = []
      while true {
        let next = try events.next()
        if case .sequenceEnd = next.content { return (.sequence(nodes), levels) }
        let element = try subtree(next, events, depth: depth + 1)
        levels = max(levels, element.depth + 1)
        nodes.append(element.node)
      }
    default:
      var entries: [Entry] = []
      var merged: [Entry] = []
      var places: [String: SourceLocation] = [:]
      while true {
        let next = try events.next()
        if case .mappingEnd = next.content {
          for entry in merged where places.updateValue(entry.key.location, forKey: entry.key.text) == nil {
            entries.append(entry)
          }
          return (.mapping(entries), levels)
        }
        let key = try subtree(next, events, depth: depth + 1).node
        guard let text = key.scalar?.text else {
          throw Diagnostic("a key must be a name, not \(key.summary)", at: key.location)
        }
        let value = try subtree(try events.next(), events, depth: depth + 1)
        levels = max(levels, value.depth + 1)
        if key.scalar?.isPlain == true, text == "<<" {
          merged += mergedEntries(of: value.node)
        } else if let first = places.updateValue(key.location, forKey: text) {
          problems.report("'\(text)' stands here twice", at: key.location, notes: [.init("first here", at: first)])
        } else {
          entries.append(Entry(key: Name(text, at: key.location), value: value.node))
        }
      }
    }
  }

  /// What the merge key `<<` brings into a mapping (https://yaml.org/type/merge.html): the entries of a mapping, or of
  /// several, those of the first counting most. The mapping's own entries come before all of these.
  private mutating func mergedEntries(of node: Node) -> [Entry] {
    (node.sequence ?? [node]).flatMap { part -> [Entry] in
      if let entries = part.mapping { return entries }
      problems.report(
        "'<<' merges mappings, not \(part.summary)", at: part.location,
        hint: "give it the anchor of a mapping, as in '<<: *common'")
      return []
    }
  }

  /// The subtree that an alias stands for, counted as if it were written out.
  private mutating func expand(_ name: String, at location: SourceLocation, depth: Int) throws(Diagnostic) -> Subtree {
    guard !openAnchors.contains(name) else {
      throw Diagnostic("'*\(name)' stands inside what it refers to", at: location)
    }
    guard let anchored = anchors[name] else {
      throw Diagnostic(
        "'*\(name)' refers to nothing", at: location,
        suggestion: Suggestion.nearest(to: name, in: anchors.keys.sorted()),
        hint: anchors.isEmpty ? "quote a text that starts with '*'" : nil)
    }
    guard depth + anchored.depth - 1 <= Self.depthLimit else {
      throw Diagnostic("nested more than \(Self.depthLimit) levels deep once '*\(name)' is expanded", at: location)
    }
    try add(anchored.count, at: location)
    let origin = Diagnostic.Note("'*\(name)' stands for this", at: anchored.node.location)
    return Subtree(
      node: anchored.node.used(at: location, from: origin), count: anchored.count, depth: anchored.depth)
  }

  private mutating func add(_ nodes: Int, at location: SourceLocation) throws(Diagnostic) {
    count += nodes
    guard count <= Self.countLimit else {
      throw Diagnostic("the recipe grows beyond \(Self.countLimit) nodes here, aliases expanded", at: location)
    }
  }
}
