"""`runbookpilot init`: the first run without the demo."""

import json

import pytest

from tests.runbookpilot.cli.terminal import CommandLine


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fresh")
    (folder / "password").write_text("a very long pass phrase")
    line = CommandLine(folder / "data")
    made = line.json(
        "init", "--tenant", "acme", "--admin", "root", "--adapter", "mock-edr", "--password-file", str(folder / "password")
    )
    return line, made


def test_it_makes_a_tenant_an_administrator_and_a_checked_adapter(fresh):
    assert fresh[1]["tenant"] == "acme"
    assert (fresh[1]["adapter"], fresh[1]["health"]) == ("mock-edr", "healthy")


def test_its_token_works(fresh):
    assert fresh[0].run("queue", token=fresh[1]["token"]).returncode == 0


def test_a_second_time_changes_nothing(fresh):
    again = fresh[0].json("init", "--tenant", "acme", "--admin", "root", "--adapter", "mock-edr")
    assert again == {**fresh[1], "token": None}


def test_monitor_mode_is_refused_by_name(fresh):
    done = fresh[0].run("init", "--tenant", "acme", "--admin", "root", "--trigger-monitor")
    assert (done.returncode, "not available yet" in done.stderr) == (1, True)


def test_an_unknown_adapter_is_refused_with_those_that_there_are(fresh):
    done = fresh[0].run("init", "--tenant", "acme", "--admin", "root", "--adapter", "nonsense")
    assert (done.returncode, "mock-edr" in done.stderr) == (1, True)


def test_it_asks_for_what_is_left_out(tmp_path):
    answers = [
        ("Tenant", "beta"),
        ("Administrator", "chief"),
        ("Password", "a very long pass phrase"),
        ("Repeat", "a very long pass phrase"),
    ]
    said, code = CommandLine(tmp_path).talk("init", answers=answers)
    assert code == 0, said
    assert "Token of chief" in said


@pytest.fixture
def declaring(tmp_path):
    """A folder in which nothing was made yet, with an adapter declared for the tenant that is to come."""
    (tmp_path / "password").write_text("a very long pass phrase")
    return CommandLine(tmp_path / "data", RUNBOOKPILOT_ADAPTER__ACME__PRODUCTION__EDR__ADAPTER="mock-edr")


def test_an_adapter_may_be_declared_before_there_is_a_tenant(declaring, tmp_path):
    assert declaring.run("prepare").returncode == 0
    declaring.json("init", "--tenant", "acme", "--admin", "root", "--password-file", str(tmp_path / "password"))
    [row] = declaring.json("adapters", "list")["results"]
    assert (row["name"], row["declared"]) == ("edr", True)


def test_preparing_again_makes_what_is_declared_since_once(tmp_path):
    plain = CommandLine(tmp_path / "data")
    (tmp_path / "password").write_text("a very long pass phrase")
    plain.json("init", "--tenant", "acme", "--admin", "root", "--password-file", str(tmp_path / "password"))
    declaring = CommandLine(tmp_path / "data", RUNBOOKPILOT_ADAPTER__ACME__PRODUCTION__EDR__ADAPTER="mock-edr")
    assert [declaring.run("prepare").returncode for _ in range(2)] == [0, 0]
    assert [row["name"] for row in declaring.json("adapters", "list")["results"]] == ["edr"]
    kinds = [json.loads(line)["kind"] for line in declaring.run("audit", "export").stdout.splitlines()]
    assert kinds.count("adapter:created") == 1
