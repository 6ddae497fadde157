"""A process tree with an adapter of its own, installed as a package is, and a clock that a test can set."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.houses import CLOCK
from tests.chaos.tree import ROOT, Tree


@contextlib.contextmanager
def tree_with(folder: Path, name: str, adapter: str) -> Iterator[Tree]:
    """Yield a tree whose processes know the adapter `name-edr`, at `adapter`; `folder` has its files, `clock` and `asked` among them.

    The adapter finds the folder in the environment, as CHAOS_ and its name.
    """
    package = folder / "plugin" / f"{name}_vendor-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-vendor\nVersion: 1\n")
    (package / "entry_points.txt").write_text(f"[runbookpilot.adapters]\n{name}-edr = {adapter}\n")
    (package.parent / "sitecustomize.py").write_text(CLOCK)
    (folder / "clock").write_text("0")
    (folder / "asked").touch()
    (folder / "data").mkdir()
    tree = Tree(folder / "data")
    tree.environ |= {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{package.parent}", "CHAOS_CLOCK": str(folder / "clock"), f"CHAOS_{name.upper()}": str(folder),
    }  # fmt: skip
    try:
        yield tree
    finally:
        tree.end()
