from playbooks_app.spec import not_yet
from tests.playbooks_app.spec import samples

MANUAL = "{id: a, kind: manual}"


def unavailable(*lines: str, more: str = "") -> list[str]:
    body = "".join(f"  - {line}\n" for line in lines)
    loaded = samples.load(f"{samples.HEAD}{more}steps:\n{body}", allow_unavailable=False)
    return [f"{problem.severity} {problem.path}: {problem.message}" for problem in loaded.problems]


def test_tests_are_kept_and_not_run() -> None:
    assert unavailable(MANUAL, more="tests: [{name: t}]\n") == [
        "warning tests: running tests is not available yet; they are kept"
    ]


def test_what_runs_is_not_mentioned() -> None:
    each = "{id: f, action: asset.lookup, for_each: [x], with: {host: h}}"
    assert unavailable(MANUAL, "{id: w, kind: wait, duration: 5m}", "{id: p, kind: playbook, playbook: b}", each) == []


def test_a_playbook_can_be_asked_without_its_file() -> None:
    playbook = samples.load(samples.FULL).playbook
    assert playbook is not None
    assert [problem.path for problem in not_yet.unavailable(playbook)] == ["tests"]
    assert {problem.code for problem in not_yet.unavailable(playbook)} == {"not_available_yet"}
