from hypothesis import given
from hypothesis import strategies as st

from playbooks_app.spec import graph

NAMES = [f"s{number}" for number in range(8)]
GRAPHS = st.fixed_dictionaries({name: st.lists(st.sampled_from([*NAMES, "nobody"]), max_size=4) for name in NAMES})


def _walked(needs: dict[str, list[str]], start: str) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(needs[start])
    while waiting:
        name = waiting.pop()
        if name in needs and name not in found:
            found.add(name)
            waiting.extend(needs[name])
    return frozenset(found)


def test_upstream_goes_through_others() -> None:
    assert graph.upstream({"a": [], "b": ["a"], "c": ["b"]})["c"] == {"a", "b"}


@given(GRAPHS)
def test_upstream_is_right_on_any_graph(needs: dict[str, list[str]]) -> None:
    assert graph.upstream(needs) == {name: _walked(needs, name) for name in needs}


def test_a_cycle_is_named_in_the_order_in_which_its_steps_would_run() -> None:
    assert graph.cycles({"a": ["c"], "b": ["a"], "c": ["b"]}) == [("b", "c", "a")]


def test_a_step_that_needs_itself_is_no_cycle() -> None:
    assert graph.cycles({"a": ["a"]}) == []


@given(GRAPHS)
def test_there_is_a_cycle_exactly_where_a_step_is_upstream_of_itself(needs: dict[str, list[str]]) -> None:
    needs = {name: [need for need in given if need != name] for name, given in needs.items()}
    assert bool(graph.cycles(needs)) == any(name in above for name, above in graph.upstream(needs).items())


def test_many_cycles_are_not_all_listed() -> None:
    everyone = [f"s{number}" for number in range(40)]
    assert len(graph.cycles(dict.fromkeys(everyone, everyone), most=20)) == 20


def test_a_step_in_a_branch_waits_for_the_decision() -> None:
    assert graph.behind_decisions({"d": (), "a": ()}, {"d": ["a"]})["a"] == ("d",)


def test_a_step_that_waits_for_the_decision_already_is_left_alone() -> None:
    needs = {"d": (), "a": ("d",), "b": ("a",)}
    assert graph.behind_decisions(needs, {"d": ["a", "b"]}) == needs


def test_a_step_behind_another_step_of_the_branch_is_left_alone() -> None:
    needs = graph.behind_decisions({"d": (), "a": (), "b": ("a",)}, {"d": ["a", "b"]})
    assert needs == {"d": (), "a": ("d",), "b": ("a",)}


def test_a_branch_that_names_nothing_adds_nothing() -> None:
    assert graph.behind_decisions({"d": ()}, {"d": ["nobody", "d"]}) == {"d": ()}
