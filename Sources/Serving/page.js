// The page of `diffusionclip serve`: the list of runs, and the one that is chosen, as they change.
"use strict"

const $ = id => document.getElementById(id)
const state = { runs: [], chosen: null, checked: new Set(), sort: { column: "date", down: true }, wanted: 0 }

// Text from outside is always text: elements are made, never parsed, but for the graph, which the server draws.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value)
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value)
  }
  element.append(...children.filter(child => child !== null))
  return element
}

const name = run => `${run.recipe}/${run.id}`
// When a run began, to the millisecond, as its ID tells it; of a run of the old form what its record says.
const began = run => {
  const parts = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-(\d{3})$/.exec(run.id)
  return parts ? `${parts[1]}-${parts[2]}-${parts[3]} ${parts[4]}:${parts[5]}:${parts[6]}.${parts[7]}`
    : (run.date ?? run.id).replace("T", " ").replace("Z", "")
}
// A parameter as people write it; of one that is swept its values.
const written = value => value?.sweep ? value.sweep.map(short).join(", ") : short(value)
const short = value => typeof value === "number" ? Number(value.toPrecision(4)).toString()
  : typeof value === "string" ? value : value === null ? "" : JSON.stringify(value)

function duration(seconds) {
  if (seconds === null) return ""
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

async function get(path) {
  const response = await fetch(path)
  if (!response.ok) throw new Error((await response.text()).trim())
  return response.json()
}

const query = run => `recipe=${encodeURIComponent(run.recipe)}&id=${encodeURIComponent(run.id)}`

// The list

function columns(runs) {
  const parameters = new Set(), measures = new Set()
  for (const run of runs) {
    Object.keys(run.params).forEach(key => parameters.add(key))
    Object.keys(run.measures).forEach(key => measures.add(key))
  }
  // A parameter that is the same in all runs tells nothing.
  const differing = [...parameters].filter(key => new Set(runs.map(run => JSON.stringify(run.params[key] ?? null))).size > 1)
  return [
    { title: "run (UTC)", key: "date", of: began },
    { title: "state", key: "state", of: run => run.state },
    { title: "time", key: "seconds", of: run => run.seconds, show: run => duration(run.seconds), number: true },
    { title: "name", key: "name", of: run => run.name ?? "" },
    { title: "tags", key: "tags", of: run => run.tags.join(", ") },
    ...differing.map(key => ({ title: key, key: `p:${key}`, of: run => run.params[key] ?? null, show: run => written(run.params[key] ?? null) })),
    ...[...measures].slice(0, 12).map(key =>
      ({ title: key, key: `m:${key}`, of: run => run.measures[key] ?? null, number: true })),
  ]
}

// A word is looked for in all that a run is called by and in its parameters; NAME=VALUE is about one fact, tag or parameter.
function matches(run, words) {
  const params = Object.entries(run.params).map(([key, value]) => [key, value?.sweep ? value.sweep.map(short) : [short(value)]])
  const facts = new Map([["recipe", [run.recipe]], ["id", [run.id]], ["state", [run.state]], ["name", [run.name ?? ""]],
    ["note", [run.note ?? ""]], ["tag", run.tags], ["commit", [run.commit ?? ""]], ...params])
  const texts = [run.recipe, run.id, run.state, run.name ?? "", run.note ?? "", ...run.tags, ...params.flatMap(param => param[1])]
  const all = texts.join(" ").toLowerCase()
  return words.every(word => {
    const place = word.indexOf("=")
    if (place < 1) return all.includes(word)
    const [key, value] = [word.slice(0, place), word.slice(place + 1)]
    const found = [...facts].find(fact => fact[0].toLowerCase() === key)?.[1] ?? []
    const isText = ["id", "note", "commit"].includes(key)
    return found.some(one => isText ? one.toLowerCase().includes(value)
      : one.toLowerCase() === value || (value !== "" && Number(one) === Number(value)))
  })
}

function showList() {
  const words = $("filter").value.toLowerCase().split(/[\s,]+/).filter(word => word)
  const runs = state.runs.filter(run => matches(run, words))
  const all = columns(runs)
  const sorted = all.find(column => column.key === state.sort.column) ?? all[0]
  const order = (a, b) => {
    const [x, y] = [sorted.of(a), sorted.of(b)]
    if (x === null || y === null) return (x === null) - (y === null)
    const difference = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y))
    return state.sort.down ? -difference : difference
  }
  runs.sort(order)
  $("columns").replaceChildren(make("th", {}, ""), ...all.map(column => {
    const isSorted = column === sorted
    const sort = isSorted ? (state.sort.down ? "descending" : "ascending") : "none"
    const mark = isSorted ? (state.sort.down ? " ↓" : " ↑") : ""
    return make("th", { scope: "col", "aria-sort": sort, class: column.number ? "number" : null },
      make("button", { type: "button", onclick: () => {
        state.sort = { column: column.key, down: isSorted ? !state.sort.down : column.key === "date" }
        showList()
      } }, column.title + mark))
  }))
  const focused = document.activeElement?.dataset?.run
  $("runs").replaceChildren(...runs.map(run => {
    const key = name(run)
    const box = make("input", { type: "checkbox", "aria-label": `compare ${key}`, onchange: event => {
      event.target.checked ? state.checked.add(key) : state.checked.delete(key)
      showChecked()
    } })
    box.checked = state.checked.has(key)
    const cells = all.map(column => {
      if (column.key === "date") {
        return make("td", {}, make("button", { type: "button", class: "open", "data-run": key, onclick: () => choose(run) },
          run.recipe), make("span", { class: "soft" }, ` ${began(run)}`))
      }
      const text = column.show ? column.show(run) : short(column.of(run))
      const kind = column.key === "state" ? run.state : column.number ? "number" : null
      return make("td", { class: kind }, text)
    })
    return make("tr", { "aria-selected": String(key === state.chosen) }, make("td", {}, box), ...cells)
  }))
  if (focused) document.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus()
  $("none").hidden = state.runs.length > 0
  showChecked()
}

