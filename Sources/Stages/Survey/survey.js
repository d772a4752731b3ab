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
