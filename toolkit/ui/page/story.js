// The story of an experiment: made once, then only changed texts are written, so that nothing jumps and focus stays.
const POSITIONS = 200
const STEEP = [0.001, 2]  // decades a step of the flattest and the steepest line

// How a slider's positions are values: [value at a position, position of a value, words of a value].
function scaled(form) {
  const whole = (value) => form.whole ? Math.round(value) : Number(value.toPrecision(3))
  if (form.kind === "sketch" && form.order)
    return [(at) => at / 20, (value) => 20 * value, (value) => `order ${value.toFixed(2)}`]
  if (form.kind === "sketch") {
    const [flat, steep] = STEEP, turns = Math.log(steep / flat)
    return [
      (at) => Number((10 ** -(flat * (steep / flat) ** (at / POSITIONS))).toPrecision(4)),
      (value) => POSITIONS * Math.log(Math.max(-Math.log10(value), flat) / flat) / turns,
      (value) => `a factor ${Number(value.toPrecision(3))} a step`,
    ]
  }
  const {low, high} = form, unit = form.unit ? ` ${form.unit}` : ""
  const within = (value) => Math.min(Math.max(whole(value), low), high)
  const words = (value) => `${value}${unit}`
  if (form.log)
    return [(at) => within(low * (high / low) ** (at / POSITIONS)), (value) => POSITIONS * Math.log(value / low) / Math.log(high / low), words]
  return [(at) => within(low + (high - low) * at / POSITIONS), (value) => POSITIONS * (value - low) / (high - low), words]
}

function choices(form, name, say) {
  const box = make("div", "choices")
  const inputs = form.answers.map((words, i) => {
    const label = make("label"), input = make("input"), text = make("span")
    input.type = "radio"; input.name = "answer"; input.value = String(i)
    input.addEventListener("change", () => say(i))
    typeset(text, words)
    label.append(input, text)
    box.append(label)
    return input
  })
  return {box, write: (said, open) => inputs.forEach((one, i) => {
    if (one.checked !== (said === i)) one.checked = said === i
    one.disabled = !open
  })}
}

function slider(form, name, say) {
  const [value, position, words] = scaled(form)
  const box = make("div", "number"), range = make("input"), number = make("input"), unit = make("span", "unit")
  range.type = "range"; range.min = "0"; range.step = "1"; range.max = String(POSITIONS)
  range.setAttribute("aria-label", form.kind === "sketch" ? "your line" : "your guess")
  number.type = "number"; number.step = "any"
  number.setAttribute("aria-label", "your guess as a number")
  number.hidden = form.kind === "sketch"
  let asked = 0, mine = null
  const show = (said) => {
    range.setAttribute("aria-valuetext", said === null ? "nothing said yet" : words(said))
    box.classList.toggle("unsaid", said === null)
    put(unit, form.kind === "sketch" ? said === null ? "or drag your line in the plot" : words(said) : form.unit || "")
  }
  range.addEventListener("input", () => {
    mine = value(Number(range.value))
    number.value = String(mine)
    show(mine)
    clearTimeout(asked)
    asked = setTimeout(() => { say(mine); mine = null }, 120)
  })
  number.addEventListener("change", () => { if (number.value !== "") say(Number(number.value)) })
  box.append(range, number, unit)
  return {box, write: (said, open) => {
    range.disabled = number.disabled = !open
    if (mine !== null) return  // a hand is on it
    const at = String(Math.round(Math.min(Math.max(said === null ? POSITIONS / 2 : position(said), 0), POSITIONS)))
    if (range.value !== at) range.value = at
    const text = said === null ? "" : String(said)
    if (number.value !== text) number.value = text
    show(said)
  }}
}

function sources(box, found) {
  const wanted = JSON.stringify(found)
  if (box.dataset.found === wanted) return
  box.dataset.found = wanted
  box.replaceChildren()
  for (const [short, title, url] of found) {
    const link = make(url ? "a" : "span", "source", short)
    link.title = title
    if (url) { link.href = url; link.target = "_blank"; link.rel = "noopener" }
    box.append(" · ", link)
  }
}

