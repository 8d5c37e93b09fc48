// A part of the race list: one row an entry with its line, name and actions.
const STROKE = 'fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"'
const ICON = {
  look: `<rect ${STROKE} x="3.500" y="5" width="17" height="14" rx="2"/><path ${STROKE} d="M4 16.500l5-5 4 4 2.500-2.500 4.500 4"/><circle ${STROKE} cx="15.500" cy="9.500" r="1.300"/>`,
  fork: `<path ${STROKE} d="M4 12h5c4 0 4-6 8-6h3M9 12c4 0 4 6 8 6h3M17.500 3.500L20 6l-2.500 2.500M17.500 15.500L20 18l-2.500 2.500"/>`,
  copy: `<rect ${STROKE} x="8.500" y="8.500" width="11" height="11" rx="2"/><path ${STROKE} d="M15.500 5.500v-1h-11v11h1"/>`,
  remove: `<path ${STROKE} d="M6 6l12 12M18 6L6 18"/>`,
  open: `<path ${STROKE} d="M6 9.500l6 6 6-6"/>`,
}
const ACTIONS = [
  ["look", "Show the picture of"], ["fork", "Fork: a second run goes on from where this one stands:"],
  ["copy", "Duplicate"], ["remove", "Remove"],
]

function button(icon, className) {
  const made = make("button", className)
  made.type = "button"
  made.innerHTML = `<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">${ICON[icon]}</svg>`
  return made
}

function entry(model, uid) {
  const item = make("li"), head = make("div", "head")
  const name = make("button", "name"), glyph = make("button", "glyph"), label = make("span", "label")
  name.type = glyph.type = "button"
  name.append(label)
  name.addEventListener("click", () => model.send_msg({act: "open", uid}))
  glyph.addEventListener("click", (event) => model.send_msg({act: event.shiftKey || event.altKey ? "solo" : "hide", uid}))
  head.append(glyph, name)
  const buttons = {}
  for (const [act] of ACTIONS) {
    buttons[act] = button(act, `act ${act}`)
    buttons[act].addEventListener("click", () => model.send_msg({act, uid}))
    head.append(buttons[act])
  }
  const chevron = button("open", "chevron")
  chevron.tabIndex = -1
  chevron.setAttribute("aria-hidden", "true")
  chevron.addEventListener("click", () => model.send_msg({act: "open", uid}))
  head.append(chevron)
  item.append(head)
  return {item, name, glyph, label, buttons}
}

export function render({model, el}) {
  const list = make("ul")
  list.setAttribute("aria-label", "race list")
  el.append(list)
  const known = new Map()
  let begun = false
  const write = () => {
    const entries = model.entries
    for (const [uid, parts] of known) if (!entries.some((one) => one.uid === uid)) { parts.item.remove(); known.delete(uid) }
    entries.forEach((data, i) => {
      let parts = known.get(data.uid)
      const fresh = !parts
      if (fresh) { parts = entry(model, data.uid); known.set(data.uid, parts) }
      if (list.children[i] !== parts.item) list.insertBefore(parts.item, list.children[i] || null)
      put(parts.glyph, data.glyph); put_name(parts.label, data.label, 16)
      parts.glyph.style.color = data.colour
      parts.name.title = data.label
      const open = data.uid === model.open
      parts.name.setAttribute("aria-expanded", String(open))
      parts.item.classList.toggle("open", open)
      parts.item.classList.toggle("focus", data.focus)
      parts.item.classList.toggle("hidden", data.hidden)
      parts.glyph.setAttribute("aria-pressed", String(!data.hidden))
      parts.glyph.setAttribute("aria-label", `Curve of ${data.label}`)
      parts.glyph.title = `${data.hidden ? "Show" : "Hide"} the curve of ${data.label}; with Shift: show it alone`
      if (fresh && open && begun) parts.name.focus({preventScroll: true})
      parts.buttons.look.setAttribute("aria-pressed", String(data.focus))
      for (const [act, words] of ACTIONS) {
        parts.buttons[act].title = act === "fork" ? "Fork: a second run goes on from where this one stands" : `${words} ${data.label}`
        parts.buttons[act].setAttribute("aria-label", `${words} ${data.label}`)
      }
    })
    list.hidden = entries.length === 0
    begun = true
  }
  model.on("entries", write)
  model.on("open", write)
  write()
}
