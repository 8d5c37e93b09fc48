// Texts that are written only where they change, so that the selection and the focus stay. Stands before each script
// that uses it.
function put(node, text) { if (node.textContent !== text) node.textContent = text }

function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

// A name in two lines where it is longer than `most`: the method, and below it the knobs that tell it from the others.
function put_name(node, name, most) {
  if (node.dataset.name === name) return
  node.dataset.name = name
  const cut = name.length > most ? name.search(/, (?![^(]*\))/) : -1  // no comma between brackets
  node.replaceChildren(make("span", "", cut < 0 ? name : name.slice(0, cut)))
  if (cut >= 0) node.append(make("small", "", name.slice(cut + 2)))
}

// -- formulas: KaTeX from this server, fetched when the first formula is to be shown ---------------------------------

// Wait for KaTeX: a promise of its style sheet's text, rejected where it cannot be had. One for all pieces of the page.
function formulas() {
  return window.__formulas ??= Promise.all([
    new Promise((done, failed) => {
      const tag = document.createElement("script")
      tag.src = KATEX + "katex.min.js"
      tag.onload = done; tag.onerror = failed
      document.head.append(tag)
    }),
    fetch(KATEX + "katex.min.css").then((answer) => answer.ok ? answer.text() : Promise.reject(answer.status)),
    new Promise((done) => {  // fonts are the document's, whichever shadow they are used in; without them it still reads
      const tag = document.createElement("link")
      tag.rel = "stylesheet"; tag.href = "formulas/fonts.css"
      tag.onload = tag.onerror = done
      document.head.append(tag)
    }),
  ]).then(([, css]) => css.replace(/@font-face\{[^}]*\}/g, ""))
}

// The style sheet of formulas, once in the document or shadow that a node stands in.
function dressed(node, css) {
  const root = node.getRootNode(), home = root === document ? document.head : root
  if (home.querySelector("style[data-formulas]")) return
  const style = document.createElement("style")
  style.dataset.formulas = ""
  style.textContent = css
  home.append(style)
}

// Write a text whose parts between dollar signs are TeX: as plain text at once, typeset when KaTeX is there.
function typeset(node, text) {
  if (node.dataset.text === text) return
  node.dataset.text = text
  const parts = text.split("$")
  if (parts.length % 2 === 0) parts.push(parts.splice(-2).join("$"))  // the last one opens nothing
  node.textContent = parts.join("")
  if (parts.length === 1) return
  formulas().then((css) => {
    if (node.dataset.text !== text) return  // another text has come meanwhile
    dressed(node, css)
    node.replaceChildren(...parts.map((part, i) => {
      const piece = make("span", i % 2 ? "formula" : "", i % 2 ? "" : part)
      if (i % 2) katex.render(part, piece, {trust: false, throwOnError: false, strict: "ignore"})
      return piece
    }))
  }, () => {})
}
