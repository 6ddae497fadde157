"""Values as people read them: JSON as a tree, two states side by side, processes by parent, text without hidden characters."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

MAX_ITEMS = 200
LONG = 300
_KEY = re.compile(r"(\s*(?:- )?)([A-Za-z_][\w.-]*):(?=\s|$)")
#: Characters that reorder or hide text, by which a name could pass for another one.
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u0000-\u0008\u000b-\u001f\u007f]")


def seen(value: object) -> str:
    """Return text with characters that reorder or hide it shown by their number."""
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", str(value))


def tree(value: Any, open_levels: int = 1) -> SafeString:
    """A JSON value as a readable tree that folds."""
    return _tree(value, open_levels, root=True)


def differences(before: Any, after: Any) -> list[dict[str, Any]]:
    """Return two states as rows of field, before, after, and whether they differ; what is nested stands by its path."""
    left, right = flat(before), flat(after)
    names = list(dict.fromkeys([*left, *right]))[:MAX_ITEMS]
    return [
        {"name": name, "before": left.get(name), "after": right.get(name), "differs": left.get(name) != right.get(name)}
        for name in names
    ]


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Return the leaves of a JSON value by their paths."""
    if isinstance(value, Mapping) and value:
        found: dict[str, str] = {}
        for key, item in list(value.items())[:MAX_ITEMS]:
            found |= flat(item, f"{path}.{key}" if path else str(key))
        return found
    if value is None and not path:
        return {}
    return {path or "value": seen(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}


def processes(rows: Any) -> SafeString:
    """Processes as a tree by their parents."""
    known = [row for row in rows if isinstance(row, Mapping) and "pid" in row][:MAX_ITEMS]
    pids = {str(row["pid"]) for row in known}
    roots = [row for row in known if str(row.get("parent")) not in pids or row.get("parent") == row["pid"]]
    return format_html("<ul class='rp-procs'>{}</ul>", _children(roots, known, 0))


def _children(rows: Sequence[Mapping[str, Any]], known: Sequence[Mapping[str, Any]], depth: int) -> SafeString:
    return format_html_join("", "<li>{}</li>", ((_process(row, known, depth),) for row in rows))


def _process(row: Mapping[str, Any], known: Sequence[Mapping[str, Any]], depth: int) -> SafeString:
    below = [other for other in known if other is not row and other.get("parent") == row["pid"]] if depth < 20 else []
    words = format_html(
        "<b>{}</b> <span class='rp-muted'>{}{}</span>",
        seen(row.get("name", "?")), row["pid"], f" · {seen(row['user'])}" if row.get("user") else "",
    )  # fmt: skip
    line = format_html("<code>{}</code>", seen(row["command_line"])) if row.get("command_line") else ""
    return format_html("{}{}{}", words, line, format_html("<ul>{}</ul>", _children(below, known, depth + 1)) if below else "")


def _tree(value: Any, open_levels: int, *, root: bool = False) -> SafeString:
    if isinstance(value, Mapping):
        return _branch(list(value.items())[:MAX_ITEMS], len(value), open_levels, root=root)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _branch(list(enumerate(value))[:MAX_ITEMS], len(value), open_levels, root=root)
    text = seen(value) if isinstance(value, str) else json.dumps(value)
    if len(text) > LONG:
        return format_html(
            "<details><summary><span class='rp-value'>{}…</span> {} characters</summary><span class='rp-value'>{}</span></details>",
            text[:120], len(text), text[:20000],
        )  # fmt: skip
    return format_html('<span class="rp-value">{}</span>', text)


def _branch(items: Sequence[tuple[Any, Any]], total: int, open_levels: int, *, root: bool) -> SafeString:
    if not items:
        return format_html('<span class="rp-muted">{}</span>', "empty")
    rows = format_html_join(
        "", "<li><span class='rp-key'>{}</span> {}</li>", ((seen(key), _node(item, open_levels - 1)) for key, item in items)
    )
    more = format_html("<li class='rp-muted'>and {} more</li>", total - len(items)) if total > len(items) else ""
    return format_html("<ul class='rp-tree{}'>{}{}</ul>", " rp-root" if root else "", rows, more)


def _node(value: Any, open_levels: int) -> SafeString:
    if isinstance(value, Mapping | list) and value:
        state = " open" if open_levels > 0 else ""
        return format_html(
            "<details{}><summary>{} {}</summary>{}</details>",
            SafeString(state),
            len(value),
            ("fields" if len(value) > 1 else "field") if isinstance(value, Mapping) else ("items" if len(value) > 1 else "item"),
            _tree(value, open_levels),
        )
    return _tree(value, open_levels)


def source(text: str) -> SafeString:
    """YAML with numbered lines, its keys and comments told apart."""
    return format_html("<div class='rp-source'>{}</div>", format_html_join("", "<span>{}</span>", ((_line(line),) for line in text.splitlines())))


def _line(line: str) -> SafeString:
    shown = seen(line)
    if shown.lstrip().startswith("#"):
        return format_html("<span class='rp-c'>{}</span>", shown)
    found = _KEY.match(shown)
    if found is None:
        return format_html("{}", shown)
    return format_html("{}<span class='rp-k'>{}</span>:{}", found[1], found[2], shown[found.end() :])


def folded(rows: Sequence[Mapping[str, Any]], around: int = 3) -> list[dict[str, Any]]:
    """Return the rows of a difference with numbers, long stretches that are the same folded into one row that says how many."""
    near = {number + by for number, row in enumerate(rows) if row["kind"] != "same" for by in range(-around, around + 1)}
    found: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if number in near:
            found.append(dict(row))
        elif found and found[-1]["kind"] == "skip":
            found[-1]["count"] += 1
        else:
            found.append({"kind": "skip", "count": 1})
    return found
