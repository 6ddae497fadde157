"""`runbookpilot run`: alerts from files and standard input, driven in the foreground."""

import itertools
import json

import pytest

numbers = itertools.count(1)


def alert(technique="T1047"):
    return json.dumps(
        {
            "@timestamp": "2026-03-04T05:06:07Z",
            "event": {"id": f"cli-{next(numbers)}", "severity": 73},
            "rule": {"name": "WMI remote execution", "ruleset": "sigma"},
            "host": {"name": "ws-7", "id": "ws-7"},
            "process": {"pid": 4120},
            "destination": {"ip": "203.0.113.9"},
            "threat": {"technique": [{"id": technique}]},
        }
    )


def test_what_waits_for_people_is_said_with_its_exit_code(cli):
    done = cli.run("run", "--input", "-", text=alert())
    assert done.returncode == 5
    assert "requested approval isolate" in done.stdout
    assert "awaiting approval" in done.stdout


def test_programs_get_one_document(cli):
    found = cli.json("run", "--input", "-", text=alert())
    assert (found["exit"], found["executions"][0]["status"]) == (5, "awaiting_approval")
    assert any(row["matched"] for row in found["results"][0]["decisions"])


def test_a_file_is_read_too(cli, tmp_path):
    file = tmp_path / "alert.json"
    file.write_text(alert())
    assert cli.run("run", "--input", str(file)).returncode == 5


def test_one_bad_line_never_loses_the_others(cli):
    found = cli.json("run", "--input", "-", text=f"{alert()}\n{{broken\n{alert()}\n")
    assert [("error" in row) for row in found["results"]] == [False, True, False]
    assert (len(found["executions"]), found["exit"]) == (2, 3)


def test_a_document_that_is_no_json_is_refused_with_a_sentence(cli):
    done = cli.run("run", "--input", "-", text='{"a":')
    assert done.returncode == 3
    assert "not valid JSON" in done.stderr


def test_the_same_alert_starts_nothing_twice(cli):
    text = alert()
    cli.run("run", "--input", "-", text=text)
    assert cli.json("run", "--input", "-", text=text)["results"][0]["duplicate"]


def test_nothing_that_matches_is_said_with_the_reasons(cli):
    done = cli.run("run", "--input", "-", text=alert("T1999"))
    assert done.returncode == 0
    assert "nothing matched" in done.stdout


def test_a_dry_run_is_a_drill(cli):
    found = cli.json("--dry-run", "run", "--input", "-", text=alert())
    (execution,) = found["executions"]
    assert (execution["status"], found["exit"]) == ("completed", 0)
    assert {step["mode"] for step in execution["steps"] if step["id"] == "isolate"} == {"simulated"}


def test_a_lower_level_is_kept_to(cli):
    found = cli.json("--automation-level", "L0", "run", "--input", "-", text=alert())
    assert (found["executions"][0]["level"], found["executions"][0]["status"]) == ("L0", "awaiting_input")


def test_a_playbook_can_be_named(cli, tmp_path):
    file = tmp_path / "alert.json"
    file.write_text(alert())
    found = cli.json("--dry-run", "run", "--playbook", "wmi-lateral-movement", "--input", str(file))
    assert found["executions"][0]["playbook"]["id"] == "wmi-lateral-movement"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("run",), 2, "Name what to run"),
        (("--automation-level", "L2", "run", "--input", "-"), 2, "--enable-l2"),
        (("--dry-run", "queue"), 2, "means nothing to queue"),
        (("run", "--input", "/nonexistent"), 1, "cannot be read"),
        (("run", "--playbook", "nonsense"), 1, "There is no playbook 'nonsense'"),
        (("run", "--playbook", "wmi-lateral-movement", "--set", "x"), 2, "NAME=VALUE"),
        (("run", "--playbook", "wmi-lateral-movement", "--set", "x=1"), 3, "is no input"),
        (("history", "zz"), 1, "is no id"),
        (("approve", "01"), 1, "RUNBOOKPILOT_TOKEN"),
    ],
)
def test_mistakes_are_one_line_and_what_to_do(cli, args, code, said):
    done = cli.run(*args)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_it_asks_on_a_terminal_and_goes_on(cli, analyst, tmp_path):
    file = tmp_path / "alert.json"
    file.write_text(alert())
    said, code = cli.talk(
        "run", "--input", str(file), token=analyst,
        answers=[("Decide", "approve"), ("Reason", "seen it")],
    )  # fmt: skip
    assert code in (0, 5), said
    assert "Isolate" in said


def test_a_rejection_on_the_terminal_ends_it(cli, analyst, tmp_path):
    file = tmp_path / "alert.json"
    file.write_text(alert())
    said, code = cli.talk("run", "--input", str(file), token=analyst, answers=[("Decide", "reject"), ("Reason", "false alarm")])
    assert code == 4, said
    assert "failed" in said


def test_without_a_token_nobody_decides(cli, tmp_path):
    file = tmp_path / "alert.json"
    file.write_text(alert())
    said, code = cli.talk("run", "--input", str(file), answers=[])
    assert code == 5
    assert "Set RUNBOOKPILOT_TOKEN to decide here" in said


def test_a_token_without_the_right_is_refused(cli):
    auditor = cli.json("token", "create", "auditor")["token"]
    done = cli.run("run", "--input", "-", text=alert(), token=auditor)
    assert done.returncode == 1
