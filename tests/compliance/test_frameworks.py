"""Importing catalogues."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit.selectors import entries
from compliance.models import Control, Framework
from compliance.selectors import frameworks as selector
from compliance.services import frameworks
from compliance.spec import catalogues
from tests import factories
from tests.compliance import worlds


def oscal(tenant: Any, content: bytes, slug: str = "nist") -> Framework:
    return frameworks.import_oscal(tenant=tenant, content=content, slug=slug, actor=factories.SETUP, now=factories.NOW)


@pytest.fixture
def real(shared_data: Path) -> bytes:
    return (shared_data / "catalogs" / "nist-800-53-rev5-low.json").read_bytes()


def test_it_imports_a_real_catalogue_with_all_its_controls(db: None, real: bytes) -> None:
    framework = oscal(factories.tenant(), real)

    assert (framework.controls.count(), framework.version) == (149, "5.1.1+u4")
    control = framework.controls.get(label="AC-7")
    assert (control.family, control.title) == ("Access Control", "Unsuccessful Logon Attempts")
    assert "Enforce a limit of [Assignment: number] consecutive invalid logon attempts" in control.text
    assert "[Selection (one or more): lock the account or node for [Assignment: time period];" in control.text


def test_every_parameter_of_a_real_catalogue_is_put_into_words(real: bytes) -> None:
    assert not [control for control in catalogues.read_oscal(real).controls if "{{" in control.text]


def test_importing_the_same_content_again_changes_nothing(db: None, real: bytes) -> None:
    tenant = factories.tenant()

    assert oscal(tenant, real).pk == oscal(tenant, real).pk
    kinds = [entry.kind for entry in entries.of_stream(f"tenant:{tenant.pk}")]
    assert kinds.count("framework:imported") == 1


def test_it_refuses_other_content_under_the_same_version(world: worlds.World) -> None:
    with pytest.raises(frameworks.VersionTaken):
        oscal(world.tenant, worlds.catalogue(4), "test")


def test_another_version_stands_beside_the_first(world: worlds.World) -> None:
    framework = oscal(world.tenant, worlds.catalogue(4, version="2"), "test")

    assert (framework.controls.count(), world.framework.controls.count()) == (4, 3)


def test_enhancements_follow_their_control(db: None) -> None:
    framework = oscal(factories.tenant(), frameworks.starter_catalog())

    labels = list(framework.controls.order_by("position").values_list("label", flat=True))
    assert labels[labels.index("IR-4") + 1] == "IR-4(1)"
    assert len(labels) == 25


def test_the_first_state_of_each_control_is_in_its_history(world: worlds.World) -> None:
    assert Control.history.count() == 3


def test_a_withdrawn_control_does_not_apply(db: None) -> None:
    control = {"id": "x", "title": "Gone", "props": [{"name": "status", "value": "withdrawn"}]}
    content = json.dumps({"catalog": {"metadata": {"title": "T"}, "controls": [control]}}).encode()

    row = oscal(factories.tenant(), content).controls.get()

    assert (row.applicable, row.applicability_reason) == (False, "Withdrawn by its publisher.")


def nested(depth: int) -> bytes:
    return b'{"catalog":{"metadata":{},"groups":' + b'[{"groups":' * depth + b"[]" + b"}]" * depth + b"}}"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "no `catalog`"),
        (b'{"catalog":{"metadata":{}}}', "no controls"),
        (b'{"catalog":{"metadata":[]}}', "catalog.metadata is not an object"),
        (b'{"catalog":{"metadata":{},"controls":[{"id":"a"}]}}', "catalog.controls[0] lacks its id or title"),
        (b'{"catalog":{"metadata":{},"groups":[{"controls":{}}]}}', "is not a list"),
        (b'{"catalog":{"metadata":{},"controls":[{"id":"a","title":"b"},{"id":"a","title":"b"}]}}', "twice"),
        (nested(100), "nested deeper"),
        (b"[" * 200000, "not JSON"),
    ],
)
def test_it_says_what_is_wrong_and_where(db: None, content: bytes, says: str) -> None:
    with pytest.raises(frameworks.UnreadableCatalogue) as refusal:
        oscal(factories.tenant(), content)

    assert says in refusal.value.detail
    assert not Framework.objects.exists()


def test_it_refuses_a_catalogue_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "MAX_BYTES", 10)

    with pytest.raises(catalogues.Unreadable, match="at most 10"):
        catalogues.read_oscal(b" " * 11)


def test_a_parameter_that_names_itself_ends() -> None:
    params = [{"id": "p", "select": {"choice": ["{{ insert: param, p }}"]}}]
    parts = [{"name": "statement", "prose": "Do {{ insert: param, p }}."}]
    control = {"id": "a", "title": "A", "params": params, "parts": parts}

    text = catalogues.read_oscal(json.dumps({"catalog": {"metadata": {}, "controls": [control]}}).encode()).controls[0].text

    assert text.startswith("Do [Selection (one):")


def test_it_imports_a_csv(db: None) -> None:
    content = b"identifier,title,family,freshness_days\nCC2.1,Information is used,CC2,30\nCC2.2,It is shared,CC2,\n"

    framework = frameworks.import_csv(
        tenant=factories.tenant(), content=content, slug="soc2", name="SOC 2", version="2017", actor=factories.SETUP, now=factories.NOW
    )

    rows = list(framework.controls.order_by("position").values_list("identifier", "label", "freshness_days"))
    assert rows == [("CC2.1", "CC2.1", 30), ("CC2.2", "CC2.2", 90)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"title\nx\n", "lacks the column 'identifier'"),
        (b"identifier,title\nCC1,\n", "Line 2 lacks"),
        (b"identifier,title,freshness_days\nCC1,T,soon\n", "freshness_days is 'soon'"),
        (b"identifier,title\n\xff,T\n", "not a CSV"),
        (b"identifier,title\n", "no controls"),
    ],
)
def test_it_says_which_line_of_a_csv_is_wrong(content: bytes, says: str) -> None:
    with pytest.raises(catalogues.Unreadable, match=says):
        catalogues.read_csv(content, title="T", version="")


def test_it_tells_what_a_version_added_removed_and_reworded(world: worlds.World) -> None:
    changed = json.loads(worlds.catalogue(4, version="2"))
    controls = changed["catalog"]["groups"][0]["controls"]
    controls[1]["title"] = "Reworded"
    del controls[0]
    new = oscal(world.tenant, json.dumps(changed).encode(), "test")

    found = selector.differences(world.framework, new)

    assert found == selector.Differences(("c-4",), ("c-1",), ("c-2",))
    assert selector.named(world.tenant.pk, "test") == new