function outcome(box, told) {
  const wanted = JSON.stringify([told.outcome, told.undecided])
  if (box.dataset.told === wanted) return
  box.dataset.told = wanted
  box.replaceChildren()
  for (const one of told.outcome) {
    const part = make("span", `part ${one.right === true ? "right" : one.right === false ? "wrong" : ""}`), words = make("b")
    typeset(words, one.words)
    part.append(make("span", "who", one.who + " "), words)
    if (one.right !== null) {
      const sign = make("span", "sign", one.right ? " ✓" : " ✗")
      sign.setAttribute("role", "img")
      sign.setAttribute("aria-label", one.right ? "right" : "not so")
      part.append(sign)
    }
    box.append(part)
  }
  if (told.undecided) box.append(make("span", "part undecided", told.undecided))
}

export function render({model, el}) {
  const story = make("section", "tale"), head = make("div", "head"), title = make("h2"), about = make("span", "about")
  const level = make("span"), cited = make("span"), fold = make("button", "fold"), question = make("p", "question")
  const ask = make("p", "ask"), answer = make("div", "answer"), skip = make("button", "skip", "Skip")
  const told = make("div", "outcome"), why = make("div", "why"), reason = make("p"), formula = make("span", "formula")
  const assumes = make("span", "assumes"), next = make("button", "next")
  story.setAttribute("aria-label", "The story of this experiment")
  ask.id = "ask"; answer.setAttribute("role", "group"); answer.setAttribute("aria-labelledby", "ask")
  told.setAttribute("role", "status")
  for (const one of [fold, skip, next]) one.type = "button"
  about.append(level, cited)
  head.append(title, about)
  why.append(reason, formula, assumes)
  story.append(fold, head, question, ask, answer, told, why, next)
  el.append(story)
  let folded = false, skipped = "", made = "", part = null
  const say = (said) => { skipped = ""; model.send_msg({said}) }
  fold.addEventListener("click", () => { folded = !folded; write() })
  skip.addEventListener("click", () => {
    const name = model.told.name
    skipped = skipped === name ? "" : name
    if (skipped && model.told.said !== null) model.send_msg({said: null})
    write()
  })
  next.addEventListener("click", () => model.send_msg({next: true}))
  const write_answer = (one) => {
    const wanted = JSON.stringify([one.name, one.form])
    if (made !== wanted) {
      made = wanted
      part = !one.form.kind ? null : one.form.kind === "pick" ? choices(one.form, one.name, say) : slider(one.form, one.name, say)
      answer.replaceChildren(...(part ? [part.box, skip] : []))
      const long = one.form.kind === "pick" && one.form.answers.join("").length + 6 * one.form.answers.length > 50
      story.classList.toggle("long", long)
    }
    if (part) part.write(one.said, one.open)
    const gone = skipped === one.name && one.open
    if (part) part.box.hidden = gone
    skip.hidden = !one.open
    put(skip, gone ? "Predict after all" : "Skip")
  }
  const write = () => {
    const one = model.told
    story.hidden = !one.name
    if (!one.name) return
    typeset(title, one.title); typeset(question, one.question); typeset(ask, one.own || one.ask)
    put(level, one.about); sources(cited, one.sources)
    write_answer(one)
    const over = one.outcome.length > 0 || Boolean(one.undecided)
    ask.hidden = folded || !(one.own || one.ask)
    answer.hidden = over || folded || Boolean(one.own) || !part
    ask.classList.toggle("own", Boolean(one.own))
    outcome(told, one)
    told.hidden = !over
    question.hidden = folded
    typeset(reason, one.why); typeset(formula, one.formula ? `$\\displaystyle ${one.formula}$` : "")
    put(assumes, one.assumes ? `Assumes ${one.assumes}.` : "")
    formula.hidden = !one.formula; assumes.hidden = !one.assumes
    why.hidden = folded || !(one.why || one.formula)
    next.hidden = folded || !(one.ended && one.then.length)
    put(next, one.then.length ? `Next: ${one.then[1]} →` : "")
    story.classList.toggle("folded", folded)
    story.classList.toggle("over", over)
    fold.setAttribute("aria-expanded", String(!folded))
    fold.title = folded ? "Show the story" : "Fold the story"
    fold.setAttribute("aria-label", fold.title)
  }
  model.on("told", write)
  write()
}
