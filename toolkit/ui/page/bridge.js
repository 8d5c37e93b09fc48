// What only the browser can do: the address bar and its back button, the clipboard, files, and pictures of a plot.
function save(name, blob) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}

async function copy(text) {
  try { await navigator.clipboard.writeText(text); return true } catch (refused) {
    const area = document.createElement("textarea")
    area.value = text; area.style.position = "fixed"; area.style.opacity = "0"
    document.body.append(area); area.select()
    const done = document.execCommand("copy")
    area.remove()
    return done
  }
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds))

// A plot as it stands, with the legend that the page itself does not need.
async function picture(name, kind, file) {
  for (const view of Bokeh.index.query((one) => one.model.name === name && typeof one.export === "function")) {
    const legend = view.model.center.find((one) => one.type === "Legend" && !one.visible)
    if (legend) { legend.visible = true; await pause(150) }
    save(file, await view.export(kind, true).to_blob())
    if (legend) legend.visible = false
    return true
  }
  return false
}

// Begin in the browser's colours, and with the drawer closed where there is no room beside it.
function suit(page) {
  if (window.matchMedia("(prefers-color-scheme: dark)").matches) page.dark_theme = true
  if (window.matchMedia("(max-width: 599px)").matches) page.sidebar_open = false
}

// Say in the tab where somebody is, and keep it for the index; a browser that keeps nothing is as well.
const RECENT = "toolkit.recents"
function placed({lab, experiment, title, heading}) {
  if (!title) return
  document.title = heading ? `${title} · ${heading}` : title
  if (!experiment) return
  const path = location.pathname, own = path.endsWith(`/${lab}`) ? "" : `lab=${encodeURIComponent(lab)}&`
  const href = `${path}?${own}experiment=${encodeURIComponent(experiment)}`
  try {
    const kept = JSON.parse(localStorage.getItem(RECENT) || "[]")
    const others = (Array.isArray(kept) ? kept : []).filter((one) => one?.href !== href)
    localStorage.setItem(RECENT, JSON.stringify([{title, href}, ...others].slice(0, 12)))
  } catch (refused) {}
}

export function render({model, view}) {
  model.on("place", () => placed(model.place))
  placed(model.place)
  model.on("msg:custom", async (event) => {
    const asked = event.data ?? event
    if (asked.search !== undefined && window.location.search !== asked.search)
      asked.replace ? window.history.replaceState({}, "", asked.search || window.location.pathname) : window.history.pushState({}, "", asked.search)
    if (asked.file) save(asked.file, new Blob([asked.text], {type: asked.mime}))
    if (asked.copy) {
      const link = asked.copy.startsWith("?") ? window.location.origin + window.location.pathname + asked.copy : asked.copy
      model.send_msg({copied: await copy(link), link})
    }
    if (asked.picture) model.send_msg({pictured: await picture(asked.picture, asked.kind, asked.name)})
  })
  suit(view.root.model.data)
  const away = () => model.send_msg({away: true})
  window.addEventListener("pagehide", away)
  const back = () => model.send_msg({search: window.location.search})
  window.addEventListener("popstate", back)
  model.on("remove", () => {
    window.removeEventListener("popstate", back)
    window.removeEventListener("pagehide", away)
  })
}
