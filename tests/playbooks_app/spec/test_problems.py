from playbooks_app.spec.positions import Positions
from playbooks_app.spec.problems import Problem, suggestion
from playbooks_app.spec.report import Report


def test_a_problem_is_one_line() -> None:
    problem = Problem("error", "x", "f.yaml", 3, 7, "steps[2].with.host", "it is wrong", "text", "did you mean 'a'?")
    assert problem.render() == "f.yaml:3:7 steps[2].with.host: it is wrong (expected text; did you mean 'a'?)"


def test_a_problem_with_the_whole_file_has_no_path() -> None:
    assert Problem("error", "x", "f.yaml", 1, 1, "", "it is wrong").render() == "f.yaml:1:1: it is wrong"


def test_a_warning_says_so() -> None:
    assert Problem("warning", "x", "f.yaml", 1, 1, "a", "look").render() == "f.yaml:1:1 a: warning: look"


def test_near_misses_are_suggested_and_others_are_not() -> None:
    assert suggestion("polcy", ["policy", "steps"]) == "did you mean 'policy'?"
    assert suggestion("zzz", ["policy", "steps"]) == ""


def test_the_same_problem_is_reported_once() -> None:
    report = Report("f.yaml", Positions())
    report.error("x", ("a",), "twice")
    report.error("x", ("a",), "twice")
    assert len(report.sorted()) == 1
