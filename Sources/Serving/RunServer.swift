import ArtifactStore
import Comparing
import Engine
import Escaping
import Foundation
import JSONSyntax
import Reporting
import Runs
import StageKit
import Synchronization

/// A page of the runs that are kept and that go on, for a browser on this machine. It reads folders of runs and a store,
/// and changes nothing.
///
/// Its address has a secret in it, which other programs and other people's pages do not know.
public final class RunServer: Sendable {
  private let history: RunHistory
  /// Opens the store; nil where there is none yet.
  private let open: @Sendable () -> Store?
  private let opened = Mutex<Store?>(nil)
  private let formats: ArtifactFormats
  private let token: String
  private let isOver = Mutex(false)

  /// - Parameter store: the store of the runs' recipes.
  public init(_ history: RunHistory, store: @escaping @Sendable () -> Store?, formats: ArtifactFormats) {
    self.history = history
    open = store
    self.formats = formats
    var random = SystemRandomNumberGenerator()
    token = (0..<2).map { _ in String(format: "%016lx", random.next()) }.joined()
  }

  /// Serves until ``stop()``.
  /// - Parameters:
  ///   - port: 0 for any that is free.
  ///   - isReady: is told the address.
  /// - Throws: ``ListenError``.
  public func run(port: UInt16, isReady: (String) -> Void) throws {
    let listener = try HTTPListener(port: port) { [self] in answer($0) }
    isReady("http://127.0.0.1:\(listener.port)/\(token)/")
    listener.run { [self] in isOver.withLock { $0 } }
  }

  /// Ends ``run(port:isReady:)`` within a moment.
  public func stop() { isOver.withLock { $0 = true } }

  // MARK: Answers

  private static let policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    + "base-uri 'none'; form-action 'none'"
  private static let text = "charset=utf-8"
  private static let mostCompared = 8

  private func answer(_ request: HTTPListener.Request) -> HTTPListener.Answer {
    guard request.path.utf8.starts(with: "/\(token)/".utf8) else {
      return .missing("nothing is here: open the address that `diffusionclip serve` printed")
    }
    do {
      switch request.path.utf8.count == token.utf8.count + 2 ? "" : request.path.dropping(bytes: token.utf8.count + 2) {
      case "": return .found(Self.page("html"), type: "text/html; \(Self.text)", policy: Self.policy)
      case "page.js": return .found(Self.page("js"), type: "text/javascript; \(Self.text)")
      case "page.css": return .found(Self.page("css"), type: "text/css; \(Self.text)")
      case "icon.svg": return .found(Data(Self.icon.utf8), type: "image/svg+xml")
      case "runs": return json(.array(try history.runs().map(RunState.summary)))
      case "run":
        guard let run = try run(request) else { return .missing("there is no such run any more") }
        return json(try RunState(run).json)
      case "events": return follow()
      case "picture": return try picture(request)
      case "preview": return try preview(request)
      case "report":
        guard let run = try run(request) else { return .missing("there is no such run any more") }
        return page(try run.page())
      case "compare":
        let runs = try request.query.filter { $0.name == "run" }.prefix(Self.mostCompared).compactMap { entry in
          let parts = entry.value.parts(at: "/", maxSplits: 1, omittingEmpty: false)
          return parts.count == 2 ? try run(of: parts[0], parts[1]) : nil
        }
        guard runs.count > 1 else { return .missing("two runs are needed, and they are not there") }
        return page(Data(try RunComparison(of: runs.map(ComparedRun.init)).page.utf8))
      default: return .missing("nothing is here")
      }
    } catch { return .refused("\(error)") }
  }

  private static let icon =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><circle cx=\"8\" cy=\"8\" r=\"7\" fill=\"#3d7fc4\"/></svg>"

  private static func page(_ form: String) -> Data {
    switch form {
    case "html": Data(PackageResources.page_html)
    case "js": Data(PackageResources.page_js)
    default: Data(PackageResources.page_css)
    }
  }

  /// A page that was made of what runs say: it has a policy of its own, and nothing in it can act for the page of runs.
  private func page(_ html: Data) -> HTTPListener.Answer {
    .found(
      html, type: "text/html; \(Self.text)",
      policy: "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'")
  }

  private func json(_ value: JSON) -> HTTPListener.Answer {
    .found(Data(value.text.utf8), type: "application/json; \(Self.text)")
  }

  /// The run that a request names by its recipe's folder and its ID; nothing else is looked at.
  private func run(_ request: HTTPListener.Request) throws -> KeptRun? {
    guard let recipe = request["recipe"], let id = request["id"] else { return nil }
    return try run(of: recipe, id)
  }

  private func run(of recipe: String, _ id: String) throws -> KeptRun? {
    guard FileName.isInside(recipe), !recipe.has("/") else { return nil }
    return try history.runs(of: recipe).first { $0.id.isSame(as: id) }
  }

  /// A picture in the store: an object, or what an action made first, by its key.
  private func picture(_ request: HTTPListener.Request) throws -> HTTPListener.Answer {
    let store = opened.withLock { opened in
      opened = opened ?? open()
      return opened
    }
    guard let store else { return .missing("there is no store") }
    let found: (type: ArtifactType, object: Digest)?
    if let object = request["object"].flatMap({ Digest(hex: $0) }) {
      found = (.images, object)
    } else {
      let artifacts = try request["key"].flatMap { Digest(hex: $0) }.flatMap { try store.record(of: $0) }?.outputs
      found = artifacts?.map(\.artifact).first { $0.type == .images || $0.type == .figure }.flatMap { artifact in
        artifact.items.first.map { (artifact.type, $0.object) }
      }
    }
    guard let found, let data = try? store.read(found.object),
      let file = try formats.exported([data], found.type, "picture", [:], []).first(where: { $0.name == "picture.png" })
    else { return .missing("the store has no such picture") }
    return .found(file.data, type: "image/png")
  }

  /// A picture that an action of a run shows on its way.
  private func preview(_ request: HTTPListener.Request) throws -> HTTPListener.Answer {
    guard let run = try run(request), let name = request["file"], FileName.isInside(name),
      name.hasPrefix(KeptRun.previews + "/"), name.hasSuffix(".png"), let data = try run.file(name)
    else { return .missing("the run shows no such picture") }
    return .found(data, type: "image/png")
  }

  // MARK: News

  /// Tells which runs have changed: new ones, those that went on, those that ended.
  private func follow() -> HTTPListener.Answer {
    let seen = Mutex<[String: String]?>(nil)
    return .events { [self] in
      if isOver.withLock({ $0 }) { return nil }
      let now = marks()
      let before = seen.withLock { seen in
        defer { seen = now }
        return seen
      }
      guard let before else { return ":\n\n" }
      let changed = now.filter { before[$0.key] != $0.value }.keys + before.keys.filter { now[$0] == nil }
      guard !changed.isEmpty else { return "" }
      return "data: " + JSON.array(changed.sorted().map(JSON.string)).text + "\n\n"
    }
  }

  /// For each run, what differs once something happened in it.
  private func marks() -> [String: String] {
    let runs = (try? history.runs()) ?? []
    return Dictionary(
      runs.map { run in
        let size = run.state == .running ? run.eventSize : 0
        return ("\(run.recipe)/\(run.id)", "\(run.state.rawValue) \(size) \(run.tags)")
      }
    ) { first, _ in first }
  }
}
