import Diffusion
import Foundation
import TestSupport
import Testing

@Suite struct PromptTemplatesTests {
  @Test func areCLIPsWithoutMany() throws {
    let text = try String(contentsOfFile: fixture("templates.txt"), encoding: .utf8)
    let expected = text.split(separator: "\n").map(String.init)
    #expect(PromptTemplates.imageNet == expected)
    #expect(PromptTemplates.imageNet.count == 79 && Set(PromptTemplates.imageNet).count == 79)
    #expect(!PromptTemplates.imageNet.contains { $0.contains("many") })
  }

  @Test func areFilled() {
    #expect(PromptTemplates.fill("itap of my {}.", with: "angry face") == "itap of my angry face.")
    #expect(Set(PromptTemplates.imageNet.map { PromptTemplates.fill($0, with: "x") }).count == 79)
  }
}
