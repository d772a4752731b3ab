import ArtifactStore
import Escaping
import Foundation
import JSONSyntax
import StageKit

/// A page that shows pairs of pictures and collects which of each is preferred. It needs nothing else: no network, no
/// server; votes stay in the browser until they are saved as a file.
struct SurveyPage {
  /// One pair, and what is shown with it.
  struct Trial {
    let left: Artifact.Item
    let right: Artifact.Item
    let original: Artifact.Item?
    /// What shall have changed.
    let change: String?

    /// Their names are not for the page.
    fileprivate var pictures: [(role: String, item: Artifact.Item)] {
      [("left", left), ("right", right)] + (original.map { [("original", $0)] } ?? [])
    }
  }

  /// Names everything that the page shows: the first 16 hexadecimal digits of its SHA-256.
  let id: String
  let html: String

  /// - Parameter png: the file of a picture, called once for each content.
  init(
    title: String?, question: String, instructions: String?, trials: [Trial], png: (Artifact.Item) throws -> Data
  ) throws {
    let texts: [JSON.Member] = [
      .init("title", Self.text(title)), .init("question", Self.text(question)),
      .init("instructions", Self.text(instructions)),
    ]
    func shown(_ picture: (Digest) -> JSON) -> JSON.Member {
      .init(
        "trials",
        .array(
          trials.map { trial in
            .object(
              trial.pictures.map { .init($0.role, picture($0.item.object)) } + [
                .init("change", Self.text(trial.change))
              ]
            )
          }))
    }
    id = String(Digest(of: JSON.object(texts + [shown { .string($0.hex) }]).text).hex.prefix(16))

    // A picture that several trials show stands in the page once, where the first of them has it.
    var places: [Digest: Int] = [:]
    var files: [JSON] = []
    for item in trials.flatMap(\.pictures).map(\.item) where places[item.object] == nil {
      places[item.object] = files.count
      files.append(.string(try png(item).base64EncodedString()))
    }
    let data = JSON.object(
      [.init("id", .string(id))] + texts + [shown { .int(places[$0] ?? 0) }, .init("pictures", .array(files))])
    html = """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><title>Survey</title>
      <meta name="viewport" content="width=device-width, initial-scale=1">
      \(PagePolicy(styles: [Self.style], scripts: [Self.script]).element)
      <style>\(Self.style)</style></head>
      <body>\(Self.body)
      <script id="data" type="application/json">\(data.text)</script>
      <script>\(Self.script)</script>
      </body></html>

      """
  }

  /// A text from outside, or null. All of them come into the page as JSON.
  private static func text(_ text: String?) -> JSON {
    .written(Array(Escape.jsonInHTML(JSON.optional(text).text).utf8))
  }

