// Curves as a small picture, from numbers: every shape is made by code, solid is measured, dashed is promised.
const SVG = "http://www.w3.org/2000/svg"

function shape(tag, about) {
  const node = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(about)) node.setAttribute(name, String(value))
  return node
}

function thumbnail(drawn, colours) {
  const box = shape("svg", {viewBox: "-4 -5 108 70", class: "thumb", "aria-hidden": "true", preserveAspectRatio: "none"})
  box.append(shape("path", {d: "M-2 63H102M-2 63V-3", class: "axes"}))
  for (const one of [...drawn].sort((a, b) => b.dashed - a.dashed)) {
    const numbers = one.at.map(Number).filter(Number.isFinite), colour = colours[one.look] ?? "currentColor"
    const places = []
    for (let i = 0; i + 1 < numbers.length; i += 2) places.push(`${numbers[i]} ${numbers[i + 1]}`)
    if (places.length === 1) places.push(places[0])  // a point is a dot: a line of no length with round ends
    const about = {d: `M${places.join("L")}`, stroke: colour, fill: "none", class: one.dashed ? "promised" : "measured"}
    box.append(shape("path", about))
  }
  return box
}
