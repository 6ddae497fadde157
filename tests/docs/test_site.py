"""The site holds every page; commands, diagrams and examples in it are real."""

import importlib
import re
import shlex
import uuid
from pathlib import Path

import click
import pytest
import yaml
from django.urls import resolve

from incidents.services import sources
from runbookpilot.cli.table import COMMANDS
from scripts.reference import build

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in [*PAGES, ROOT / "README.md"]}
#: A command line that begins with the program, after settings such as RUNBOOKPILOT_TOKEN=….
CALL = re.compile(r"^ *(?:\S+=\S+ )*(?:\.venv/bin/)?runbookpilot ([^|>\n]+)", re.MULTILINE)
#: An address of the interface; what stands for an id begins with a dollar sign.
ADDRESS = re.compile(r"(/api/v1/[\w$/-]+|/\.well-known/[\w./-]+)")
DRAWN = "┌┐└┘├┤│─╔╗═║"


class _Loader(yaml.SafeLoader):
    """Reads the tags that name Python functions as text."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda _loader, suffix, _node: suffix)


def _leaves(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    return [leaf for item in (node.values() if isinstance(node, dict) else node) for leaf in _leaves(item)]


def fences(text: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)


CALLS = sorted({(name, call) for name, text in TEXTS.items() for fence in fences(text, "sh") for call in CALL.findall(fence)})


def test_every_page_stands_in_the_menu() -> None:
    nav = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader=_Loader)["nav"]
    inside = {path.as_posix() for path in PAGES} - {path.as_posix() for path in (DOCS / "decisions").glob("0*.md")}
    assert {(DOCS / leaf).as_posix() for leaf in _leaves(nav)} == inside, "Every page has a line in the nav of mkdocs.yml."


@pytest.mark.parametrize(("document", "call"), CALLS, ids=[f"{page}: {call.strip()}" for page, call in CALLS])
def test_a_command_is_one_that_there_is(document: str, call: str) -> None:
    words = shlex.split(call.split("&&")[0])
    while words[0].startswith("-"):
        words.pop(0)
    command: click.Command = importlib.import_module(COMMANDS[words[0]][0]).command(words[0])
    if isinstance(command, click.Group):
        command = command.commands[words[1]]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known, document


ADDRESSES = sorted(
    {(name, address) for name, text in TEXTS.items() for fence in fences(text, "sh") for address in ADDRESS.findall(fence)}
)


@pytest.mark.parametrize(("document", "address"), ADDRESSES)
def test_an_address_leads_to_an_endpoint(document: str, address: str) -> None:
    assert resolve(re.sub(r"\$\w+", str(uuid.UUID(int=0)), address)), document


@pytest.mark.parametrize("document", TEXTS)
def test_diagrams_are_mermaid(document: str) -> None:
    assert set(TEXTS[document]).isdisjoint(DRAWN)
    kinds = {fence.split()[0] for fence in fences(TEXTS[document], "mermaid")}
    assert kinds <= {"flowchart", "sequenceDiagram", "stateDiagram-v2"}


@pytest.mark.parametrize("document", ["architecture.md", "reference/states.md"])
def test_what_is_drawn_elsewhere_is_drawn(document: str) -> None:
    assert fences((DOCS / document).read_text(encoding="utf-8"), "mermaid")


def test_every_decision_is_listed() -> None:
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    assert [path.name for path in (DOCS / "decisions").glob("0*.md") if f"]({path.name})" not in index] == []


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "playbooks").glob("*.yaml"))])
def test_a_flow_is_drawn_from_the_playbook(name: str) -> None:
    text = (DOCS / "playbooks" / f"{name}.md").read_text(encoding="utf-8")
    assert f"<!-- generated: flow {name} -->" in text
    assert build.filled(text) == text


def test_the_signing_example_signs_as_we_verify() -> None:
    [example] = fences(TEXTS["docs/how-to/send-alerts.md"], "python")
    scope: dict[str, object] = {}
    exec(compile(example, "send-alerts.md", "exec"), scope)
    made = scope["headers"]("siem", "s3cret", b"{}")  # type: ignore[operator]
    stamp = made["X-RunbookPilot-Timestamp"]
    assert made["X-RunbookPilot-Signature"] == sources.sign(secret="s3cret", timestamp=stamp, body=b"{}")
