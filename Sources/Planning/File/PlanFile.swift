import ArtifactStore
import Foundation
import JSONSyntax
import RecipeSyntax
import StageKit

/// A plan as a file, from which its actions are executed elsewhere, without the recipe (DESIGN §6).
public struct PlanFile: Sendable {
  public let plan: Plan
  /// The SHA-256 of the file: receipts of what is executed from it are kept under this.
  public let digest: Digest

  /// The form of these files.
  private static let version = 1

  /// Reads a file that ``data(of:)`` made.
  /// - Parameter source: the file's name, for errors.
  /// - Throws: `InputError` where it is none, or one of another version of the program.
  public init(_ data: Data, kinds: [StageKind], from source: String) throws {
    guard let json = try? JSON(parsing: data) else {
      throw InputError("\(source): expected a plan as `plan --out` writes it, found something else")
    }
    let reader = PlanReader(json: json, place: source)
    guard try reader.int("plan") == Self.version, try reader.int("numerics") == numericsRevision else {
      throw InputError("\(source): a plan of another version of diffusionclip: make it again with `plan --out`")
    }
    plan = try reader.plan(kinds: kinds)
    digest = Digest(of: data)
  }

  /// The plan as a file; the same plan always gives the same bytes.
  public static func data(of plan: Plan) -> Data {
    let json: JSON = [
      "plan": .int(version), "numerics": .int(numericsRevision), "recipe": .string(plan.recipe),
      "description": .optional(plan.description), "file": .string(plan.file),
      "source": .optional(plan.source?.hex),
      "parameters": .array(plan.parameters.map { named($0.key, $0.value) }),
      "overlays": .array(plan.overlays.sorted { precedes($0.key, $1.key) }.map { named($0.key, $0.value) }),
      "profile": .optional(plan.profile),
      "stages": .array(plan.stages.map(\.json)),
      "outputs": .array(plan.outputs.map(\.json)),
    ]
    return json.prettyData
  }

  static func named(_ name: String, _ value: Value) -> JSON {
    Overlay.value(name, value).json
  }
}

// MARK: - Writing

extension PlannedStage {
  fileprivate var json: JSON {
    func sorted<Member>(_ members: [String: Member]) -> [(key: String, value: Member)] {
      members.sorted { precedes($0.key, $1.key) }
    }
    return [
      "name": .string(name), "axes": .array(axes.map { PlanFile.named($0.name, $0.value) }),
      "kind": .string(kind.name), "revision": .int(kind.revision), "mapping": .string(mapping.text),
      "description": .optional(description),
      "parameters": .array(sorted(parameters.values).map { PlanFile.named($0.key, $0.value) }),
      "inputs": .object(sorted(inputs).map { .init($0.key, $0.value.json) }),
      "sources": .object(sorted(sources).map { .init($0.key, $0.value.json) }),
      "expectations": .array(
        expectations.map { expectation in
          .object(
            [
              .init("measure", .string(expectation.measure)), .init("text", .string(expectation.written)),
              .init("location", expectation.location.json),
            ] + (expectation.baseline.map { [.init("baseline", .double($0))] } ?? [])
              + (expectation.baselineParameters.map { [.init("baseline_params", .string($0))] } ?? []))
        }),
      "location": location.json,
    ]
  }
}

extension Mapping {
  var text: String {
    switch self {
    case .whole: "whole"
    case .items(let port): "items \(port)"
    case .files(let parameter): "files \(parameter)"
    case .numbers(let parameter): "numbers \(parameter)"
    }
  }
}

extension SourceLocation {
  fileprivate var json: JSON { ["file": .string(file), "line": .int(line), "column": .int(column)] }
}

extension OutputReference {
  fileprivate var json: JSON {
    ["stage": .string(stage), "port": .string(port), "type": .string(type.rawValue)]
  }
}

extension PlannedInput {
  fileprivate var json: JSON {
    switch self {
    case .one(let reference): ["one": reference.json]
    case .list(let members):
      [
        "list": .array(
          members.map { member in
            [
              "label": .string(member.label), "axes": .array(member.axes.map { PlanFile.named($0.name, $0.value) }),
              "reference": member.reference.json,
            ]
          })
      ]
    case .mixture(let mixture):
      [
        "mixture": .array(
          mixture.segments.map { segment in
            [
              "from": .int(segment.from),
              "weights": .array(
                segment.weights.map { weight in
                  [
                    "label": .string(weight.label), "reference": weight.member.json,
                    "weight": .string(Value.double(weight.weight).canonical),
                  ]
                }),
            ]
          })
      ]
    }
  }
}

extension PlannedSource {
  fileprivate var json: JSON {
    [
      "form": .string(form.rawValue),
      "files": .array(
        files.map { file in
          switch file.place {
          case .path(let path, let pinned):
            .object(
              [.init("name", .string(file.name)), .init("path", .string(path))]
                + (pinned.map { [.init("sha256", .string($0.hex))] } ?? []))
          case .url(let url, let mirrors, let digest, let size):
            .object(
              [.init("name", .string(file.name)), .init("url", .string(url)), .init("sha256", .string(digest.hex))]
                + (mirrors.isEmpty ? [] : [.init("mirrors", .array(mirrors.map(JSON.string)))])
                + (size.map { [.init("size", .int($0))] } ?? []))
          }
        }),
    ]
  }
}
