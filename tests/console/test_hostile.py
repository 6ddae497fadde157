"""Alerts are written by attackers: what they hold is shown, never run, and never passes for something else."""

import re

import pytest

MARKUP = '<img src=x onerror="window.owned=1">'
SCRIPT = "</script><script>window.owned=1</script>"
ALPINE = "\" x-data=\"{}\" x-init=\"window.owned=1\" @click='window.owned=1'"
TEMPLATE = "{{7*7}}{% debug %}"
FLIPPED = "ws-7\u202egpj.exe"
LONG = "A" * 5000
HOSTILE = (MARKUP, SCRIPT, ALPINE, TEMPLATE)
PATHS = ("now/approvals", "now/executions", "alerts", "")


def received(world, text):
    return world.receive(rule={"name": text[:250]}, host={"name": text[:200]}, user={"name": text[:200]}, process={"pid": 1, "name": text})


def pages(world, alert):
    run = f"now/executions/{world.execution().pk}"
    tabs = [f"{run}?tab={tab}" for tab in ("flow", "timeline", "evidence", "notes")]
    found = [*PATHS, f"alerts/{alert.pk}", run, *tabs, f"now/approvals/{world.pending().pk}"]
    return "".join(world.page("lead", path).content.decode() for path in found)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_an_alert_holds_is_never_markup(world, text):
    shown = pages(world, received(world, text))
    for found in (MARKUP, SCRIPT, ALPINE):
        assert found not in shown


def test_markup_is_escaped_once_so_that_it_reads_as_it_was_sent(world):
    assert "&amp;lt;" not in pages(world, received(world, MARKUP))


def test_what_looks_like_a_template_stays_as_it_was_written(world):
    assert "{{7*7}}{% debug %}" in pages(world, received(world, TEMPLATE))


def test_the_palette_answers_data_and_no_page(world):
    received(world, SCRIPT)
    response = world.page("lead", "palette?q=script")
    assert response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_no_attribute_that_scripts_evaluate_holds_what_an_alert_says(world):
    shown = pages(world, received(world, "zz-marker-zz"))
    evaluated = re.findall(r'\s(?:x-[\w:.-]+|@[\w.-]+|:[\w-]+|on\w+|hx-[\w-]+)="([^"]*)"', shown)
    assert not [text for text in evaluated if "zz-marker-zz" in text]


def test_characters_that_reorder_text_are_shown_by_their_number(world):
    shown = pages(world, received(world, FLIPPED))
    assert "⟨U+202E⟩" in shown
    assert "\u202e" not in re.sub(r"(?s)<title>.*?</title>|value=\"[^\"]*\"|data-copy=\"[^\"]*\"|title=\"[^\"]*\"", "", shown)


def test_a_very_long_value_folds(world):
    shown = pages(world, received(world, LONG))
    assert "5000 characters" in shown


def test_pages_allow_no_inline_script(world):
    response = world.page("lead", "now/approvals")
    policy = response["Content-Security-Policy"]
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert not re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", response.content.decode())
