import ArtifactStore
import Engine
import Foundation
import JSONSyntax
import Reporting
import StageKit

/// Stage kinds so small that a test can say what they make.
package enum TestKinds {
  package static let all = [
    StageKind(Load.self), StageKind(Invert.self), StageKind(Tune.self), StageKind(Edit.self), StageKind(Measure.self),
    StageKind(Figure.self), StageKind(Press.self), StageKind(Grow.self),
  ]

  enum Images: ArtifactContent { static let types: [ArtifactType] = [.images] }
  enum Latents: ArtifactContent { static let types: [ArtifactType] = [.latents] }
  enum Diffusion: ArtifactContent { static let types: [ArtifactType] = [.diffusion] }
  enum Numbers: ArtifactContent { static let types: [ArtifactType] = [.metrics] }
  enum Tables: ArtifactContent { static let types: [ArtifactType] = [.table] }
  enum Figures: ArtifactContent { static let types: [ArtifactType] = [.figure] }

  /// One image for each file: its bytes.
  struct Load: Stage {
    static let name = "load"
    static let summary = "Reads images."
    static let revision = 1

    @Parameter(.files, name: "images", isMapped: true, help: "The files.") var sources: SourceFiles
    let images = Output<Images>()

    func run(_ context: any StageContext) throws {
      for file in sources.files {
        let data = try context.read(file)
        if data.isEmpty { throw InputError("\(file.path) is empty; expected an image") }
        try context.write(data, item: file.name, to: images)
      }
    }
  }

  /// `steps` tildes before each image.
  struct Invert: Stage {
    static let name = "invert"
    static let summary = "Inverts images."
    static let revision = 1
    static let usesDevice = true
    static let memoryAdvice = "lower 'steps'"

    @Input(help: "What to invert.") var images: Each<Images>
    @Parameter(1...100, help: "How many steps.") var steps = 2
    let latents = Output<Latents>()

    func run(_ context: any StageContext) throws {
      for step in 1...steps {
        try context.checkCancellation()
        context.progress(step, of: steps, unit: "steps", values: [])
      }
      let tildes = String(repeating: "~", count: steps)
      try context.write(Data(tildes.utf8) + context.read(images.item), to: latents)
    }
  }

  /// All latents in a row, then the target; a step for each, saving its state. Breaks in front of the step whose number
  /// the file `breaker` holds, if there is one.
  struct Tune: Stage {
    static let name = "tune"
    static let summary = "Tunes a model."
    static let revision = 1

    @Input(help: "What to tune on.") var latents: Whole<Latents>
    @Parameter(help: "What to become.") var target: String
    @Parameter(isSemantic: false, help: "A file.") var breaker: String?
    let model = Output<Diffusion>()
    let losses = Output<Tables>()

    func run(_ context: any StageContext) throws {
      var done = try context.savedState().map { String(decoding: $0, as: UTF8.self).split(separator: "|") } ?? []
      context.log("resumed after \(done.count)")
      let breaker = breaker.flatMap { try? String(contentsOfFile: $0, encoding: .utf8) }
      let items = latents.artifact.items
      for index in done.count..<items.count {
        if breaker == "\(index)" { throw TestError.broken }
        done.append(Substring(String(decoding: try context.read(items[index]), as: UTF8.self)))
        try context.saveState(Data(done.joined(separator: "|").utf8))
        let loss = ProgressValue("loss", 1 / Double(index + 1))
        context.progress(index + 1, of: items.count, unit: "images", values: [loss])
      }
      try context.write(Data((done.joined(separator: "|") + ">" + target).utf8), to: model)
      let rows = done.indices.map { "\($0),\(1 / Double($0 + 1)),0.5\n" }
      try context.write(Data(("step,loss,clip\n" + rows.joined()).utf8), to: losses)
    }
  }

  /// All latents in a row, and a plus for each round; says which rounds it does.
  struct Grow: Stage {
    static let name = "grow"
    static let summary = "Grows a model."
    static let revision = 1

    @Input(help: "What to grow on.") var latents: Whole<Latents>
    @Parameter(1...9, isChained: true, help: "How many rounds.") var rounds = 1
    let model = Output<Diffusion>()

    func run(_ context: any StageContext) throws {
      var grown = Data()
      for item in latents.artifact.items { grown += try context.read(item) }
      var done = try context.savedState().map(\.count) ?? 0
      let isAhead = done > rounds
      if isAhead || context.isForced {
        context.ignoreSavedState()
        done = 0
      }
      for round in 1...rounds {
        grown.append(UInt8(ascii: "+"))
        guard round > done else { continue }
        context.log("round \(round)")
        if !isAhead { try context.saveState(Data(repeating: 0, count: round)) }
        if round < rounds {
          try context.write(grown, to: model)
          try context.publish(link: round)
        }
      }
      try context.write(grown, to: model)
    }
  }

  /// The latent and the target of the model.
  struct Edit: Stage {
    static let name = "edit"
    static let summary = "Edits latents."
    static let revision = 1

    @Input(help: "What to edit.") var latents: Each<Latents>
    @Input(help: "The model.") var model: Whole<Diffusion>
    let images = Output<Images>()

    func run(_ context: any StageContext) throws {
      let target = try context.read(model.artifact.items[0]).split(separator: UInt8(ascii: ">")).last ?? Data()
      try context.write(try context.read(latents.item) + target, to: images)
    }
  }

  /// The size of an image, and how much longer it is than its reference.
  struct Measure: Stage {
    static let name = "measure"
    static let summary = "Measures images."
    static let revision = 1

    @Input(help: "What to measure.") var images: Each<Images>
    @Input(help: "What to compare with.") var reference: Matching<Images>?
    let metrics = Output<Numbers>()

    func run(_ context: any StageContext) throws {
      let size = images.item.size
      var values: [JSON.Member] = [.init("size", .int(size))]
      if let reference { values.append(.init("longer", .int(size - reference.item.size))) }
      try context.write(Data(JSON.object(values).text.utf8), to: metrics)
    }
  }

  /// Images in capitals, as many at once as the first one's first letter says: two for a, one for others. One that has
  /// an exclamation mark breaks it, one that has a question mark takes long.
  struct Press: BatchedStage {
    static let name = "press"
    static let summary = "Prints images."
    static let revision = 1

    @Input(help: "What to print.") var images: Each<Images>
    let printed = Output<Images>(name: "images")

    static func batchSize(for item: Data) -> Int { item.first == UInt8(ascii: "a") ? 2 : 1 }

    static func run(_ batch: [StageAction<Press>]) throws {
      let texts = try batch.map { action in
        let context = action.context
        let text = String(decoding: try context.read(action.stage.images.item), as: UTF8.self)
        if text.contains("?") { Thread.sleep(forTimeInterval: 0.15) }
        context.progress(1, of: 2, unit: "sides", values: [])
        try context.checkCancellation()
        context.log("\(batch.count) at once")
        return text
      }
      if texts.contains(where: { $0.contains("!") }) { throw TestError.broken }
      for (action, text) in zip(batch, texts) {
        try action.context.write(Data(text.uppercased().utf8), to: action.stage.printed)
      }
    }
  }

  /// Everything in one object.
  struct Figure: Stage {
    static let name = "figure"
    static let summary = "Draws rows of images."
    static let revision = 1

    @Input(help: "The rows.") var rows: [Labeled<Images>]
    let figure = Output<Figures>()

    func run(_ context: any StageContext) throws {
      let rows = try rows.map { row in
        let images = try row.artifact.items.map { String(decoding: try context.read($0), as: UTF8.self) }
        return row.label + ":" + images.joined(separator: " ")
      }
      try context.write(Data(rows.joined(separator: "\n").utf8), to: figure)
    }
  }

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
