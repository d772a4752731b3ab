import ArgumentParser
import ArtifactStore
import Execution
import Foundation

/// Prints text as it is.
func printText(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

/// Prints a value on a line of its own.
func printLine(_ json: JSON) { printText(json.text + "\n") }

/// Prints a message for people.
func complain(_ message: String) { FileHandle.standardError.write(Data("\(message)\n".utf8)) }

/// Does a command's work; an error is printed as it is, and becomes the exit status that it means.
func reportingErrors(_ work: () async throws -> Void) async throws {
  do { try await work() } catch let exit as ExitCode { throw exit } catch {
    complain("\(error)")
    throw ExitCode(ExitStatus(of: error).rawValue)
  }
}
