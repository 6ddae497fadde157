// Ctrl-K: whatever is typed is looked up by the server, which answers with what this person may see and do.
const dialog = document.getElementById("palette");
const field = document.getElementById("palette-text");
const list = document.getElementById("palette-list");
let chosen = 0;
let asked = 0;
let timer = 0;

const items = () => [...list.querySelectorAll("a")];

function made(tag, className, text) {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function line(item, number) {
  const link = made("a", "rp-palette-item", "");
  Object.assign(link, { href: item.url, id: `palette-${number}` });
  link.setAttribute("role", "option");
  const icon = made("span", "material-symbols-outlined", item.icon);
  icon.setAttribute("aria-hidden", "true");
  link.append(icon, made("span", "rp-palette-title", item.title), made("span", "rp-muted", item.detail));
  return link;
}

function choose(number) {
  const all = items();
  if (!all.length) return;
  chosen = (number + all.length) % all.length;
  all.forEach((item, index) => item.setAttribute("aria-selected", String(index === chosen)));
  field.setAttribute("aria-activedescendant", all[chosen].id);
  all[chosen].scrollIntoView({ block: "nearest" });
}

async function ask() {
  const mine = ++asked;
  const answer = await fetch(`${dialog.dataset.source}?q=${encodeURIComponent(field.value)}`, { credentials: "same-origin" }).then((response) => response.json()).catch(() => null);
  if (mine !== asked) return;
  let number = 0;
  const parts = (answer?.groups ?? []).flatMap((group) => [made("p", "rp-palette-group", group.title), ...group.items.map((item) => line(item, number++))]);
  list.replaceChildren(...(parts.length ? parts : [made("p", "rp-palette-none", answer ? `Nothing fits “${field.value}”.` : "The server did not answer.")]));
  choose(0);
}

function open() {
  if (!dialog || dialog.open) return;
  field.value = "";
  dialog.showModal();
  ask();
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open();
  }
}, true);
document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-palette]")) open();
  const link = event.target.closest?.(".rp-palette-item");
  // The same page with another dialog to open: only the hash changes, so the palette has to leave by itself.
  if (link) dialog.close();
});
field?.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 120); });
field?.addEventListener("keydown", (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) choose(chosen + by);
  if (event.key === "Enter") items()[chosen]?.click();
  if (by || event.key === "Enter") event.preventDefault();
});
