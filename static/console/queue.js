// The queue by hand: j and k move, space selects, Enter opens, a approves, r rejects with a reason, Escape lets go.
import { refresh } from "./live.js";

let current = "";

const rows = () => [...document.querySelectorAll("tr[data-key][data-href]")];
const boxes = () => [...document.querySelectorAll("tr[data-key] input[type=checkbox][name=item]")];

function mark() {
  for (const row of rows()) row.classList.toggle("rp-current", row.dataset.key === current);
  const chosen = boxes().filter((box) => box.checked);
  const bar = document.getElementById("bulk");
  if (bar) {
    bar.hidden = !chosen.length;
    bar.querySelector("[data-count]").textContent = `${chosen.length} selected`;
  }
  const all = document.querySelector("[data-all]");
  const open = boxes().filter((box) => !box.disabled);
  if (all) {
    all.checked = open.length > 0 && chosen.length === open.length;
    all.indeterminate = chosen.length > 0 && !all.checked;
  }
}

function step(by) {
  const list = rows();
  if (!list.length) return;
  const at = list.findIndex((row) => row.dataset.key === current);
  const next = list[Math.min(Math.max(at + by, 0), list.length - 1)];
  current = next.dataset.key;
  next.scrollIntoView({ block: "nearest" });
  mark();
}

// Asks before it decides, naming each request that is meant.
function ask(verdict, targets) {
  const dialog = document.getElementById(`decide-${verdict}`);
  const able = targets.filter((box) => box && !box.disabled);
  if (!dialog || !able.length) return;
  dialog.querySelector("[data-targets]").replaceChildren(...able.map((box) => {
    const item = document.createElement("li");
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "item", value: box.value });
    item.append(box.dataset.title, field);
    return item;
  }));
  dialog.showModal();
}

function decide(verdict, row) {
  const chosen = boxes().filter((box) => box.checked);
  ask(verdict, row ? [row.querySelector("input[name=item]")] : chosen.length ? chosen : [document.querySelector("tr.rp-current input[name=item]")]);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-decide]");
  if (button) decide(button.dataset.decide, button.closest("tr[data-key]"));
  if (event.target.closest?.("[data-clear]")) {
    for (const box of boxes()) box.checked = false;
    mark();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) for (const box of boxes()) if (!box.disabled) box.checked = event.target.checked;
  if (event.target.matches("[data-all], tr[data-key] input")) mark();
});

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  a: () => decide("approve"),
  r: () => decide("reject"),
  Enter: (row) => row && location.assign(row.dataset.href),
  " ": (row) => {
    const box = row?.querySelector("input[name=item]");
    if (box && !box.disabled) box.checked = !box.checked;
    mark();
  },
  Escape: () => {
    for (const box of boxes()) box.checked = false;
    current = "";
    mark();
    refresh();
  },
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog, a, button, summary");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS) || !rows().length) return;
  event.preventDefault();
  KEYS[event.key](rows().find((row) => row.dataset.key === current));
});

document.addEventListener("rp:refreshed", mark);
document.addEventListener("rp:shown", mark);
document.addEventListener("mouseout", (event) => {
  if (event.target.closest?.("tbody[data-rows]") && !event.relatedTarget?.closest?.("tbody[data-rows]") && document.querySelector(".rp-gone, .rp-new")) refresh();
});
