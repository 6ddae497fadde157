// What every page can do: copy, open dialogs, follow a row, and send a form without a reload.
import { fetched, show } from "./live.js";

async function copy(button) {
  const text = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
  } catch {
    button.textContent = "press Ctrl C";
    getSelection().selectAllChildren(button);
  }
  setTimeout(() => { button.textContent = text; }, 900);
}

document.addEventListener("click", (event) => {
  const near = (selector) => event.target.closest?.(selector);
  if (near("[data-copy]")) return copy(near("[data-copy]"));
  if (near("[data-dialog]")) return document.getElementById(near("[data-dialog]").dataset.dialog)?.showModal();
  if (near("[data-close]")) return near("dialog")?.close();
  if (near("[data-reload]")) return location.reload();
  if (event.target.matches?.("dialog")) return event.target.close();
  const row = near("tr[data-href]");
  if (row && !near("a, button, input, label, summary, select") && !getSelection().toString()) location.assign(row.dataset.href);
  for (const menu of document.querySelectorAll("details.rp-menu[open]")) if (!menu.contains(event.target) || event.target === menu) menu.open = false;
});

function failed(form) {
  let note = form.querySelector("[data-failed]");
  if (!note) {
    note = document.createElement("p");
    note.className = "rp-notice rp-danger";
    note.dataset.failed = "";
    note.setAttribute("role", "alert");
    form.prepend(note);
  }
  note.textContent = "The server did not answer. Reload the page to see whether it was done.";
}

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.method !== "post") return;
  if (!("async" in form.dataset)) {
    if (!("many" in form.dataset)) setTimeout(() => { if (submitter) submitter.disabled = true; }, 0);
    return;
  }
  event.preventDefault();
  const body = new FormData(form, submitter);
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    const { response, page } = await fetched(form.getAttribute("action") || location.href, { method: "POST", body });
    show(page, response.url);
  } catch {
    failed(form);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
});

// An address may name a dialog to open at once, as the palette does: /playbooks/…#start
function openNamed() {
  const named = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDialogElement && !named.open) {
    named.showModal();
    history.replaceState(history.state, "", location.pathname + location.search);
  }
}
addEventListener("hashchange", openNamed);
openNamed();

for (const field of document.querySelectorAll("select[data-submits]")) field.addEventListener("change", () => field.form.requestSubmit());

// Finding in a tree: branches that hold the words open, the others step back.
document.addEventListener("input", (event) => {
  const { find } = event.target.dataset ?? {};
  if (!find) return;
  const words = event.target.value.trim().toLowerCase();
  for (const line of document.getElementById(find).querySelectorAll("li")) {
    const holds = line.textContent.toLowerCase().includes(words);
    line.hidden = Boolean(words) && !holds;
    if (words && holds) for (const fold of line.querySelectorAll(":scope > details")) fold.open = true;
  }
});
