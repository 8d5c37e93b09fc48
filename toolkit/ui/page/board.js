// The table of a race: rows are made once an entry and then only their changed texts are written, so that nothing
// flickers, the selection stays and focus is kept while numbers stream.

// One promise: what is promised with its Check, how it stands in one sentence, the formula, and what it rests on.
function promise_row(model, uid, index) {
  const item = make("li"), body = make("div", "body"), head = make("p", "head")
  const sign = make("span", "sign"), title = make("span", "title"), button = make("button", "check", "Check")
  const told = make("p", "verdict"), tex = make("p", "tex"), ground = make("p", "ground")
  const assumes = make("span", "assumes"), link = make("a", "source"), points = make("table", "points")
  link.target = "_blank"; link.rel = "noopener"
  sign.setAttribute("aria-hidden", "true")
  button.addEventListener("click", () => model.send_msg({check: [uid, index]}))
  head.append(title, button); ground.append(assumes, link)
  body.append(head, told, tex, points, ground)
  item.append(sign, body)
  lights(model, item, uid, index)
  return {item, sign, title, told, tex, link, assumes, button, points}
}

// Who points at a promise, or comes to it by keyboard, sees its dashed line stand out in the plot.
function lights(model, item, uid, index) {
  let lit = false
  const light = (on) => {
    on = on && item.tabIndex === 0
    if (on === lit) return
    lit = on
    model.send_msg({light: on ? [uid, index] : []})
  }
  item.addEventListener("pointerenter", () => light(true)); item.addEventListener("focusin", () => light(true))
  item.addEventListener("pointerleave", () => light(item.matches(":focus-within")))
  item.addEventListener("focusout", () => light(item.matches(":hover")))
}

// The points a slope was fitted to: one column each, with the slope from the one before.
function write_points(table, over, points) {
  const wanted = JSON.stringify([over, points])
  if (table.dataset.points === wanted) return
  table.dataset.points = wanted
  table.replaceChildren()
  table.hidden = points.length === 0
  if (table.hidden) return
  ;[over, "value", "slope"].forEach((words, i) => {
    const row = make("tr"), head = make("th", "", words)
    head.scope = "row"
    row.append(head, ...points.map((one) => make("td", "", one[i])))
    table.append(row)
  })
}

function entry_rows(model, uid) {
  const row = make("tr", "run"), detail = make("tr", "detail"), cells = {}
  for (const [key, head] of model.columns) {
    const cell = make(key === "entry" ? "th" : "td", key)
    if (key === "entry") cell.scope = "row"
    else cell.dataset.head = head
    cells[key] = cell
    row.append(cell)
  }
  const glyph = make("span", "glyph"), label = make("span", "label")
  cells.entry.append(glyph, label)
  const toggle = make("button", "chips")
  toggle.setAttribute("aria-expanded", "false")
  cells.verdict.append(toggle)
  const kind = make("span", "kind"), cause = make("span", "cause"), told = make("div", "told")
  told.append(kind, cause)
  cells.status.append(told)
  const box = make("td"), list = make("ul", "promises")
  box.colSpan = model.columns.length - 2  // those that a laptop has: a column too many would take its share of the width
  box.append(list)
  detail.append(box)
  detail.hidden = true
  toggle.addEventListener("click", () => {
    detail.hidden = !detail.hidden
    toggle.setAttribute("aria-expanded", String(!detail.hidden))
    if (parts.data) write_promises(model, parts, parts.data)  // formulas are typeset when they are first seen
  })
  const parts = {row, detail, cells, glyph, label, toggle, kind, cause, list, promises: []}
  return parts
}

function write_promises(model, parts, data) {
  parts.data = data
  while (parts.promises.length < data.promises.length) {
    const made = promise_row(model, data.uid, parts.promises.length)
    parts.promises.push(made)
    parts.list.append(made.item)
  }
  while (parts.promises.length > data.promises.length) parts.promises.pop().item.remove()
  data.promises.forEach((one, i) => {
    const p = parts.promises[i]
    if (p.item.className !== one.state) p.item.className = one.state
    put(p.sign, model.signs[one.state]); put(p.title, one.title); put(p.told, one.told)
    p.tex.hidden = !one.formula
    if (!parts.detail.hidden) typeset(p.tex, one.formula ? `$${one.formula}$` : "")
    put(p.assumes, one.assumes); put(p.link, one.source)
    p.button.setAttribute("aria-label", `Check: ${one.title}`)
    if (one.drawn) { p.item.tabIndex = 0; p.item.title = "Its dashed line stands out in the plot while you are here" }
    else { p.item.removeAttribute("tabindex"); p.item.removeAttribute("title") }
    if (p.link.getAttribute("href") !== one.url) { one.url ? p.link.setAttribute("href", one.url) : p.link.removeAttribute("href") }
    p.button.hidden = !one.check
    write_points(p.points, one.over, one.points)
  })
  let none = parts.list.querySelector(".none")
  if (!none) { none = make("li", "none"); parts.list.append(none) }
  none.hidden = data.promises.length > 0
  put(none, data.no_claim)
}

