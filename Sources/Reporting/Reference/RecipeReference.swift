import ArtifactStore
import JSONSyntax
import Planning
import StageKit

/// What a recipe is made of, beside the kinds of its stages: the words of ``RecipeSchema`` and of `kinds recipe`.
enum RecipeReference {
  /// A key at the top of a recipe.
  struct Key {
    let name: String
    let form: String
    let help: String
  }

  static let keys = [
    Key(name: "recipe", form: "text", help: "The recipe's name. Required."),
    Key(name: "description", form: "text", help: "What it is for."),
    Key(name: "inputs", form: "names to types", help: "What a recipe that uses this one has to give."),
    Key(name: "params", form: "names to values", help: "Values to use as ${name}; {sweep: [a, b]} tries several."),
    Key(
      name: "profiles", form: "names to names to values",
      help: "Values of parameters that `--profile` sets together."),
    Key(name: "zip", form: "list of lists of names", help: "Swept parameters that go together."),
    Key(
      name: "stages", form: "names to stages",
      help: "{kind: {…}} each, of one of the kinds; beside it 'expect' and 'description'. Required."),
    Key(
      name: "outputs", form: "references",
      help: "What a run makes and shows, and what a recipe that uses this one can take; else everything is made."),
  ]

  static let expect = "What each measure of the stage must be, such as \"> 0.15\"; else a run ends with status 3."

  static func help(of key: String) -> JSON { .optional(keys.first { $0.name == key }?.help) }

  /// What `kinds` explains beside kinds, by name.
  static func text(of name: String) -> String? {
    switch name {
    case "recipe":
      "recipe: a file of YAML with these keys at its top.\n\nKeys\n"
        + AlignedText.rows(keys.map { ["  \($0.name)", $0.form, $0.help] })
    case "expect":
      "expect: \(expect)\n\n  expect: { s_dir: \"> 0.15\", mae: \"< 0.2\" }\n\nComparisons\n"
        + AlignedText.rows(
          (Expectation.forms + [Expectation.baselineForm]).map { ["  \"\($0.text)\"", $0.meaning] })
        + "\nWhat is compared is the mean over the items. `kinds metric` lists measures; a table has MEASURE.min_step,\n"
        + "MEASURE.min_margin and MEASURE.max_margin, which compare its rows.\n"
    default: nil
    }
  }

  static func json(of name: String) -> JSON? {
    switch name {
    case "recipe":
      [
        "keys": .array(
          keys.map { ["name": .string($0.name), "form": .string($0.form), "help": .string($0.help)] })
      ]
    case "expect":
      [
        "summary": .string(expect),
        "comparisons": .array(
          (Expectation.forms + [Expectation.baselineForm]).map {
            ["text": .string($0.text), "meaning": .string($0.meaning)]
          }),
      ]
    default: nil
    }
  }
}
