// Where somebody may have wanted to go, where an address names nothing that there is.
export function render({model, el}) {
  const box = make("nav")
  box.setAttribute("aria-label", "nearest")
  box.append(make("span", "", "There is no such experiment here. Perhaps:"))
  for (const [title, href] of model.links) {
    const link = make("a", "", title)
    link.href = href
    box.append(link)
  }
  el.append(box)
}
