import ArtifactStore
import Foundation

/// What one action sees of the world while it runs: its inputs, verified; its outputs; progress; saved state.
public protocol StageContext: AnyObject {
  /// The name of the item that this action makes, in a kind that maps over items or files; else nil.
  var item: String? { get }
  /// Decoded parameters.
  var parameters: Parameters { get }
  /// How many threads the action may use.
  var threads: Int { get }

  /// The artifact at an input port of arity `one`, or nil at an `optional` one left out. Aligned ports and the mapped
  /// port hold just this action's item.
  func input(_ port: String) -> Artifact?
  /// The artifacts at a `list` port, labeled, in the recipe's order; none at an `optionalList` one left out. Those at a
  /// `named` port, in the order of their names.
  func inputs(_ port: String) -> [LabeledArtifact]
  /// The mixture at a `mixture` port, or nil where it is left out.
  func mixture(_ port: String) -> Mixture<Artifact>?
  /// The files that a path parameter names (just this action's, for a kind that maps over files).
  func files(_ parameter: String) -> [SourceFile]

  /// The records of the actions that made what is at an input port, or at all members of a `named` one; for a kind that
  /// ``Stage/seesRecords``, else none.
  /// - Throws: where one cannot be read any more.
  func records(at port: String) throws -> [ActionRecord]

  /// The bytes of an input's item, verified against its digest.
  /// - Throws: where the object is missing or not what it was.
  func read(_ item: Artifact.Item) throws -> Data
  /// The bytes of a file from outside, verified against the digest that planning saw.
  /// - Throws: where the file has gone or changed since.
  func read(_ file: SourceFile) throws -> Data
  /// For a file that was read piece by piece: makes sure, after it was read, that it is what planning saw.
  /// - Throws: where it has gone or changed since.
  func verify(_ file: SourceFile) throws

  /// Adds an object to an output: `item` is its name in a set, elsewhere one of the type's
  /// ``ArtifactType/objectNames``. The order of calls is the items' order.
  func write(_ data: Data, item: String, to port: String) throws

  /// Makes an object that is in the store a further part of what was written to `port`, a diffusion model that is
  /// nothing without it: it is kept and exported with it.
  func attach(_ item: Artifact.Item, to port: String) throws

  /// A fresh folder for a program of the user's to work in, gone when the action is over.
  /// - Throws: where the user has not allowed that programs are started.
  func programFolder() throws -> String

  /// A value made once per process from immutable inputs (a decoded network, say) and shared by actions.
  /// `key` must name everything that it depends on: use content digests.
  func shared<Made: AnyObject>(_ key: String, make: () throws -> Made) throws -> Made

  /// Tells how far the action is, for people: `completed` of `total` `unit`s, with values to show, such as losses.
  func progress(_ completed: Int, of total: Int, unit: String, values: [ProgressValue])
  /// Shows how an action stands that takes long: a PNG or a table called `name`, in the place of an earlier one. Nothing
  /// depends on it, and nothing of it is kept in the store.
  func preview(_ name: String, _ data: Data)
  /// A line for the action's log.
  func log(_ message: String)
  /// Tells what a diffusion network has done in the action, for the estimates of later ones.
  func count(_ work: Work)

  /// Publishes what was written so far as what the stage makes where its kind's ``StageKind/chaining`` parameter is
  /// `number`, less than it is; what is written then is of the next links.
  func publish(link number: Int) throws

  /// The state that an earlier, interrupted attempt of this very action saved last; of a chain, an attempt to make fewer
  /// of its links, or more.
  func savedState() throws -> Data?
  /// Whether the action is to be done again though it is done: it begins anew, whatever is saved.
  var isForced: Bool { get }
  /// Tells that the saved state is of no use: the action begins anew.
  func ignoreSavedState()
  /// Saves state for a later attempt, replacing what was saved before. Atomic and durable.
  func saveState(_ data: Data) throws

  /// - Throws: when the run was interrupted. Call between units of work.
  func checkCancellation() throws
}

/// An artifact at a list port.
public struct LabeledArtifact: Sendable, Hashable {
  public let label: String
  /// Where it stands in the sweeps that the port collects; empty for one that no sweep reaches.
  public let axes: [Axis]
  public let artifact: Artifact
  public init(label: String, axes: [Axis] = [], artifact: Artifact) {
    self.label = label
    self.axes = axes
    self.artifact = artifact
  }
}

/// One coordinate in a sweep: the parameter that is swept, and its value here.
public struct Axis: Sendable, Hashable, CustomStringConvertible {
  public let name: String
  public let value: Value
  public init(name: String, value: Value) {
    self.name = name
    self.value = value
  }

  /// `steps=40`; no two axes are described alike.
  public var description: String { "\(name)=\(value.spelling)" }
}

/// A file from outside the store.
public struct SourceFile: Sendable, Hashable {
  /// The item's name: the file's name without extension; for a file in a folder parameter, its name with extension.
  public let name: String
  /// Where it is now. Not part of any key.
  public let path: String
  public let digest: Digest
  /// Where it is to be downloaded from, if that has not been done: of each the next where it is not to be had. Empty for a
  /// file of this machine.
  public let urls: [String]
  /// How many bytes there are to download, where the recipe says so.
  public let size: Int?
  public init(name: String, path: String, digest: Digest, urls: [String] = [], size: Int? = nil) {
    self.name = name
    self.path = path
    self.digest = digest
    self.urls = urls
    self.size = size
  }
}

/// A named number shown beside the progress of an action.
public struct ProgressValue: Sendable, Hashable {
  public let name: String
  public let value: Double
  public init(_ name: String, _ value: Double) {
    self.name = name
    self.value = value
  }
}

/// An error that the user can mend: a bad file, an input that does not fit. `run` prints the message as it is.
public struct InputError: Error, Sendable, CustomStringConvertible {
  /// Names the file or input, what was expected and what to do.
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// What a stage computed is of no use, though no file and no input is wrong. `run` prints the message as it is.
public struct ResultError: Error, Sendable, CustomStringConvertible {
  /// Names the item or the place, what was found and what to do.
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A run was interrupted.
public struct Cancelled: Error, Sendable, CustomStringConvertible {
  public init() {}

  public var description: String {
    "interrupted; run the same command to continue: finished work is kept, and a training or fine-tuning resumes where "
      + "it stopped"
  }
}