function showChecked() {
  const there = new Set(state.runs.map(name))
  for (const key of state.checked) if (!there.has(key)) state.checked.delete(key)
  $("compare").disabled = state.checked.size < 2
  $("compare").textContent = state.checked.size < 2 ? "Compare (check two runs)" : `Compare ${state.checked.size} runs`
}

// One run

function choose(run) {
  state.chosen = name(run)
  location.hash = encodeURIComponent(state.chosen)
  showList()
  showRun()
}

async function showRun() {
  const run = state.runs.find(run => name(run) === state.chosen)
  const section = $("run")
  document.querySelector("main").classList.toggle("split", run !== undefined)
  if (!run) { section.hidden = true; return }
  const mine = ++state.wanted
  let detail
  try { detail = await get(`run?${query(run)}`) } catch (error) { $("link").textContent = error.message; return }
  if (mine !== state.wanted) return
  const { summary } = detail
  const facts = [summary.id, summary.name, summary.tags.join(", "), duration(summary.seconds), detail.host,
    summary.commit?.slice(0, 10), summary.note].filter(fact => fact)
  const parts = [
    make("h2", {}, summary.recipe, " ", make("span", { class: summary.state }, summary.state)),
    make("p", { class: "soft" }, facts.join(" · ")),
    detail.description ? make("p", {}, detail.description) : null,
    detail.error ? make("pre", { class: "failed error" }, detail.error) : null,
    detail.report ? make("p", {}, make("a", { href: `report?${query(run)}`, target: "_blank", rel: "noreferrer" }, "The report")) : null,
  ]
  const set = Object.entries(detail.overlays).map(([key, value]) => `${key}=${short(value)}`)
  if (set.length) parts.push(make("p", {}, "Set for this run: ", make("b", {}, set.join(", "))))
  for (const item of detail.progress) {
    const bar = make("progress", item.total ? { max: item.total, value: item.completed ?? 0 } : {})
    const values = Object.entries(item.values ?? {}).map(([key, value]) => `${key} ${short(value)}`).join(", ")
    const count = item.total ? ` ${item.completed} of ${item.total} ${item.unit}` : ""
    parts.push(make("p", {}, bar, ` ${item.id}${count} `, make("span", { class: "soft" }, values)))
  }
  if (detail.previews.length) {
    parts.push(make("h3", {}, "On the way"))
    parts.push(make("div", { class: "pictures" }, ...detail.previews.map(preview => {
      const source = `preview?${query(run)}&file=${encodeURIComponent(preview.file)}&at=${Date.now()}`
      const figure = make("figure", {}, make("img", { src: source, alt: preview.id, onerror: () => figure.remove() }),
        make("figcaption", { title: preview.file }, preview.id))
      return figure
    })))
  }
  if (detail.expectations.length) {
    parts.push(make("h3", {}, "Expectations"), make("div", { class: "scroll" }, make("table", {}, make("tbody", {},
      ...detail.expectations.map(one => make("tr", {}, make("td", {}, one.stage), make("td", {}, one.measure),
        make("td", {}, one.expected), make("td", { class: "number" }, short(one.value)),
        make("td", { class: one.held ? "held" : "failed" }, one.held ? "held" : "missed")))))))
  }
  parts.push(make("h3", {}, "Stages"))
  const graph = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The graph of the stages" })
  graph.append(new DOMParser().parseFromString(detail.graph.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"'),
    "image/svg+xml").documentElement)
  parts.push(graph)
  parts.push(...curves(detail.curves))
  if (detail.pictures.length) {
    parts.push(make("h3", {}, "Pictures, the newest first"))
    parts.push(make("div", { class: "pictures" }, ...detail.pictures.map(picture => {
      const label = `${picture.stage} ${picture.item ?? ""}`
      const figure = make("figure", {}, make("img", { src: `picture?${picture.object ? `object=${picture.object}` : `key=${picture.key}`}`, alt: label, loading: "lazy",
        onerror: () => figure.remove() }), make("figcaption", { title: label }, picture.item ?? picture.stage))
      return figure
    })))
  }
  if (detail.log.length) parts.push(make("h3", {}, "Log"), make("pre", { tabindex: "0" }, detail.log.join("\n")))
  section.replaceChildren(...parts.filter(part => part))
  section.hidden = false
}

const colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]

// A plot for each stage that told numbers on its way, with a line for each of them; of a stage that goes item by item a
// plot for each number, with a line for each item.
function curves(all) {
  const groups = new Map()
  const stages = new Set(all.filter(curve => curve.item !== null).map(curve => curve.stage))
  for (const curve of all.filter(curve => curve.points.length > 1)) {
    const isItemwise = stages.has(curve.stage)
    const title = isItemwise ? `${curve.stage}: ${curve.value}` : curve.stage
    if (!groups.has(title)) groups.set(title, [])
    groups.get(title).push({ value: isItemwise ? curve.item : curve.value, points: curve.points })
  }
  return [...groups].slice(0, 12).flatMap(([title, curves]) => [make("h3", {}, title), plot(curves)])
}

function plot(curves) {
  const [width, height, left, bottom, top] = [540, 210, 52, 24, 22]
  const xs = curves.flatMap(curve => curve.points.map(point => point[0]))
  const ys = curves.flatMap(curve => curve.points.map(point => point[1]))
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const x = value => left + (value - x0) / (x1 - x0 || 1) * (width - left - 10)
  const y = value => height - bottom - (value - y0) / (y1 - y0 || 1) * (height - bottom - top)
  const svg = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag)
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
    if (text !== undefined) element.textContent = text
    return element
  }
  const drawing = svg("svg", { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": curves.map(curve => `${curve.value}: ${short(curve.points.at(-1)[1])}`).join(", ") })
  for (const value of [y0, y1]) {
    drawing.append(svg("line", { class: "axis", x1: left, x2: width - 10, y1: y(value), y2: y(value) }),
      svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)))
  }
  drawing.append(svg("text", { x: left, y: height - 6 }, short(x0)),
    svg("text", { x: width - 10, y: height - 6, "text-anchor": "end" }, short(x1)))
  let legend = left
  curves.forEach((curve, place) => {
    const color = colors[place % colors.length]
    drawing.append(svg("polyline", { points: curve.points.map(point => `${x(point[0])},${y(point[1])}`).join(" "), stroke: color }))
    drawing.lastChild.append(svg("title", {}, curve.value))
    const isLast = legend + 60 + curve.value.length * 7 > width && place < curves.length - 1
    if (legend === null || legend > width) return
    const label = svg("text", { x: legend, y: 14 }, isLast ? `… ${curves.length - place} more` : `— ${curve.value}`)
    if (!isLast) label.style.fill = color
    drawing.append(label)
    legend = isLast ? null : legend + 26 + curve.value.length * 7
  })
  return drawing
}

// News

async function refresh() {
  try { state.runs = await get("runs") } catch (error) { $("link").textContent = error.message; return }
  if (state.chosen === null && location.hash) state.chosen = decodeURIComponent(location.hash.slice(1))
  if (state.chosen === null) state.chosen = state.runs.filter(run => run.state === "running").map(name)[0] ?? null
  showList()
}

function follow() {
  const news = new EventSource("events")
  news.onopen = () => { $("link").textContent = "" ; refresh().then(showRun) }
  news.onmessage = async event => {
    await refresh()
    if (JSON.parse(event.data).includes(state.chosen)) showRun()
  }
  news.onerror = () => { $("link").textContent = "not connected: is `diffusionclip serve` still running?" }
}

$("filter").addEventListener("input", showList)
$("compare").addEventListener("click", () => {
  // The oldest first, whatever was checked first: it is what the others are held against.
  const age = new Map(state.runs.map(run => [name(run), run.id]))
  const runs = [...state.checked].sort((a, b) => age.get(a) < age.get(b) ? -1 : 1)
    .map(key => `run=${encodeURIComponent(key)}`).join("&")
  open(`compare?${runs}`, "_blank", "noreferrer")
})
addEventListener("hashchange", () => {
  state.chosen = location.hash ? decodeURIComponent(location.hash.slice(1)) : null
  showList()
  showRun()
})
follow()
