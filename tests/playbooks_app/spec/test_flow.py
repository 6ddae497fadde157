import pytest

from tests.playbooks_app.spec import samples


def manual(name: str, *needs: str) -> str:
    return f"{{id: {name}, kind: manual, needs: [{', '.join(needs)}]}}"


def test_ids_are_unique() -> None:
    found = samples.only(samples.steps(manual("a"), manual("b"), manual("a")), "duplicate_id")
    assert found.path == "steps[2].id"
    assert found.message == "the id 'a' is taken by the step in line 5"


def test_needs_name_real_steps() -> None:
    found = samples.only(samples.steps(manual("collect"), manual("b", "colect")), "unknown_step")
    assert found.render() == "playbook.yaml:6:35 steps[1].needs[0]: there is no step 'colect' (did you mean 'collect'?)"


def test_branches_name_real_steps() -> None:
    loaded = samples.steps("{id: d, kind: decision, branches: {yes: [nobody]}}", manual("a"))
    assert samples.only(loaded, "unknown_step").path == "steps[0].branches.yes[0]"


def test_a_step_may_not_need_itself() -> None:
    assert samples.only(samples.steps(manual("a", "a")), "cycle").message == "the step 'a' needs itself"


def test_a_decision_may_not_stand_in_its_own_branch() -> None:
    loaded = samples.steps("{id: d, kind: decision, branches: {yes: [d]}}")
    assert samples.only(loaded, "cycle").message == "the decision 'd' stands in its own branch"


def test_a_cycle_is_named() -> None:
    found = samples.only(samples.steps(manual("a", "c"), manual("b", "a"), manual("c", "b")), "cycle")
    assert found.message == "these steps wait for each other: b → c → a → b"


def test_a_decision_that_waits_for_its_own_branch_is_a_cycle() -> None:
    loaded = samples.steps(manual("a"), "{id: d, kind: decision, needs: [a], branches: {yes: [a]}}")
    assert samples.only(loaded, "cycle").message == "these steps wait for each other: d → a → d"


def test_a_long_cycle_is_not_named_in_full() -> None:
    lines = [manual(f"s{number}", f"s{(number + 1) % 30}") for number in range(30)]
    assert "…" in samples.only(samples.steps(*lines), "cycle").message


def test_a_diamond_is_no_cycle() -> None:
    assert samples.steps(manual("a"), manual("b", "a"), manual("c", "a"), manual("d", "b", "c")).problems == ()


@pytest.mark.parametrize("level", ["L0", "L1"])
def test_a_step_may_stay_below_the_playbook(level: str) -> None:
    assert samples.steps(f"{{id: a, kind: manual, level: {level}}}").problems == ()


def test_a_step_may_not_go_further_than_the_playbook() -> None:
    found = samples.only(samples.steps("{id: a, kind: manual, level: L2}"), "level")
    assert (found.path, found.expected) == ("steps[0].level", "at most L1")


def test_expectations_of_tests_name_real_steps() -> None:
    loaded = samples.steps(manual("a"), more="tests: [{name: t, expect: {b: completed}}]\n")
    assert samples.only(loaded, "unknown_step").path == "tests[0].expect.b"


def test_mocks_of_tests_name_real_actions() -> None:
    loaded = samples.steps(manual("a"), more="tests: [{name: t, mock: {edr.isolate: {}}}]\n")
    assert samples.only(loaded, "unknown_action").path == 'tests[0].mock["edr.isolate"]'
