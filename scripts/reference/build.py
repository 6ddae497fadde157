"""Which pages, regions and other files are generated, and which of them are out of date."""

import re
from collections.abc import Callable
from pathlib import Path

from runbookpilot import catalogue
from scripts.reference import adapters, diagrams, rest, tables

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

#: Whole pages.
PAGES: dict[str, Callable[[], str]] = {
    "reference/settings.md": tables.settings,
    "reference/permissions.md": tables.permissions,
    "reference/events.md": tables.events,
    "reference/errors.md": tables.errors,
    "reference/adapters.md": adapters.page,
    "reference/rest.md": rest.page,
    "reference/states.md": diagrams.states,
}

#: Parts of pages that people write, between `<!-- generated: NAME ARGUMENT -->` and `<!-- end -->`.
REGIONS: dict[str, Callable[[str], str]] = {
    "layers": diagrams.layers,
    "pipeline": diagrams.pipeline,
    "flow": diagrams.flow,
}
#: What is no page: read by the product itself.
FILES: dict[Path, Callable[[], str]] = {catalogue.FILE: adapters.actions}
_REGION = re.compile(r"(<!-- generated: (\w+) ?([\w-]*) -->\n).*?(<!-- end -->)", re.DOTALL)


def stale() -> dict[Path, str]:
    """Return the text that each page or file which is out of date should have."""
    wanted = {DOCS / name: page() for name, page in PAGES.items()} | {path: text() for path, text in FILES.items()}
    for path in sorted(DOCS.rglob("*.md")):
        if path not in wanted:
            wanted[path] = filled(path.read_text(encoding="utf-8"))
    return {path: text for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text}


def filled(text: str) -> str:
    """Return a page with its regions as they should be."""
    return _REGION.sub(lambda found: f"{found[1]}\n{REGIONS[found[2]](found[3])}\n{found[4]}", text)
