"""The documents speak of what there is: every playbook and step, links that lead somewhere, diagrams that are drawn."""

import re
from pathlib import Path

import pytest

from adapters import registry
from playbooks_app.spec import loader

ROOT = Path(__file__).parents[2]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yaml"))
DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#|\.\./\.\./actions/)([^)#\s]+)")


@pytest.mark.parametrize("file", PLAYBOOKS, ids=lambda file: file.stem)
def test_a_playbook_has_a_document_that_names_every_step(file):
    playbook = loader.load(file.read_bytes()).playbook
    text = (ROOT / "docs" / "playbooks" / f"{playbook.metadata.id}.md").read_text()
    assert [step.id for step in playbook.steps if f"{step.id}:" not in text and f"`{step.id}`" not in text] == []


@pytest.mark.parametrize("file", PLAYBOOKS, ids=lambda file: file.stem)
def test_a_playbook_s_document_says_what_people_ask(file):
    text = (ROOT / "docs" / "playbooks" / f"{file.stem}.md").read_text()
    for heading in ("The threat", "What it does", "Why L", "Undoing it", "Sample alert", "What to expect", "Making it yours"):
        assert f"## {heading}" in text
    assert "```mermaid" in text


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file):
    assert [target for target in LINK.findall(file.read_text()) if not (file.parent / target).exists()] == []


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_fences_are_closed(file):
    assert len(re.findall(r"^\s*```", file.read_text(), re.MULTILINE)) % 2 == 0


def test_contributing_names_what_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = [path for path in re.findall(r"`((?:\w+/)+[\w.]+)`", text) if "CAPABILITY" not in path]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert registry.ENTRY_POINTS in text