  private static let style = #"""
    :root { color-scheme: light dark; --ink: #1c2430; --soft: #5b667a; --line: #d9dfe8; --paper: #fff; --wash: #f5f7fa;
      --accent: #2c68b8; --on-accent: #fff }
    @media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #a2acbc; --line: #364152; --paper: #14191f;
      --wash: #1c232c; --accent: #82b4f2; --on-accent: #10151b } }
    * { box-sizing: border-box }
    [hidden] { display: none !important }
    body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, sans-serif }
    main { max-width: 68rem; margin: 0 auto; padding: clamp(1rem, 4vh, 3rem) clamp(.8rem, 4vw, 2rem) }
    h1 { font-size: 1.7rem; line-height: 1.25; letter-spacing: -.015em; margin: 0 0 .8rem; text-wrap: balance }
    h1:focus { outline: none }
    #start, #end { max-width: 34rem; margin: 0 auto }
    #about { white-space: pre-line }
    .soft { color: var(--soft); font-size: .92rem }
    kbd { font: .85em ui-monospace, monospace; padding: .1em .45em; border: 1px solid var(--line); border-radius: 5px;
      background: var(--wash); white-space: nowrap }
    label { display: block; font-weight: 600; margin: 1.6rem 0 .4rem }
    input { width: 100%; font: inherit; color: inherit; background: var(--paper); padding: .6rem .8rem;
      border: 1px solid var(--soft); border-radius: 8px }
    button { font: inherit; color: inherit; cursor: pointer; background: var(--wash); border: 1px solid var(--line);
      border-radius: 8px; padding: .6rem 1.1rem; min-height: 44px }
    button:disabled { opacity: .45; cursor: default }
    button:enabled:hover { border-color: var(--accent) }
    button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600 }
    button:focus-visible, input:focus-visible, summary:focus-visible { outline: 3px solid var(--accent);
      outline-offset: 2px }
    .actions { display: flex; flex-wrap: wrap; gap: .7rem; margin-top: 1.3rem }
    #trial { text-align: center }
    #trial h1 { font-size: 1.4rem; margin-bottom: .3rem }
    #change { margin: 0 0 .4rem; font-size: 1.1rem; color: var(--soft) }
    #change b { color: var(--ink) }
    #pictures { display: grid; gap: 1.1rem; grid: "left original right" auto / 1fr 1fr 1fr; margin: 1.3rem auto }
    #pictures.pair { grid: "left right" auto / 1fr 1fr; max-width: 50rem }
    #pictures > * { margin: 0; padding: .7rem; border: 2px solid transparent; border-radius: 14px; min-width: 0 }
    #pictures button { background: var(--wash); border-color: var(--line) }
    #pictures button:hover { border-color: var(--accent) }
    #pictures button[aria-pressed=true] { border-color: var(--accent); box-shadow: 0 0 0 2px var(--accent) }
    #pictures img { display: block; width: 100%; max-height: 58vh; object-fit: contain; border-radius: 6px }
    #pictures img.small { image-rendering: pixelated }
    #pictures span, figcaption { display: block; margin-top: .6rem; color: var(--soft) }
    #left { grid-area: left }
    #right { grid-area: right }
    #original { grid-area: original }
    nav { display: grid; grid-template-columns: 1fr auto 1fr; align-items: center; gap: .8rem; max-width: 50rem;
      margin: 0 auto }
    nav button { white-space: nowrap }
    nav :first-child { justify-self: start }
    nav :last-child { justify-self: end }
    progress { display: block; width: 100%; height: 4px; appearance: none; border: 0; border-radius: 2px;
      background: var(--line); margin-bottom: 1.6rem; overflow: hidden }
    progress::-webkit-progress-bar { background: var(--line) }
    progress::-webkit-progress-value { background: var(--accent) }
    progress::-moz-progress-bar { background: var(--accent) }
    #count { color: var(--soft); font-variant-numeric: tabular-nums }
    details { margin-top: 1.6rem }
    pre { overflow: auto; max-height: 40vh; padding: .8rem; border-radius: 8px; background: var(--wash);
      font: 13px/1.5 ui-monospace, monospace }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
    @media (max-width: 46rem) and (max-aspect-ratio: 1) {
      body { font-size: 16px }
      #trial h1 { font-size: 1.2rem }
      #pictures { grid: "original original" auto "left right" auto / 1fr 1fr; gap: .6rem; margin: .7rem auto }
      #pictures > * { padding: .45rem }
      #pictures #original { width: 50%; margin: 0 auto; padding-top: 0 }
      #pictures img { max-height: 34vh }
      figcaption { margin-top: .2rem }
      progress { margin-bottom: .9rem }
    }
    @media (hover: none) { .keys, #pictures kbd { display: none } }
    """#

  private static let body = #"""
    <main>
    <noscript><p>This page needs JavaScript.</p></noscript>
    <form id="start" hidden>
      <h1></h1>
      <p id="about"></p>
      <p>You will see <b id="total"></b>. For each, choose the left or the right picture by a click or a tap.
        <span class="keys">On a keyboard, <kbd>←</kbd> <kbd>A</kbd> or <kbd>1</kbd> is the left one, <kbd>→</kbd>
        <kbd>B</kbd> or <kbd>2</kbd> the right one, and <kbd>Backspace</kbd> goes back.</span></p>
      <p class="soft">Nothing is sent anywhere. Your answers stay in this browser, also when you close the page, until
        you save them as a file.</p>
      <label for="participant">Your name or number</label>
      <input id="participant" autocomplete="off" maxlength="100" aria-describedby="hint">
      <p id="hint" class="soft">You may leave it empty.</p>
      <div class="actions">
        <button id="begin" class="main">Begin</button>
        <button id="anew" type="button" hidden>Discard the answers and start anew</button>
      </div>
    </form>
    <section id="trial" hidden>
      <progress value="0" aria-hidden="true"></progress>
      <h1 tabindex="-1"></h1>
      <p id="change">Wanted: <b></b></p>
      <div id="pictures">
        <figure id="original"><img alt="original picture"><figcaption>Original</figcaption></figure>
        <button id="left" type="button">
          <img alt="left picture"><span aria-hidden="true"><kbd>←</kbd> A</span></button>
        <button id="right" type="button">
          <img alt="right picture"><span aria-hidden="true">B <kbd>→</kbd></span></button>
      </div>
      <nav aria-label="Progress">
        <button id="back" type="button">Back</button>
        <span id="count"></span>
        <button id="save" type="button">Save votes</button>
      </nav>
    </section>
    <section id="end" hidden>
      <h1 tabindex="-1">Thank you</h1>
      <p>That was the last one. Your votes have been saved as <b id="file"></b>: please give that file to whoever asked
        you.</p>
      <div class="actions">
        <button id="again" class="main" type="button">Save votes again</button>
        <button id="return" type="button">Back</button>
        <button id="next" type="button">Next participant</button>
      </div>
      <details><summary>No file? Here are the votes as text.</summary><pre id="votes" tabindex="0"></pre></details>
    </section>
    <p id="unkept" class="soft" hidden>This browser does not keep answers: save your votes before you close the
      page.</p>
    </main>
    <p id="news" class="unseen" role="status"></p>
    """#

  private static let script = #"""
    "use strict"
    const find = id => document.getElementById(id)
    const survey = JSON.parse(find("data").textContent)
    const count = survey.trials.length
    const shelf = "survey-" + survey.id

    // Who answers, and their answers by the trial's number: {choice, seconds}.
    let state = recalled()
    // The number of the trial that is shown, from 1, and since when, in milliseconds.
    let trial = 0
    let since = 0

    function nobody() { return { participant: "", answers: {} } }

    function recalled() {
      try {
        return Object.assign(nobody(), JSON.parse(localStorage.getItem(shelf)))
      } catch {
        return nobody()
      }
    }

    function keep() {
      try {
        localStorage.setItem(shelf, JSON.stringify(state))
      } catch {
        find("unkept").hidden = false
      }
    }

    // Screens

    function show(screen) {
      for (const id of ["start", "trial", "end"]) find(id).hidden = id !== screen
      scrollTo(0, 0)
    }

    function welcome() {
      const answered = Object.keys(state.answers).length
      find("participant").value = state.participant
      find("begin").textContent = answered ? `Continue, ${answered} of ${count} are answered` : "Begin"
      find("anew").hidden = !answered
      show("start")
    }

    function begin(event) {
      event.preventDefault()
      state.participant = find("participant").value.trim() || state.participant || randomName()
      keep()
      trial = 1
      while (state.answers[trial]) trial += 1
      ask()
      document.querySelector(trial > count ? "#end h1" : "#trial h1").focus()
    }

    function randomName() {
      return "p" + Array.from(crypto.getRandomValues(new Uint32Array(2)), x => x.toString(16).padStart(8, "0")).join("")
    }

    // Shows the trial, or the end behind the last one.
    function ask() {
      if (trial > count) return finish()
      const shown = survey.trials[trial - 1]
      for (const role of ["left", "right", "original"]) {
        const picture = survey.pictures[shown[role]]
        const image = find(role).querySelector("img")
        if (picture) image.src = "data:image/png;base64," + picture
      }
      const chosen = state.answers[trial]?.choice
      for (const side of ["left", "right"]) find(side).setAttribute("aria-pressed", side === chosen)
      find("original").hidden = shown.original === undefined
      find("pictures").classList.toggle("pair", shown.original === undefined)
      find("change").hidden = !shown.change
      find("change").querySelector("b").textContent = shown.change
      find("count").textContent = `${trial} of ${count}`
      find("back").disabled = trial === 1
      const progress = document.querySelector("progress")
      progress.max = count
      progress.value = trial - 1
      find("news").textContent = `${trial} of ${count}` + (shown.change ? `. Wanted: ${shown.change}` : "")
      show("trial")
      since = performance.now()
    }

    function finish() {
      find("file").textContent = fileName()
      find("votes").textContent = votes()
      find("news").textContent = "That was the last one."
      show("end")
    }

    // Answers

    function choose(side) {
      state.answers[trial] = { choice: side, seconds: (performance.now() - since) / 1000 }
      keep()
      trial += 1
      ask()
      if (trial > count) save()
    }

    function back() {
      if (trial <= 1) return
      trial -= 1
      ask()
    }

    function votes() {
      const rows = [["survey", "participant", "trial", "choice", "seconds"]]
      for (let number = 1; number <= count; number += 1) {
        const answer = state.answers[number]
        if (answer) rows.push([survey.id, state.participant, number, answer.choice, answer.seconds.toFixed(1)])
      }
      return rows.map(row => row.map(quoted).join(",") + "\n").join("")
    }

    function quoted(cell) {
      const text = String(cell)
      return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text
    }

    function fileName() { return `votes-${state.participant.replace(/[^\p{L}\p{N}._-]+/gu, "_")}.csv` }

    function save() {
      const link = document.createElement("a")
      link.href = URL.createObjectURL(new Blob([votes()], { type: "text/csv" }))
      link.download = fileName()
      link.click()
      setTimeout(() => URL.revokeObjectURL(link.href), 60000)
    }

    function startAnew() {
      if (!confirm("Have the votes been saved? They will be gone from this page.")) return
      state = nobody()
      keep()
      welcome()
    }

    // Events

    const keys = { arrowleft: "left", a: "left", 1: "left", arrowright: "right", b: "right", 2: "right" }

    document.addEventListener("keydown", event => {
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || !find("start").hidden) return
      const side = keys[event.key.toLowerCase()]
      if (side && !find("trial").hidden) {
        event.preventDefault()
        choose(side)
      } else if (event.key === "Backspace") {
        event.preventDefault()
        back()
      }
    })

    for (const side of ["left", "right"]) {
      // The second click of a double click is not for the next pair.
      find(side).addEventListener("click", event => { if (event.detail < 2) choose(side) })
    }
    for (const image of document.images) {
      image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth <= 200))
    }
    for (const id of ["back", "return"]) find(id).addEventListener("click", back)
    for (const id of ["save", "again"]) find(id).addEventListener("click", save)
    for (const id of ["anew", "next"]) find(id).addEventListener("click", startAnew)
    find("start").addEventListener("submit", begin)

    document.title = survey.title ?? survey.question
    document.querySelector("#start h1").textContent = survey.title ?? survey.question
    document.querySelector("#trial h1").textContent = survey.question
    find("about").textContent = survey.instructions ?? ""
    find("about").hidden = !survey.instructions
    find("total").textContent = count === 1 ? "one pair of pictures" : `${count} pairs of pictures`
    welcome()
    """#
}