function write_chips(model, toggle, counts, none) {
  const wanted = JSON.stringify([counts, none])
  if (toggle.dataset.counts === wanted) return
  toggle.dataset.counts = wanted
  toggle.replaceChildren()
  for (const state of ["broken", "holds", "open"])
    if (counts[state]) toggle.append(make("span", `chip ${state}`, `${model.signs[state]} ${counts[state]}`))
  if (!counts.broken && !counts.holds && !counts.open) toggle.append(make("span", "chip none", none))
  const said = `${counts.holds} hold, ${counts.broken} broken, ${counts.open} not decided: show what was promised`
  toggle.setAttribute("aria-label", said); toggle.title = said
}

function scrubber(model) {
  const box = make("div", "scrub"), label = make("label", "", "look back"), range = make("input"), at = make("output")
  const newest = make("button", "newest", "Newest")
  range.type = "range"; range.min = "0"; range.step = "1"; range.id = "scrub"; label.htmlFor = "scrub"
  let asked = 0
  range.addEventListener("input", () => {
    const k = Number(range.value)
    put(at, `step ${k}`)
    clearTimeout(asked)
    asked = setTimeout(() => model.send_msg({scrub: k >= model.last ? -1 : k}), 60)
  })
  newest.addEventListener("click", () => model.send_msg({scrub: -1}))
  box.append(label, range, at, newest)
  const write = () => {
    const last = model.last, k = model.at < 0 ? last : Math.min(model.at, last)
    range.disabled = last === 0
    range.max = String(Math.max(1, last))
    if (!range.matches(":active")) { range.value = String(last === 0 ? 1 : k); put(at, last ? `step ${k}` : "") }
    newest.disabled = model.at < 0
  }
  model.on("last", write)
  model.on("at", write)
  write()
  return box
}

export function render({model, el}) {
  el.append(scrubber(model))
  const wrap = make("div", "wrap"), table = make("table"), head = make("tr"), body = make("tbody"), thead = make("thead")
  for (const [key, words, title] of model.columns) {
    const cell = make("th", key, key === "entry" ? "" : words)
    cell.scope = "col"; cell.title = title
    head.append(cell)
  }
  thead.append(head); table.append(thead, body); wrap.append(table)
  const empty = make("p", "empty", "The race list is empty. Add a method on the left.")
  wrap.append(empty)
  el.append(wrap)
  const known = new Map()
  const write = () => {
    const rows = model.rows
    for (const [uid, parts] of known)
      if (!rows.some((one) => one.uid === uid)) { parts.row.remove(); parts.detail.remove(); known.delete(uid) }
    rows.forEach((data, i) => {
      let parts = known.get(data.uid)
      if (!parts) { parts = entry_rows(model, data.uid); known.set(data.uid, parts) }
      if (body.children[2 * i] !== parts.row) {
        body.insertBefore(parts.row, body.children[2 * i] || null)
        parts.row.after(parts.detail)
      }
      put(parts.glyph, data.glyph); parts.glyph.style.color = data.colour; put_name(parts.label, data.label, 24)
      if (parts.label.title !== data.label) parts.label.title = data.label
      for (const key of ["k", "value", "observed", "promised", "work", "flops", "setup", "solve"]) put(parts.cells[key], data[key])
      parts.cells.solve.title = data.started ? `set-up ${data.setup}` : ""  // a laptop has no column for it
      put(parts.kind, data.kind); put(parts.cause, data.cause)
      if (parts.cause.title !== data.cause) parts.cause.title = data.cause
      if (parts.kind.className !== `kind ${data.tone}`) parts.kind.className = `kind ${data.tone}`
      write_chips(model, parts.toggle, data.counts, data.started ? "none known" : "–")
      write_promises(model, parts, data)
    })
    const idle = rows.every((one) => one.flops === "–")  // few methods count them
    for (const cell of table.querySelectorAll(".flops")) cell.classList.toggle("idle", idle)
    empty.hidden = rows.length > 0
    table.hidden = rows.length === 0
  }
  model.on("rows", write)
  write()
  // A frame is answered when it is painted and the page has rested half as long: a slow browser gets fewer.
  model.on("version", () => {
    const version = model.version, start = performance.now()
    requestAnimationFrame(() => setTimeout(() =>
      setTimeout(() => model.send_msg({seen: version}), (performance.now() - start) / 2)))
  })
}
