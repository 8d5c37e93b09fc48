// A small button for every number among the knobs above: draws a ladder along it.
export function render({model, el}) {
  const row = make("div", "sweeps")
  row.setAttribute("role", "group")
  row.setAttribute("aria-label", "sweep a knob")
  el.append(row)
  const write = () => {
    row.replaceChildren(make("span", "", "sweep"))
    for (const [name, words] of model.knobs) {
      const one = make("button", "", words)
      one.type = "button"
      one.title = `Run a ladder along ${words} and draw it`
      one.setAttribute("aria-label", `Sweep ${words}`)
      one.addEventListener("click", () => model.send_msg({sweep: name}))
      row.append(one)
    }
  }
  model.on("knobs", write)
  write()
}
