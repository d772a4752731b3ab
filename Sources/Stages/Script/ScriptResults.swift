import ArtifactStore
import Escaping
import Foundation
import Imaging
import JSONSyntax
import Networks
import RecipeSyntax
import StageKit

/// What a program left in the folder `outputs`: nothing is taken that is not as it should be, and nothing is left over.
struct ScriptResults {
  private let folder: ScriptFolder
  private let spoken: String

  /// - Parameter spoken: the program, for messages.
  init(_ folder: ScriptFolder, spoken: String) {
    self.folder = folder
    self.spoken = spoken
  }

  /// Something to write to an output.
  struct Made {
    let output: String
    let item: String
    let data: Data
  }

  private var script: Script { folder.script }

  /// All that it made.
  /// - Throws: `ResultError` where anything is missing, wrong or left over.
  func read() throws -> [Made] {
    let outputs = script.outputs.entries
    let known = outputs.flatMap { name, output in
      output.type.isItemSet ? output == .metrics ? [name, name + ".csv"] : [name] : [name + output.ending]
    }
    try refuse(
      names("outputs").missing(from: Set(known)), in: "outputs", "it declares " + known.joined(separator: ", "))
    return try outputs.flatMap { name, output -> [Made] in
      let base = "outputs/\(name)"
      switch output {
      case .images: return try pictures(name, set(base, output))
      case .latents: return try set(base, output).map { Made(output: name, item: $0.item, data: try latent($0)) }
      case .metrics: return try metrics(name)
      case .diffusion, .clip, .identity, .segmenter, .perceptual, .classifier, .detector:
        return [Made(output: name, item: "", data: try network(base + output.ending, output.type))]
      case .table: return [Made(output: name, item: "", data: try table(base + output.ending))]
      case .figure:
        return [Made(output: name, item: "", data: try picture(base + output.ending).pngData())]
      }
    }
  }

  private func fail(_ problem: String) -> ResultError { ResultError("\(spoken): \(problem)") }

  // MARK: Files

  /// What a file holds, and whose it is.
  private struct ItemFile {
    let item: String
    let path: String
  }

  /// The files of a set: one for each item that it has to have.
  private func set(_ base: String, _ output: ScriptOutput) throws -> [ItemFile] {
    let found = try names(base)
    guard let items = folder.items else {
      let items = found.compactMap { $0.ends(with: output.ending) ? Self.stem($0, output.ending) : nil }
      try refuse(
        found.filter { !$0.ends(with: output.ending) || $0.has("\u{FFFD}") || $0 == output.ending }, in: base,
        "files of items are called ITEM\(output.ending)")
      guard !items.isEmpty else {
        throw fail("\(base) is empty: the program has to write a file ITEM\(output.ending) for each item")
      }
      return items.map { ItemFile(item: $0, path: "\(base)/\($0)\(output.ending)") }
    }
    let expected = items.map { ScriptFolder.fileName($0) + output.ending }
    let whose = folder.itemSource.map { "each item of '\($0)'" } ?? "each item"
    let missing = expected.missing(from: Set(found))
    guard missing.isEmpty else {
      throw fail("\(base) lacks \(missing.quoted): the program has to write a file for \(whose)")
    }
    try refuse(found.missing(from: Set(expected)), in: base, "it takes a file for \(whose)")
    return zip(items, expected).map { ItemFile(item: $0, path: "\(base)/\($1)") }
  }

  private static func stem(_ name: String, _ ending: String) -> String {
    String(decoding: name.utf8.dropLast(ending.utf8.count), as: UTF8.self)
  }

  private func refuse(_ surplus: [String], in base: String, _ rule: String) throws {
    guard surplus.isEmpty else {
      throw fail("\(base) has \(surplus.quoted), which nobody asked for: \(rule); temporary files belong into tmp")
    }
  }

  private func names(_ base: String) throws -> [String] { try plainly { try Files.names(in: folder[base]) } }

