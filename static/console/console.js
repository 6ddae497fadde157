// Behaviour of the console's pages: copy, confirm, refresh, keys. No inline scripts, no state of its own.
const reloadEvery = 3000;

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    await navigator.clipboard?.writeText(copy.dataset.copy);
    const text = copy.textContent;
    copy.textContent = "copied";
    setTimeout(() => { copy.textContent = text; }, 900);
  }
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
});

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button && !event.defaultPrevented) setTimeout(() => { button.disabled = true; }, 0);
});

// A part that names its address is fetched again while the page is visible and nobody types or has opened something in it.
for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(async () => {
    const busy = document.hidden || document.querySelector("dialog[open]") || part.contains(document.activeElement) || part.querySelector("input:checked");
    if (busy) return;
    const response = await fetch(part.dataset.refresh, { headers: { "X-Part": part.id }, credentials: "same-origin" }).catch(() => null);
    if (!response?.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML) part.innerHTML = fresh.innerHTML;
  }, reloadEvery);
}

// The queue by keyboard: j and k move, space selects, Enter opens, a approves, r rejects.
const rows = () => [...document.querySelectorAll("tr[data-href]")];
let current = -1;
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog") || event.ctrlKey || event.metaKey || !rows().length) return;
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step) {
    current = Math.min(Math.max(current + step, 0), rows().length - 1);
    rows().forEach((row, index) => row.classList.toggle("rp-current", index === current));
    rows()[current].scrollIntoView({ block: "nearest" });
    event.preventDefault();
    return;
  }
  const row = rows()[current];
  if (!row) return;
  const open = { Enter: "", a: "#approve", r: "#reject" }[event.key];
  if (open !== undefined) location.href = row.dataset.href + open;
  if (event.key === " ") { row.querySelector("input[type=checkbox]")?.click(); event.preventDefault(); }
});

if (location.hash === "#approve" || location.hash === "#reject") document.getElementById(location.hash.slice(1))?.showModal();
