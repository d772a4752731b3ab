import Engine
import EngineTestSupport
import Foundation
import StageKit
import Testing

@Suite struct ExitStatusTests {
  @Test func everyErrorHasItsStatus() {
    #expect(ExitStatus(of: Cancelled()).rawValue == 130)
    #expect(ExitStatus(of: InputError("no")).rawValue == 2)
    #expect(ExitStatus(of: ExecutionError.changedSource(path: "a")).rawValue == 2)
    #expect(ExitStatus(of: ExecutionError.brokenDeclaration(kind: "a", problem: "b")).rawValue == 1)
    #expect(ExitStatus(of: TestError.broken).rawValue == 1)
  }
}
