"""Names of techniques: known ones by name, unknown ones by their id, all offline."""

import runpy
from pathlib import Path

import pytest

from core import attack

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "attack_table"))


def test_a_technique_has_its_name_and_tactics() -> None:
    assert attack.label("T1047") == "T1047 Windows Management Instrumentation"
    assert attack.tactics("T1047") == ("execution",)


def test_a_sub_technique_is_named_after_its_technique() -> None:
    assert attack.name("T1003.001") == "OS Credential Dumping: LSASS Memory"


def test_a_defence_has_its_name() -> None:
    assert attack.label("D3-NI") == "D3-NI Network Isolation"


@pytest.mark.parametrize("identifier", ["T9999", "T1003.999", "", "<b>", "D3-NOPE"])
def test_an_unknown_id_stands_for_itself(identifier: str) -> None:
    assert attack.label(identifier) == identifier
    assert attack.tactics(identifier) == ()


@pytest.mark.parametrize("text", ["lsass", "LSASS Memory", "t1003.001"])
def test_search_finds_by_name_and_by_id(text: str) -> None:
    assert "T1003.001" in attack.search(text)


@pytest.mark.parametrize("text", ["", "   "])
def test_search_for_nothing_finds_nothing(text: str) -> None:
    assert attack.search(text) == frozenset()


def test_the_table_is_what_its_script_makes_of_the_source(shared_data: Path, tmp_path: Path) -> None:
    sources = [str(shared_data / "attack" / name) for name in ("techniques.csv", "d3fend.csv")]
    assert SCRIPT["main"](sources, tmp_path / "table.csv") == 0
    assert (tmp_path / "table.csv").read_bytes() == attack.TABLE.read_bytes()


@pytest.mark.parametrize("row", ["T1,Too short,", "T1047,,execution", "<b>,Name,"])
def test_the_script_refuses_what_is_no_technique(tmp_path: Path, row: str) -> None:
    source = tmp_path / "source.csv"
    source.write_text(f"id,name,tactics\n{row}\n")
    assert SCRIPT["main"]([str(source)], tmp_path / "table.csv") == 1
    assert not (tmp_path / "table.csv").exists()


def test_the_origin_is_noted() -> None:
    assert "reproduced and distributed with the permission of The MITRE Corporation" in (ROOT / "NOTICE").read_text()
