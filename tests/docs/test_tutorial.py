"""The tutorial works to the letter: its commands run in one shell against a real process tree."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.tree import CLI, ROOT, Tree

TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
#: What the reader leaves running in the first terminal; the tree below stands in for it.
STARTS = "make demo\n"

pytestmark = pytest.mark.slow


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    data = tmp_path / "data"
    data.mkdir()
    tree = Tree(data)
    try:
        loaded = tree.run(*CLI, "demo", "--no-serve")
        assert loaded.returncode == 0, loaded.stderr
        tree.start()
        yield tree
    finally:
        tree.end()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which the reader's `.venv/bin` is found."""
    folder = tmp_path / "reader"
    (folder / ".venv" / "bin").mkdir(parents=True)
    program = folder / ".venv" / "bin" / "runbookpilot"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from runbookpilot.cli import main; main()' \"$@\"\n")
    program.chmod(0o755)
    return folder


def test_every_command_of_the_tutorial_does_what_it_says(tree: Tree, folder: Path) -> None:
    assert BLOCKS[0] == STARTS
    script = "\n".join(BLOCKS[1:]).replace("127.0.0.1:8000", f"127.0.0.1:{tree.port}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env=tree.environ, cwd=folder, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for said in ("pending\n", "('completed', {'isolated': True})\n", "VERIFIED", "TAMPERED", "all hold"):
        assert said in done.stdout
