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
