"""What is public says what the caller gets."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("core", "audit", "accounts", "entities", "adapters", "approvals", "incidents", "playbooks_app", "compliance", "runbookpilot")
ENOUGH = 0.9


def public(node: ast.AST, place: str) -> Iterator[tuple[str, bool]]:
    """Yield each public class, function and method, and whether it is described."""
    for item in ast.iter_child_nodes(node):
        if isinstance(item, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not item.name.startswith("_"):
            if item.name != "Meta":
                yield f"{place}.{item.name}", ast.get_docstring(item) is not None
            if isinstance(item, ast.ClassDef):
                yield from public(item, f"{place}.{item.name}")


def found() -> Iterator[tuple[str, bool]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield from public(ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT)))


def test_nine_in_ten_public_names_are_described() -> None:
    names = list(found())
    missing = [name for name, described in names if not described]
    assert len(missing) <= (1 - ENOUGH) * len(names), "\n".join(missing)


def test_every_module_of_services_and_selectors_is_described() -> None:
    paths = [path for app in APPS for room in ("services", "selectors", "spec", "engine") for path in (ROOT / app / room).rglob("*.py")]
    bare = [path for path in paths if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))]
    assert [str(path.relative_to(ROOT)) for path in bare] == []


def test_a_name_without_description_is_found() -> None:
    tree = ast.parse('class A:\n    """A."""\n    def b(self): ...\n    def _c(self): ...\n')
    assert list(public(tree, "m")) == [("m.A", True), ("m.A.b", False)]
