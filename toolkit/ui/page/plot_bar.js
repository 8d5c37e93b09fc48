// The line below the curves: what the lines mean, the ghosts (a press lets one go), and how the axes are shown.
export function render({model, el}) {
  const bar = make("div", "bar"), words = make("span", "words"), ghosts = make("span", "ghosts"), tools = make("span", "tools")
  const log = make("button", "tool", "log x"), fit = make("button", "tool", "fit view")
  log.title = "Draw the abscissa on a logarithmic axis"
  fit.title = "Let the axes end where the curves end"
  for (const one of [log, fit]) { one.type = "button"; tools.append(one) }
  log.addEventListener("click", () => model.send_msg({log: !model.log}))
  fit.addEventListener("click", () => model.send_msg({fit: true}))
  ghosts.setAttribute("role", "group")
  ghosts.setAttribute("aria-label", "curves of earlier runs")
  const tabs = make("span", "tabs")
  tabs.setAttribute("role", "group")
  tabs.setAttribute("aria-label", "what is drawn")
  bar.append(words, tabs, ghosts, tools)
  el.append(bar)
  const known = new Map()
  const write = () => {
    put(words, model.words)
    words.hidden = model.tabs.length > 0
    tools.hidden = ghosts.hidden = model.tab !== ""
    while (tabs.children.length > model.tabs.length) tabs.lastChild.remove()
    model.tabs.forEach(([key, text], i) => {
      if (!tabs.children[i]) {
        const made = make("button", "tool")
        made.type = "button"
        made.addEventListener("click", () => model.send_msg({show: model.tabs[i][0]}))
        tabs.append(made)
      }
      put(tabs.children[i], text)
      tabs.children[i].setAttribute("aria-pressed", String(key === model.tab))
    })
    log.setAttribute("aria-pressed", String(model.log))
    const left = new Set(model.ghosts.map((one) => one.number))
    for (const [number, chip] of known) if (!left.has(number)) { chip.remove(); known.delete(number) }
    for (const one of model.ghosts) {
      let chip = known.get(one.number)
      if (!chip) {
        chip = make("button", "ghost")
        chip.type = "button"
        const name = make("span", "name"), cross = make("span", "cross", "×")
        cross.setAttribute("aria-hidden", "true")
        chip.append(name, cross)
        chip.addEventListener("click", () => model.send_msg({lay: one.number}))
        known.set(one.number, chip)
      }
      put(chip.firstChild, one.label)
      chip.title = `Before: ${one.label}. Press to clear this curve.`
      chip.setAttribute("aria-label", `Clear the earlier curve ${one.label}`)
      ghosts.append(chip)
    }
  }
  for (const name of ["ghosts", "log", "words", "tabs", "tab"]) model.on(name, write)
  write()
}