  /// All of a file.
  private func data(_ path: String) throws -> Data {
    let status = try plainly { try Files.status(of: folder[path]) }
    guard let status else { throw fail("there is no \(path): the program has to write it") }
    let most = min(ScriptRun.largestFile, script.memoryMegabytes << 20)
    guard status.size <= most else {
      throw fail(
        "\(path) has \(Readable.size(status.size)), more than the \(Readable.size(most)) that it may have: raise `memory_mb`"
      )
    }
    guard let data = try plainly({ try Files.read(folder[path]) }), !data.isEmpty else {
      throw fail("\(path) is empty")
    }
    return data
  }

  /// What `work` finds; an error of this program where there is something else than files and folders.
  private func plainly<Found>(_ work: () throws -> Found) throws -> Found {
    do { return try work() } catch let error as StoreError {
      func refusal(_ path: String, _ kind: String) -> ResultError {
        let place = path.begins(with: folder.path + "/") ? path.dropping(bytes: folder.path.utf8.count + 1) : path
        return fail("\(place) is \(kind): only plain files are taken")
      }
      switch error {
      case .link(let path): throw refusal(path, "a symbolic link")
      case .notPlain(let path, let kind): throw refusal(path, kind)
      case let other: throw other
      }
    }
  }

  // MARK: Contents

  private func picture(_ path: String) throws -> Image {
    let data = try data(path)
    guard data.starts(with: [0x89, 0x50, 0x4E, 0x47]) else { throw fail("\(path) is no PNG file") }
    do throws(ImagingError) { return try Image(decoding: data, name: path) } catch {
      switch error {
      case .truncated(_, _, let detail): throw fail("\(path) ends early: \(detail)")
      case .corrupt(_, _, let detail): throw fail("\(path) is a damaged PNG file: \(detail)")
      default: throw fail("\(error)")
      }
    }
  }

  private func pictures(_ output: String, _ files: [ItemFile]) throws -> [Made] {
    var first: (path: String, size: PictureSize)?
    return try files.map { file in
      try folder.context.checkCancellation()
      let image = try picture(file.path)
      let size = PictureSize(width: image.width, height: image.height)
      if script.sizes == .same {
        let (expected, likeness) =
          folder.sizes[file.item].map { ($0, "'\(file.item)' of '\(folder.itemSource ?? "")'") }
          ?? first.map { ($0.size, $0.path) } ?? (size, "")
        guard size == expected else {
          throw fail(
            "\(file.path) is \(size), expected \(expected) as \(likeness); where sizes may differ, write `sizes: any`")
        }
      }
      first = first ?? (file.path, size)
      return Made(output: output, item: file.item, data: try Picture.data(image))
    }
  }

  private func latent(_ file: ItemFile) throws -> Data {
    let data = try data(file.path)
    do {
      try checkLatent(data, file.path)
      return data
    } catch let error as StoreError { throw error } catch { throw fail("\(error)") }
  }

  /// A network, as `load` takes it.
  private func network(_ path: String, _ type: ArtifactType) throws -> Data {
    let digest = Digest(of: try data(path))
    let file = SourceFile(name: path.fileName, path: "\(folder.path)/\(path)", digest: digest)
    do { return try modelData([file], type, PublishedHints(), folder.context) } catch let error as InputError {
      throw fail("\(path): \(error)")
    }
  }

  private func table(_ name: String) throws -> Data {
    let data = try data(name)
    guard let table = CSV(data) else {
      throw fail("\(name) is no CSV: expected a header, then rows of as many cells, quotes closed")
    }
    if Set(table.header).count < table.header.count { throw fail("\(name) has two columns of the same name") }
    for column in table.header {
      let cells = table.column(column) ?? []
      guard CSV.areNumeric(cells), let cell = cells.first(where: { CSV.number($0)?.isFinite == false }) else {
        continue
      }
      throw fail("\(name) has '\(cell)' in column '\(column.abridged)': numbers must be finite; leave the cell empty")
    }
    return data
  }

  // MARK: Numbers

