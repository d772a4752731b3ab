import ArtifactStore
import Engine
import Foundation
import JSONSyntax
import Reporting
import StageKit

/// Stage kinds so small that a test can say what they make.
package enum TestKinds {
  package static let all = [load, invert, tune, edit, measure, figure, press]

  /// One image for each file: its bytes.
  package static let load = StageKind(
    name: "load", summary: "Reads images.", revision: 1,
    parameters: [Parameter("images", .path(.files), .required, help: "The files.")],
    outputs: { _ in [OutputPort("images", .images)] }, mapping: .files(of: "images"),
    run: { context in
      for file in context.files("images") {
        let data = try context.read(file)
        if data.isEmpty { throw InputError("\(file.path) is empty; expected an image") }
        try context.write(data, item: file.name, to: "images")
      }
    })

  /// `steps` tildes before each image.
  package static let invert = StageKind(
    name: "invert", summary: "Inverts images.", revision: 1,
    inputs: [Port("images", .images, help: "What to invert.")],
    parameters: [Parameter("steps", .int(1...100), .defaulting(.int(2)), help: "How many steps.")],
    outputs: { _ in [OutputPort("latents", .latents)] }, mapping: .items(of: "images"),
    run: { context in
      let item = context.input("images")!.items[0]
      for step in 1...context.parameters.int("steps") {
        try context.checkCancellation()
        context.progress(step, of: context.parameters.int("steps"), unit: "steps", values: [])
      }
      let tildes = String(repeating: "~", count: context.parameters.int("steps"))
      try context.write(Data(tildes.utf8) + context.read(item), item: item.name, to: "latents")
    })

  /// All latents in a row, then the target; a step for each, saving its state. Breaks in front of the step whose number
  /// the file `breaker` holds, if there is one.
  package static let tune = StageKind(
    name: "tune", summary: "Tunes a model.", revision: 1,
    inputs: [Port("latents", .latents, help: "What to tune on.")],
    parameters: [
      Parameter("target", .string, .required, help: "What to become."),
      Parameter("breaker", .string, .optional, isSemantic: false, help: "A file."),
    ],
    outputs: { _ in [OutputPort("model", .diffusion), OutputPort("losses", .table)] },
    run: { context in
      var done = try context.savedState().map { String(decoding: $0, as: UTF8.self).split(separator: "|") } ?? []
      context.log("resumed after \(done.count)")
      let breaker = context.parameters["breaker"]?.string.flatMap { try? String(contentsOfFile: $0, encoding: .utf8) }
      let items = context.input("latents")!.items
      for index in done.count..<items.count {
        if breaker == "\(index)" { throw TestError.broken }
        done.append(Substring(String(decoding: try context.read(items[index]), as: UTF8.self)))
        try context.saveState(Data(done.joined(separator: "|").utf8))
        let loss = ProgressValue("loss", 1 / Double(index + 1))
        context.progress(index + 1, of: items.count, unit: "images", values: [loss])
      }
      let model = done.joined(separator: "|") + ">" + context.parameters.string("target")
      try context.write(Data(model.utf8), item: "", to: "model")
      let rows = done.indices.map { "\($0),\(1 / Double($0 + 1)),0.5\n" }
      try context.write(Data(("step,loss,clip\n" + rows.joined()).utf8), item: "", to: "losses")
    })

  /// The latent and the target of the model.
  package static let edit = StageKind(
    name: "edit", summary: "Edits latents.", revision: 1,
    inputs: [
      Port("latents", .latents, help: "What to edit."), Port("model", .diffusion, help: "The model."),
    ],
    outputs: { _ in [OutputPort("images", .images)] }, mapping: .items(of: "latents"),
    run: { context in
      let item = context.input("latents")!.items[0]
      let model = try context.read(context.input("model")!.items[0])
      let target = model.split(separator: UInt8(ascii: ">")).last ?? Data()
      try context.write(try context.read(item) + target, item: item.name, to: "images")
    })

  /// The size of an image, and how much longer it is than its reference.
  package static let measure = StageKind(
    name: "measure", summary: "Measures images.", revision: 1,
    inputs: [
      Port("images", .images, help: "What to measure."),
      Port("reference", .images, arity: .optional, isAligned: true, help: "What to compare with."),
    ],
    outputs: { _ in [OutputPort("metrics", .metrics)] }, mapping: .items(of: "images"),
    run: { context in
      let item = context.input("images")!.items[0]
      var values: [JSON.Member] = [.init("size", .int(item.size))]
      if let reference = context.input("reference") {
        values.append(.init("longer", .int(item.size - reference.items[0].size)))
      }
      try context.write(Data(JSON.object(values).text.utf8), item: item.name, to: "metrics")
    })

  /// Images in capitals, as many at once as the first one's first letter says: two for a, one for others. One that has
  /// an exclamation mark breaks it, one that has a question mark takes long.
  package static let press = StageKind(
    name: "press", summary: "Prints images.", revision: 1,
    inputs: [Port("images", .images, help: "What to print.")],
    outputs: { _ in [OutputPort("images", .images)] }, over: "images",
    memory: MemoryNeed(megabytes: 64, perInputByte: 2),
    batching: Batching { data in
      data.first == UInt8(ascii: "a") ? 2 : 1
    } run: { contexts in
      let texts = try contexts.map { context in
        let text = String(decoding: try context.read(context.input("images")!.items[0]), as: UTF8.self)
        if text.contains("?") { Thread.sleep(forTimeInterval: 0.15) }
        context.progress(1, of: 2, unit: "sides", values: [])
        try context.checkCancellation()
        context.log("\(contexts.count) at once")
        return text
      }
      if texts.contains(where: { $0.contains("!") }) { throw TestError.broken }
      for (context, text) in zip(contexts, texts) {
        try context.write(Data(text.uppercased().utf8), item: context.item ?? "", to: "images")
      }
    })

  /// Everything in one object.
  package static let figure = StageKind(
    name: "figure", summary: "Draws rows of images.", revision: 1,
    inputs: [Port("rows", .images, arity: .list, help: "The rows.")],
    outputs: { _ in [OutputPort("figure", .figure)] },
    run: { context in
      let rows = try context.inputs("rows").map { row in
        let images = try row.artifact.items.map { String(decoding: try context.read($0), as: UTF8.self) }
        return row.label + ":" + images.joined(separator: " ")
      }
      try context.write(Data(rows.joined(separator: "\n").utf8), item: "", to: "figure")
    })

  /// Files called by type, with the bytes as they are.
  package static let formats = ArtifactFormats(
    page: { try Report(of: $0).html },
    exported: { objects, type, name, _, _ in
      [(name + (type == .images || type == .figure ? ".png" : type == .table ? ".csv" : ".bin"), objects[0])]
    })
}

package enum TestError: Error, CustomStringConvertible {
  case broken
  package var description: String { "it broke" }
}
