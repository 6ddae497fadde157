import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playbooks_app.spec.expressions import MISSING, compile_expression, lookup
from playbooks_app.spec.templates import compile_template


def alerts(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines() if line.strip()]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path, value


def dotted(alert: dict[str, Any]) -> dict[str, Any]:
    return {".".join(path): value for path, value in leaves(alert)}


def pairs(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    yield from zip(alerts(folder, "sigma-ecs.ndjson"), alerts(folder, "sigma-ecs-dotted.ndjson"), strict=False)
    for alert in alerts(folder, "sigma-ecs.ndjson"):
        yield alert, dotted(alert)


def test_every_value_is_found_in_nested_and_dotted_alerts_alike(alert_files: Path) -> None:
    for nested, flat in pairs(alert_files):
        for path, value in leaves(nested):
            if value != {}:
                assert lookup(flat, path) == lookup(nested, path) == value


def test_every_object_is_found_in_nested_and_dotted_alerts_alike(alert_files: Path) -> None:
    for nested, flat in pairs(alert_files):
        for key, value in nested.items():
            if value != {}:
                assert lookup(flat, (key,)) == value


def test_conditions_come_out_alike(alert_files: Path) -> None:
    conditions = [
        "alert.event.severity >= 50 and not alert.host.name matches '^lab-'",
        "alert.process.name | lower in ['cmd.exe', 'powershell.exe']",
        "alert.threat.technique[0].id == 'T1047'",
        "alert.x-detectforge.confidence > 0.4",
        "alert['rule.name'] contains 'Malware' or alert.user.name == null",
    ]
    for nested, flat in pairs(alert_files):
        for text in conditions:
            expression = compile_expression(text)
            first, second = (expression.evaluate({"alert": alert}, strict=False) for alert in (nested, flat))
            assert first == second


def test_templates_come_out_alike(alert_files: Path) -> None:
    template = compile_template(
        {
            "text": "{{ alert.rule.name }} on {{ alert.host.name }} at {{ alert.@timestamp | format_date }}",
            "host": "{{ alert.host }}",
        }
    )
    for nested, flat in pairs(alert_files):
        assert template.render({"alert": nested}) == template.render({"alert": flat})


def test_nothing_in_a_real_alert_is_evaluated(alert_files: Path) -> None:
    for alert in alerts(alert_files, "sigma-ecs.ndjson"):
        for path, value in leaves(alert):
            if isinstance(value, str):
                rendered = compile_template(f"{{{{ alert{''.join(f'[{part!r}]' for part in path)} }}}}").render({"alert": alert})
                assert rendered.value == value


def test_what_no_alert_holds_is_missing(alert_files: Path) -> None:
    assert all(lookup(alert, ("no", "such", "thing")) is MISSING for alert in alerts(alert_files, "sigma-ecs.ndjson"))
