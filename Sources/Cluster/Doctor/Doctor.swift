import ArtifactStore
import Escaping
import Foundation

/// Tries in a folder all that the store needs of a file system.
public enum Doctor {
  /// - Parameters:
  ///   - folder: an absolute path; made for the time being where it is missing.
  ///   - other: how to start a program on another machine that shares the folder, and this program's path there.
  ///   - token: a UUID for this examination alone, for ``cleanUp(after:in:)``.
  /// - Throws: ``UnreachableMachine``; what is wrong with the folder is found, not thrown.
  public static func examine(
    _ folder: String, with other: (command: [String], program: String)? = nil, token: String
  ) throws(UnreachableMachine) -> Examination {
    let scratch: Scratch
    do { scratch = try Scratch(in: folder, token: token) } catch {
      var examination = Examination(folder, mount: Mount(of: nearest(folder)))
      examination.checks.append(.init(name: "folder", finding: .unsafe, detail: error.description))
      return examination
    }
    defer { scratch.remove() }
    var examination = Examination(folder, mount: Mount(of: folder))
    if let mount = examination.mount {
      examination.checks.append(
        .init(name: "file system", finding: .ok, detail: "\(mount.kind): \(mount.known.remark)"))
    }
    let checks = FolderChecks(folder: scratch.folder)
    examination.checks += checks.all()
    if checks.hasNoLocks, examination.reach != .unshared { examination.reach = .oneMachine }
    // What is wrong here comes first.
    if let other, examination.verdict != .unsafe {
      let machine = try OtherMachine(other.command, program: other.program, token: token, folder: folder)
      let found = try MachineChecks(folder: scratch.folder, other: machine).all()
      examination.checks += found.checks
      examination.reach = found.reach
    }
    return examination
  }

  /// The nearest folder around `path` that is there.
  private static func nearest(_ path: String) -> String {
    var path = path
    while path != "/", !path.isEmpty, access(path, F_OK) != 0 { path = path.parentFolder }
    return path
  }

  /// A folder to try things in, in a folder that is left as it was found.
  private struct Scratch {
    let folder: String
    /// Folders that were missing, the outermost first.
    private var made: [String] = []

    init(in parent: String, token: String) throws(StoreError) {
      folder = Doctor.scratch(token, in: parent)
      var missing = parent
      while access(missing, F_OK) != 0, !missing.isEmpty, missing != "/" {
        made.insert(missing, at: 0)
        missing = missing.parentFolder
      }
      do {
        try Files.makeFolder(folder)
      } catch {
        remove()
        throw error
      }
    }

    func remove() {
      try? Files.removeTree(Place(folder))
      for folder in made.reversed() { rmdir(folder) }
    }
  }

  /// Removes what an examination that is given up has in the folder.
  public static func cleanUp(after token: String, in folder: String) {
    // Out of reach first: the examination is still making files, by the folder's name.
    let (reachable, gone) = (scratch(token, in: folder), scratch(token, in: folder) + ".gone")
    rename(reachable, gone)
    for path in [gone, reachable] { try? Files.removeTree(Place(path)) }
  }

  /// Where two machines find each other.
  static func scratch(_ token: String, in folder: String) -> String { "\(folder)/.doctor-\(token)" }
}
