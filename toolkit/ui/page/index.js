// The index: search and filters over plain data. Every text goes in as text.
const SHOWN = 6, RECENT = "toolkit.recents"
const MINUTES = [["any length", ""], ["3 minutes or less", "3"], ["5 minutes or less", "5"], ["10 minutes or less", "10"]]
const plain = (text) => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "")

function recents() {
  try {
    const found = JSON.parse(localStorage.getItem(RECENT) || "[]")
    return found.filter((one) => typeof one?.title === "string" && typeof one?.href === "string" && here(one.href)).slice(0, 6)
  } catch (refused) { return [] }
}

function here(href) {
  try {
    const to = new URL(href, location.href)
    return to.origin === location.origin && /^https?:$/.test(to.protocol)
  } catch (refused) { return false }
}

function link(href, className, text) {
  const node = make("a", className, text)
  node.href = href
  return node
}

function choice(name, options, changed) {
  const label = make("label", "choice"), select = make("select")
  select.setAttribute("aria-label", name)
  for (const [words, value] of options) { const one = make("option", "", words); one.value = value; select.append(one) }
  select.addEventListener("change", changed)
  label.append(select)
  return {label, select}
}

export function render({model, el}) {
  const labs = new Map(model.labs.map((one) => [one.name, one]))
  const address = (card) => { const lab = labs.get(card.lab); return `${lab.href}${lab.more}experiment=${encodeURIComponent(card.name)}` }
  const cards = model.cards.map((card) => ({...card, href: address(card), node: null, words: {
    title: plain(card.title), question: plain(card.question),
    rest: plain(`${card.methods} ${card.papers} ${card.topic} ${labs.get(card.lab).title} ${card.name}`),
  }}))
  const known = new Map(cards.map((card) => [`${card.lab}/${card.name}`, card]))

  function drawn(card) {
    if (card.node) return card.node
    const item = make("li"), to = link(card.href, "card"), text = make("div", "text")
    const head = make("h3", "", card.title), asks = make("p", "question"), about = make("p", "about")
    typeset(asks, card.question)
    about.textContent = [`${card.minutes} min`, model.levels[card.level], card.cited].filter(Boolean).join(" · ")
    text.append(head, asks, about)
    const picture = make("div", "picture")
    if (card.drawn.length) picture.append(thumbnail(card.drawn, model.colours))
    else picture.classList.add("none")
    to.append(picture, text)
    item.append(to)
    return card.node = item
  }

  // -- what stands on the page
  const page = make("div", "page"), intro = make("p", "intro", model.intro)
  const finder = make("form", "finder"), search = make("input"), status = make("p", "status")
  finder.setAttribute("role", "search")
  search.type = "search"; search.placeholder = "Search questions, methods, papers, authors"
  search.setAttribute("aria-label", "Search the experiments"); search.autocomplete = "off"; search.spellcheck = false
  const key = make("kbd", "", "/"); key.setAttribute("aria-hidden", "true")
  const field = make("div", "field"); field.append(search, key)
  status.setAttribute("role", "status")
  const topics = [...new Set(cards.map((card) => card.topic).filter(Boolean))].sort((a, b) => a.localeCompare(b))
  const filters = {
    lab: choice("lab", [["every lab", ""], ...model.labs.map((one) => [one.title, one.name])], show),
    level: choice("level", [["every level", ""], ...model.levels.map((words, i) => [words, String(i)])], show),
    topic: choice("topic", [["every topic", ""], ...topics.map((one) => [one, one])], show),
    minutes: choice("minutes", MINUTES, show),
  }
  const row = make("div", "filters")
  row.append(...Object.values(filters).map((one) => one.label))
  const clear = make("button", "clear", "Clear"); clear.type = "button"
  clear.addEventListener("click", () => { search.value = ""; for (const one of Object.values(filters)) one.select.value = ""; show(); search.focus() })
  row.append(clear)
  finder.append(field, row)
  finder.addEventListener("submit", (event) => event.preventDefault())

  const start = make("section", "start"), found = make("section", "found"), shelves = make("div", "shelves")
  found.setAttribute("aria-label", "found")
  page.append(intro, finder, status, start, found, shelves)
  el.append(page)
  begin(); shelve()

  function begin() {
    if (model.ways.length) {
      start.append(make("h2", "", "Start here"))
      const ways = make("div", "ways")
      for (const way of model.ways) {
        const box = make("div", "way"), list = make("ol")
        box.append(make("h3", "", way.title), make("p", "about", way.about))
        for (const [lab, name] of way.stops) {
          const card = known.get(`${lab}/${name}`)
          if (!card) continue
          const item = make("li"), to = link(card.href, "", card.title)
          item.append(to); list.append(item)
        }
        box.append(list); ways.append(box)
      }
      start.append(ways)
    }
    const last = recents()
    if (last.length) {
      const row = make("nav", "recent"); row.setAttribute("aria-label", "opened last")
      row.append(make("span", "", "Opened last"))
      for (const one of last) row.append(link(one.href, "", one.title))
      start.prepend(row)
    }
  }

  function shelve() {
    for (const lab of model.labs) {
      const mine = cards.filter((card) => card.lab === lab.name)
      const shelf = make("section", "shelf"), head = make("h2"), list = make("ul", "cards")
      head.append(link(lab.href, "", lab.title))
      list.append(...mine.slice(0, SHOWN).map(drawn))
      shelf.append(head, make("p", "about", lab.about), list)
      if (mine.length > SHOWN) {
        const more = make("button", "more", `${mine.length - SHOWN} more experiments`)
        more.type = "button"
        more.addEventListener("click", () => {
          list.append(...mine.slice(SHOWN).map(drawn)); more.remove()
          list.children[SHOWN].querySelector("a").focus()
        })
        shelf.append(more)
        shelf.restore = () => list.append(...mine.slice(0, more.isConnected ? SHOWN : mine.length).map(drawn))
      } else shelf.restore = () => list.append(...mine.map(drawn))
      shelves.append(shelf)
    }
  }

  // -- what is found
  function rank(card, words) {
    let sum = 0
    for (const word of words) {
      const {title, question, rest} = card.words
      const at = title.startsWith(word) ? 0 : title.includes(word) ? 1 : question.includes(word) ? 3 : rest.includes(word) ? 5 : -1
      if (at < 0) return -1
      sum += at
    }
    return sum
  }

  let before = false
  function show() {
    const words = plain(search.value).split(/\s+/).filter(Boolean)
    const {lab, level, topic, minutes} = Object.fromEntries(Object.entries(filters).map(([name, one]) => [name, one.select.value]))
    const asked = words.length > 0 || lab || level || topic || minutes
    start.hidden = shelves.hidden = Boolean(asked); found.hidden = !asked
    key.hidden = Boolean(search.value); clear.hidden = !asked
    if (!asked) {
      found.replaceChildren(); put(status, "")
      if (before) for (const shelf of shelves.children) shelf.restore()
      before = false
      return
    }
    before = true
    const fits = cards.filter((card) => (!lab || card.lab === lab) && (!level || card.level === Number(level))
      && (!topic || card.topic === topic) && (!minutes || card.minutes <= Number(minutes)))
    const ranked = fits.map((card) => [rank(card, words), card]).filter(([at]) => at >= 0)
      .sort(([a, one], [b, other]) => a - b || one.level - other.level).map(([, card]) => card)
    put(status, ranked.length === 1 ? "1 experiment" : `${ranked.length || "No"} experiments`)
    if (ranked.length) {
      const list = make("ul", "cards"); list.append(...ranked.map(drawn)); found.replaceChildren(list)
    } else found.replaceChildren(nothing())
  }

  // What looks alike by its pairs of letters, where a name has no match
  const pairs = (text) => new Set([...text].slice(1).map((letter, i) => text[i] + letter))
  function alike() {
    const asked = pairs(plain(search.value))
    const score = (card) => {
      const other = pairs(`${card.words.title} ${plain(card.name)} ${card.lab}`)
      return [...asked].filter((one) => other.has(one)).length / (asked.size + Math.sqrt(other.size) || 1)
    }
    return cards.map((card) => [score(card), card]).sort(([a], [b]) => b - a).filter(([at]) => at > 0.3).slice(0, 3).map(([, card]) => card)
  }

  function nothing() {
    const box = make("div", "nothing")
    box.append(make("p", "", "No experiment has all of this. Fewer words or filters find more; or try one of these:"))
    const list = make("p", "try")
    for (const word of ["multigrid", "order", "photograph", "few steps"]) {
      const one = make("button", "", word); one.type = "button"
      one.addEventListener("click", () => {
        for (const filter of Object.values(filters)) filter.select.value = ""
        search.value = word; show(); search.focus()
      })
      list.append(one)
    }
    box.append(list)
    const near = alike()
    if (near.length) {
      const cards = make("ul", "cards"); cards.append(...near.map(drawn))
      box.append(make("h2", "near", "Nearest by name"), cards)
    }
    return box
  }

  // -- by keyboard: "/" finds, arrows go from card to card, Escape comes back
  const root = el.getRootNode()
  function links() { return [...page.querySelectorAll("a")].filter((one) => one.offsetParent !== null && (one.matches(".card") || found.hidden)) }
  function keyed(event) {
    if (!el.isConnected) return
    const at = root.activeElement, typing = event.composedPath()[0]
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(typing?.tagName)) {
      event.preventDefault(); search.focus(); search.select()
    } else if (event.key === "Escape" && (at === search || at?.matches?.("a"))) {
      if (at === search) { search.value = ""; show() } else search.focus()
    } else if (event.key === "Enter" && at === search && search.value) {
      const first = found.querySelector("a.card")
      if (first) { event.preventDefault(); first.click() }
    } else if (event.key.startsWith("Arrow")) move(event, at)
  }
  function move(event, at) {
    const all = links()
    if (at === search && event.key === "ArrowDown" && all.length) { event.preventDefault(); all[0].focus(); return }
    const i = all.indexOf(at)
    if (i < 0) return
    const next = {ArrowRight: i + 1, ArrowLeft: i - 1}[event.key] ?? beside(all, i, event.key === "ArrowDown" ? 1 : -1)
    event.preventDefault()
    if (next < 0) search.focus()
    else all[Math.min(next, all.length - 1)].focus()
  }
  function beside(all, i, way) {  // the nearest in the next row
    const mine = all[i].getBoundingClientRect(), rest = all.map((one, j) => [one.getBoundingClientRect(), j])
    const rows = rest.filter(([box]) => way > 0 ? box.top > mine.top + 4 : box.top < mine.top - 4)
    if (!rows.length) return way > 0 ? i : -1
    const top = way > 0 ? Math.min(...rows.map(([box]) => box.top)) : Math.max(...rows.map(([box]) => box.top))
    return rows.filter(([box]) => Math.abs(box.top - top) < 4)
      .sort(([a], [b]) => Math.abs(a.left - mine.left) - Math.abs(b.left - mine.left))[0][1]
  }
  document.addEventListener("keydown", keyed)
  search.addEventListener("input", show)
  model.on("remove", () => document.removeEventListener("keydown", keyed))
  const asked = new URLSearchParams(location.search).get("find")  // a wrong address leads here
  if (asked) { search.value = asked.slice(0, 80) }
  show()
}
