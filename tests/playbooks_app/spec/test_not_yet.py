import pytest

from playbooks_app.spec import not_yet
from tests.playbooks_app.spec import samples

MANUAL = "{id: a, kind: manual}"


def unavailable(*lines: str, more: str = "") -> list[str]:
    body = "".join(f"  - {line}\n" for line in lines)
    loaded = samples.load(f"{samples.HEAD}{more}steps:\n{body}", allow_unavailable=False)
    return [f"{problem.severity} {problem.path}: {problem.message}" for problem in loaded.problems]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{id: a, kind: wait, duration: 5m}", "error steps[0].kind: kind: wait is not available yet"),
        ("{id: a, kind: playbook, playbook: b}", "error steps[0].kind: kind: playbook is not available yet"),
        (
            "{id: a, action: asset.lookup, for_each: [x], with: {host: h}}",
            "error steps[0].for_each: for_each is not available yet",
        ),
    ],
)
def test_what_does_not_run_yet_is_refused(line: str, said: str) -> None:
    assert unavailable(line) == [said]


def test_tests_are_kept_and_not_run() -> None:
    assert unavailable(MANUAL, more="tests: [{name: t}]\n") == [
        "warning tests: running tests is not available yet; they are kept"
    ]


def test_what_runs_is_not_mentioned() -> None:
    assert unavailable(MANUAL, "{id: d, kind: decision, branches: {x: [e]}}", "{id: e, kind: manual}") == []


def test_a_playbook_can_be_asked_without_its_file() -> None:
    playbook = samples.load(samples.FULL).playbook
    assert playbook is not None
    assert [problem.path for problem in not_yet.unavailable(playbook)] == ["steps[3].for_each", "tests"]
    assert {problem.code for problem in not_yet.unavailable(playbook)} == {"not_available_yet"}