  private func metrics(_ output: String) throws -> [Made] {
    let base = "outputs/\(output)"
    let isListed = try names("outputs").contains(output + ".csv")
    if isListed, let name = try names(base).first {
      throw fail("there are both \(base).csv and \(base)/\(name): write the one or the other")
    }
    let listed = isListed ? try listedMetrics(base + ".csv") : nil
    let rows = try listed ?? set(base, .metrics).map { (item: $0.item, values: try values($0.path)) }
    let expected = script.measures ?? rows.first?.values.map(\.name) ?? []
    return try rows.map { item, values in
      let names = values.map(\.name)
      guard Set(names) == Set(expected) else {
        let whose = script.measures == nil ? " as of '\(rows[0].item)'" : ""
        throw fail(
          "\(base) has \(names.quoted) of '\(item)', expected \(expected.quoted)\(whose); what could not be measured is null"
        )
      }
      return Made(output: output, item: item, data: Data(JSON.object(values).bytes))
    }
  }

  /// JSON as Python writes it where numbers are not finite, with these as texts: so that can be said whose they are.
  private static func quotingWords(in data: Data) -> Data {
    var made: [UInt8] = []
    var (isText, isEscaped) = (false, false)
    let bytes = Array(data)
    var place = 0
    while place < bytes.count {
      let word = isText ? nil : ["-Infinity", "Infinity", "NaN"].first { bytes[place...].starts(with: $0.utf8) }
      if let word {
        made += Array("\"\(word)\"".utf8)
        place += word.utf8.count
        continue
      }
      let byte = bytes[place]
      if byte == UInt8(ascii: "\""), !isEscaped { isText.toggle() }
      isEscaped = isText && byte == UInt8(ascii: "\\") && !isEscaped
      made.append(byte)
      place += 1
    }
    return Data(made)
  }

  /// An object `{measure: number}`.
  private func values(_ path: String) throws -> [JSON.Member] {
    let data = try data(path)
    let json = (try? JSON(parsing: data)) ?? (try? JSON(parsing: Self.quotingWords(in: data)))
    guard let members = json?.members, !members.isEmpty else {
      throw fail("\(path) is no JSON object {measure: number}, such as {\"sharpness\": 0.5}")
    }
    return try members.map { member in
      try require(member.name, path)
      if member.value == .null { return member }
      guard let value = member.value.double, value.isFinite else {
        let found =
          ["NaN", "Infinity", "-Infinity"].first { member.value == .string($0) } ?? member.value.text.abridged
        throw fail(
          "'\(member.name)' in \(path) is \(found): expected a finite number, or null where it could not be measured")
      }
      return JSON.Member(member.name, .double(value))
    }
  }

  /// A table `item,measure,…` with a row for each item.
  private func listedMetrics(_ path: String) throws -> [(item: String, values: [JSON.Member])] {
    guard let table = CSV(try data(path)), table.header.first == "item", table.header.count > 1 else {
      throw fail("\(path): expected a header 'item,MEASURE,…', then a row for each item")
    }
    let measures = Array(table.header.dropFirst())
    for measure in measures { try require(measure, path) }
    if Set(measures).count < measures.count { throw fail("\(path) has two columns of the same name") }
    let rows = try table.rows.map { row in
      let values = try zip(measures, row.dropFirst()).map { measure, cell in
        if cell.isEmpty { return JSON.Member(measure, .null) }
        guard let value = CSV.number(cell), value.isFinite else {
          throw fail(
            "'\(measure)' of '\(row[0])' in \(path) is '\(cell.abridged)': expected a finite number, or nothing")
        }
        return JSON.Member(measure, .double(value))
      }
      return (item: row[0], values: values)
    }
    let found = Dictionary(rows.map { ($0.item, $0) }) { first, _ in first }
    let items = folder.items ?? rows.map(\.item)
    guard found.count == rows.count, !rows.isEmpty, !rows.contains(where: { $0.item.isEmpty }) else {
      throw fail("\(path): expected a row for each item, with its name first, no item twice")
    }
    let (missing, surplus) = (items.missing(from: Set(found.keys)), rows.map(\.item).missing(from: Set(items)))
    guard missing.isEmpty else { throw fail("\(path) has no row for \(missing.quoted)") }
    guard surplus.isEmpty else { throw fail("\(path) has rows for \(surplus.quoted), which are no items") }
    return items.compactMap { found[$0] }
  }

  private func require(_ measure: String, _ path: String) throws {
    guard Name.isIdentifier(measure) else {
      throw fail("'\(measure.abridged)' in \(path) cannot name a measure: \(Name.rule)")
    }
  }
}
