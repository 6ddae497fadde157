"""What is generated keeps pace with the code, and what has to be documented is."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapters import registry
from audit.choices import Kind
from runbookpilot import environment
from scripts.reference import build, tables

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def test_no_generated_page_is_out_of_date() -> None:
    command = [sys.executable, "-m", "scripts.reference", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", Kind.values)
def test_every_event_is_documented(kind: str) -> None:
    assert f"`{kind}`" in page("events")


def test_every_error_code_is_documented() -> None:
    assert [cls.code for cls in tables.domain_errors() if f"| `{cls.code}` |" not in page("errors")] == []


@pytest.mark.parametrize("name", [name for name, cls in registry.adapters().items() if cls.__module__.startswith("adapters.")])
def test_every_adapter_is_documented(name: str) -> None:
    assert f"| `{name}` |" in page("adapters")


@pytest.mark.parametrize("name", list(registry.actions()))
def test_every_action_is_documented(name: str) -> None:
    assert f"| `{name}` |" in page("adapters")


@pytest.mark.parametrize("name", environment.Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{environment.PREFIX}{name.upper()}`" in page("settings")


def test_a_region_is_filled_and_the_rest_of_its_page_is_kept() -> None:
    filled = build.filled("# Title\n\n<!-- generated: layers -->\nold\n<!-- end -->\n\nText.\n")
    assert filled.startswith("# Title\n\n<!-- generated: layers -->\n\n```mermaid\nflowchart TB\n")
    assert filled.endswith("```\n\n<!-- end -->\n\nText.\n")
    assert "old" not in filled
