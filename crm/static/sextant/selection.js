// Choosing rows of a list: header box, shift-click for a range, `x` for the focused row.

let anchor = null;

function boxesOf(table) {
  return [...table.querySelectorAll("tbody input[type=checkbox][name=ids]")];
}

function refresh(table) {
  const boxes = boxesOf(table);
  const chosen = boxes.filter((box) => box.checked).length;
  const all = table.querySelector("[data-select-all]");
  if (all) {
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
  const matching = table.closest("form")?.querySelector("[data-all-matching]");
  if (matching && chosen < boxes.length) matching.checked = false;
  for (const output of table.closest("form")?.querySelectorAll("[data-selected-count]") ?? []) {
    output.textContent = String(chosen);
  }
}

function selectRange(boxes, box) {
  const [from, to] = [boxes.indexOf(anchor), boxes.indexOf(box)].sort((a, b) => a - b);
  if (from < 0) return;
  for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
}

function onClick(event) {
  const table = event.target.closest?.("table[data-selectable]");
  if (!table || !event.target.matches("input[type=checkbox]")) return;
  const boxes = boxesOf(table);
  if (event.target.matches("[data-select-all]")) {
    for (const box of boxes) box.checked = event.target.checked;
  } else {
    if (event.shiftKey && anchor) selectRange(boxes, event.target);
    anchor = event.target;
  }
  refresh(table);
}

function onKey(event) {
  if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
  const box = event.target.closest("table[data-selectable] tr")?.querySelector("input[name=ids]");
  if (box) box.click();
}

document.addEventListener("click", onClick);
document.addEventListener("keydown", onKey);
