import ArgumentParser
import ArtifactStore
import Engine
import Escaping
import JSONSyntax
import Reporting

/// Prints text. Control characters and the like, which names from outside may hold, are shown as what they are.
func printText(_ text: String) { StandardStream.output.write(Escape.terminal(text)) }

/// Prints a value on a line of its own.
func printLine(_ json: JSON) { StandardStream.output.write(Escape.jsonOnTerminal(json.text) + "\n") }

/// Prints a message for people.
func complain(_ message: String) { StandardStream.errors.write(Escape.terminal(message) + "\n") }

/// Tells how a run goes: a program on standard output, or a person on standard error; what only a person can do
/// something about on standard error in any case.
func reporter(json: Bool) -> @Sendable (RunEvent) -> Void {
  let lines = LineReporter.standardError()
  guard json else { return lines.report }
  let events = JSONReporter.standardOutput()
  return { event in
    if case .notice = event { lines.report(event) } else { events.report(event) }
  }
}

/// Does a command's work; an error is printed as it is, and becomes the exit status that it means.
func reportingErrors(_ work: () async throws -> Void) async throws {
  var status = ExitStatus.done.rawValue
  do { try await work() } catch let exit as ExitCode { status = exit.rawValue } catch {
    complain("\(error)")
    status = ExitStatus(of: error).rawValue
  }
  if let failure = StandardStream.output.failure {
    complain("the output could not be written: \(failure)")
    if status == ExitStatus.done.rawValue { status = ExitStatus.stageFailed.rawValue }
  }
  if status != ExitStatus.done.rawValue { throw ExitCode(status) }
}
