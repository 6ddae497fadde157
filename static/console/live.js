// Keeps a page as the server has it: parts are fetched again and merged in place, so that nothing that somebody
// holds (an open fold, a checked box, the row under the cursor) moves or closes.
const EVERY = 3000;
const KEPT = new Set(["open", "checked", "value", "disabled"]);

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id : "");

export function morph(old, fresh) {
  for (const name of old.getAttributeNames()) if (!KEPT.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const name of fresh.getAttributeNames()) {
    if (!KEPT.has(name) && old.getAttribute(name) !== fresh.getAttribute(name)) old.setAttribute(name, fresh.getAttribute(name));
  }
  if (old.tagName === "PROGRESS") old.value = fresh.value;
  if ("rows" in old.dataset) return mergeRows(old, fresh);
  const keyed = new Map([...old.children].filter(keyOf).map((node) => [keyOf(node), node]));
  let cursor = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const key = keyOf(next);
    const alike = cursor && !keyOf(cursor) && cursor.nodeName === next.nodeName ? cursor : null;
    const match = key ? keyed.get(key) : alike;
    if (!match || match.nodeName !== next.nodeName) {
      old.insertBefore(document.importNode(next, true), cursor);
      continue;
    }
    if (match === cursor) cursor = cursor.nextSibling;
    else old.insertBefore(match, cursor);
    if (match.nodeType !== Node.ELEMENT_NODE) match.data = next.data;
    else if (!match.isEqualNode(next)) morph(match, next);
  }
  while (cursor) {
    const gone = cursor;
    cursor = cursor.nextSibling;
    gone.remove();
  }
}

// Rows of a queue: while somebody points at, selects or stands on one, none moves. What is new comes at the end with a
// marker; what is decided stays in its place, crossed out. When nobody holds them any more they take the server's order.
function mergeRows(body, fresh) {
  const known = new Map([...body.children].map((row) => [row.dataset.key, row]));
  const wanted = [...fresh.children];
  const held = body.matches(":hover") || body.querySelector("input:checked, .rp-current");
  for (const row of wanted) {
    const old = known.get(row.dataset.key);
    known.delete(row.dataset.key);
    if (old) {
      if (!old.isEqualNode(row)) morph(old, row);
      old.classList.remove("rp-gone");
      if (!held) body.append(old);
    } else {
      const made = document.importNode(row, true);
      made.classList.add("rp-new");
      body.append(made);
    }
  }
  for (const row of known.values()) {
    if (!held) row.remove();
    row.classList.add("rp-gone");
    for (const box of row.querySelectorAll("input")) Object.assign(box, { checked: false, disabled: true });
  }
}

export async function fetched(address, options = {}) {
  const response = await fetch(address, { credentials: "same-origin", ...options, headers: { "X-Part": options.method ? "form" : "live" } });
  if (response.redirected && new URL(response.url).pathname.endsWith("/login/")) location.reload();
  return { response, page: new DOMParser().parseFromString(await response.text(), "text/html") };
}

// Puts another page of the console in place of this one, without a reload.
export function show(page, address) {
  const moved = new URL(address).pathname !== location.pathname;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  const [old, fresh] = [document.getElementById("main"), page.getElementById("main")];
  if (!fresh) return location.assign(address);
  for (const part of old.querySelectorAll("input:checked")) part.checked = false;
  old.querySelector("#rp-page")?.replaceChildren();
  morph(old, fresh);
  document.title = page.title;
  if (address !== location.href) history.pushState({}, "", address);
  if (moved) scrollTo(0, 0);
  document.dispatchEvent(new Event("rp:shown"));
}

addEventListener("popstate", () => location.reload());

function notice(page) {
  const [stand, now] = [document.getElementById("stand"), page.getElementById("stand")];
  if (!stand || !now || stand.dataset.stand === now.dataset.stand) return;
  const bar = document.getElementById("stale");
  bar.querySelector("span").textContent = now.textContent.trim();
  bar.hidden = false;
  for (const button of document.querySelectorAll("[data-waits]")) button.disabled = true;
}

let busy = false;
export async function refresh() {
  const parts = [...document.querySelectorAll("[data-refresh]")];
  if (busy || document.hidden || !parts.length) return;
  busy = true;
  try {
    const { response, page } = await fetched(location.href);
    if (!response.ok) return;
    notice(page);
    // A stop that somebody else engages shows on every page that keeps itself up to date.
    for (const part of [...parts, document.getElementById("rp-writes")].filter(Boolean)) {
      const fresh = page.getElementById(part.id);
      if (fresh && !part.isEqualNode(fresh)) morph(part, fresh);
    }
    document.dispatchEvent(new Event("rp:refreshed"));
  } catch {
    // The server is away for a moment; the next round asks again.
  } finally {
    busy = false;
  }
}
setInterval(refresh, EVERY);

const SPANS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
function span(seconds) {
  const at = SPANS.findIndex(([size]) => seconds >= size);
  if (at < 0) return "0 s";
  const [size, unit] = SPANS[at];
  const rest = SPANS[at + 1] && at < 2 ? Math.floor((seconds % size) / SPANS[at + 1][0]) : 0;
  return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${SPANS[at + 1][1]}` : ""}`;
}

function drain() {
  for (const part of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, (Date.parse(part.dataset.until) - Date.now()) / 1000);
    const whole = (Date.parse(part.dataset.until) - Date.parse(part.dataset.from)) / 1000 || 1;
    part.querySelector("span").textContent = left ? span(left) : "time is up";
    part.querySelector("progress").value = Math.round((100 * left) / whole);
    part.classList.toggle("rp-amber", left / whole < 0.25);
  }
  for (const part of document.querySelectorAll("[data-since]")) {
    part.textContent = span(Math.max(0, (Date.now() - Date.parse(part.dataset.since)) / 1000));
  }
}
setInterval(drain, 1000);
drain();
