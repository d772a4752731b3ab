import ArtifactStore
import Foundation
import JSONSyntax
import OrderedCollections
import Planning
import StageKit

/// The numbers of a run as a file to be checked in beside its recipe (`Baseline`), perhaps with those of single items.
public struct RunBaseline: Sendable {
  /// Means by `stage.measure`.
  public let measures: OrderedDictionary<String, Double>
  /// Of single items, where they are in the file as well.
  public let numbers: RunNumbers?
  /// The parameters of the run; nil where the file does not say.
  public let parameters: [JSON.Member]?
  /// The ID of the run.
  public let run: String?

  /// - Throws: `InputError` where there is no such file; `StoreError`.
  public init(readingFrom path: String) throws {
    guard let data = try Files.read(path) else {
      throw InputError("there is no file of numbers \(path): write it with `diffusionclip runs baseline RUN`")
    }
    try self.init(data, from: path)
  }

  /// - Parameter source: where `data` is from, for errors.
  /// - Throws: `InputError` where it is no such file.
  public init(_ data: Data, from source: String) throws {
    guard let baseline = Baseline(data) else {
      throw InputError(
        "\(source) must be {\"measures\": {\"STAGE.MEASURE\": NUMBER}}: write it with `diffusionclip runs baseline RUN`"
      )
    }
    measures = baseline.measures
    parameters = baseline.parameters
    run = (try? JSON.member("run", of: data))??.string
    numbers = (try? JSON.member("items", of: data)).flatMap { RunNumbers(Data($0.bytes)) }
  }

  /// The file for a run.
  /// - Parameter withItems: whether the numbers of single items are in it, so that differences get intervals.
  public static func data(of run: KeptRun, withItems: Bool) -> Data {
    let items = withItems ? run.numbers.flatMap { try? JSON(parsing: $0.data) } : nil
    return JSON.object(
      [
        .init("recipe", .string(run.recipeName)), .init("run", .string(run.id)),
        .init("commit", run.facts["git"]?["commit"] ?? .null), .init("params", .object(run.parameters)),
        .init("measures", .object(run.measures.map { .init($0.name, .double($0.mean)) })),
      ] + (items.map { [.init("items", $0)] } ?? [])
    ).prettyData
  }
}
