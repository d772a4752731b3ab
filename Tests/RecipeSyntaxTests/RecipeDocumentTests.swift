import RecipeSyntax
import Testing

struct RecipeDocumentTests {
  private func document(_ text: String) throws -> (document: RecipeDocument, errors: String) {
    let source = SourceText(file: "r.yaml", text: text)
    var problems = Problems()
    let root = try NodeReader.read(source, into: &problems)
    let document = RecipeDocument(root, into: &problems)
    return (document, Diagnostics(problems.errors, sources: [source]).description)
  }

  @Test func parts() throws {
    let (document, errors) = try document(
      """
      recipe: quickstart
      description: What it is for.
      params: { a: 1, b: [x] }
      stages:
        base: { load: { diffusion: a.pt }, description: a model, expect: { mae: "< 1" } }
        next: { invert: }
      outputs: [base, next.latents]
      """)
    #expect(errors == "")
    #expect(document.name == "quickstart")
    #expect(document.description == "What it is for.")
    #expect(document.parameters.map(\.key.text) == ["a", "b"])
    #expect(document.stages.map(\.name.text) == ["base", "next"])
    #expect(document.stages[0].description == "a model")
    #expect(document.stages[0].expectations.map(\.key.text) == ["mae"])
    #expect(document.stages[0].contents.map(\.key.text) == ["load"])
    #expect(document.outputs?.compactMap(\.value.scalar?.text) == ["base", "next.latents"])
    #expect(document.outputs?.map(\.key.text) == ["base", "next.latents"])
  }

  @Test func partsOfARecipeThatOthersUse() throws {
    let (document, errors) = try document(
      """
      recipe: translation
      inputs: { images: images }
      zip: [[a, b], [c, d]]
      stages: { next: { invert: } }
      outputs: { result: next }
      """)
    #expect(errors == "")
    #expect(document.inputs.map(\.key.text) == ["images"])
    #expect(document.zips.map { $0.map(\.text) } == [["a", "b"], ["c", "d"]])
    #expect(document.outputs?.map(\.key.text) == ["result"])
  }

  @Test func unknownKeysAndLonelyZips() throws {
    let text = """
      recipe: r
      inputs: {}
      stagse: {}
      authors: me
      zip: a
      """
    #expect(
      try document(text).errors == """
        r.yaml:3:1: error: unknown key 'stagse' in a recipe
           3 | stagse: {}
             | ^
             help: did you mean 'stages'?
        r.yaml:4:1: error: unknown key 'authors' in a recipe
           4 | authors: me
             | ^
             help: a recipe has recipe, description, inputs, params, profiles, zip, stages, outputs
        r.yaml:5:6: error: 'zip' must list two or more parameters that are swept together
           5 | zip: a
             |      ^
             help: write zip: [a, b], or zip: [[a, b], [c, d]]
        """)
  }

  @Test func wrongShapes() throws {
    let text = """
      recipe: [a]
      description: {a: b}
      params: 3
      stages:
        1st: { load: { clip: a } }
        b: load
        c: { description: nothing }
      """
    #expect(
      try document(text).errors == """
        r.yaml:1:9: error: 'recipe' must be a name, not a list
           1 | recipe: [a]
             |         ^
             help: names are made of letters, digits, '_' and '-', and start with a letter or '_'
        r.yaml:2:14: error: 'description' must be a text, not a mapping
           2 | description: {a: b}
             |              ^
        r.yaml:3:9: error: 'params' must be a mapping, not 3
           3 | params: 3
             |         ^
             help: write 'name: value' lines below it
        r.yaml:5:3: error: '1st' cannot name a stage
           5 |   1st: { load: { clip: a } }
             |   ^
             help: names are made of letters, digits, '_' and '-', and start with a letter or '_'
        r.yaml:6:6: error: stage 'b' must be a mapping, not the text 'load'
           6 |   b: load
             |      ^
             help: write b: {kind: {…}}
        r.yaml:7:3: error: stage 'c' has no kind
           7 |   c: { description: nothing }
             |   ^
             help: write c: {kind: {…}}
        """)
  }

  @Test func notEvenAMapping() throws {
    #expect(
      try document("- a").errors == """
        r.yaml:1:1: error: a recipe must be a mapping, not a list
           1 | - a
             | ^
             help: a recipe starts with 'recipe: name', and then has 'stages:'
        """)
  }

  @Test func nothingRequiredIsThere() throws {
    #expect(
      try document("params: {a: 1}").errors == """
        r.yaml:1:1: error: the recipe has no 'recipe'
           1 | params: {a: 1}
             | ^
             help: a recipe starts with 'recipe: name', and then has 'stages:'
        r.yaml:1:1: error: the recipe has no 'stages'
           1 | params: {a: 1}
             | ^
             help: a recipe starts with 'recipe: name', and then has 'stages:'
        """)
  }
}
