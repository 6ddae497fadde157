"""The other commands, each as people and programs call it."""

import contextlib
import json
import re
import sqlite3
import zipfile

import pytest

from playbooks_app.services import playbooks
from runbookpilot import catalogue
from runbookpilot.cli.table import WITHOUT_DJANGO
from tests.runbookpilot.cli.test_run import alert


@pytest.fixture(scope="module")
def ended(cli, analyst, tmp_path_factory):
    """An execution that a person ended by rejecting its write."""
    file = tmp_path_factory.mktemp("alerts") / "alert.json"
    file.write_text(alert())
    cli.talk("run", "--input", str(file), token=analyst, answers=[("Decide", "reject"), ("Reason", "false alarm")])
    return cli.json("history", "--status", "failed")["results"][0]["id"]


@pytest.fixture(scope="module")
def waiting(cli):
    """An execution that waits for approval."""
    return cli.json("run", "--input", "-", text=alert())["executions"][0]["id"]


def test_the_version_is_said(cli):
    assert cli.run("version").stdout.startswith("runbookpilot ")


def test_playbooks_are_listed_and_shown(cli):
    assert {row["id"] for row in cli.json("list")["results"]} >= {"wmi-lateral-movement", "cobalt-strike-c2"}
    assert "isolate" in cli.run("show", "wmi-lateral-movement").stdout


def test_a_playbook_that_is_not_there_is_said(cli):
    assert cli.run("show", "nonsense").returncode == 1


def test_a_valid_playbook_is_valid(cli):
    assert cli.json("validate", "playbooks/wmi-lateral-movement.yaml")["valid"]


def test_playbooks_are_checked_against_every_action_there_is():
    assert catalogue.known() == playbooks.catalogue()


def test_where_other_packages_bring_adapters_all_are_loaded(monkeypatch):
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [group])
    assert catalogue.known() is None


def test_problems_have_file_line_and_column(cli, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("apiVersion: runbookpilot/v1\nmetadata: {id: p, name: P, version: 1.0.0}\nsteps: [{id: a, kind: manul}]\n")
    done = cli.run("validate", str(file))
    assert done.returncode == 1
    assert f"{file}:3:" in done.stdout


def test_one_problem_is_not_called_several(cli, tmp_path):
    (tmp_path / "p.yaml").write_text("apiVersion: runbookpilot/v1\nmetadata: {id: p, name: P, version: 1.0.0}\n")
    said = cli.run("validate", str(tmp_path / "p.yaml")).stdout
    assert said.endswith("1 checked, 1 error, 0 warnings.\n"), said


def test_history_says_of_one_that_was_given_up_what_to_do(cli):
    made = cli.json("run", "--input", "-", text=alert())["executions"][0]["id"]
    with contextlib.closing(sqlite3.connect(f"{cli.environ['RUNBOOKPILOT_DATA']}/runbookpilot.sqlite3")) as database, database:
        database.execute("UPDATE playbooks_app_execution SET given_up_at = '2026-03-04 05:06:07' WHERE id = ?", (made.replace("-", ""),))
    [last] = cli.run("history", made).stdout.splitlines()[-1:]
    assert re.match(r"Given up at 2026-03-04T05:06:07(\.0+)?Z\. Its worker was lost time and again", last), last


def test_history_is_filtered(cli, waiting):
    ids = [row["id"] for row in cli.json("history", "--status", "awaiting_approval", "--limit", "5")["results"]]
    assert waiting in ids
    assert waiting not in [row["id"] for row in cli.json("history", "--status", "completed")["results"]]


def test_an_execution_is_found_by_the_beginning_of_its_id(cli, waiting):
    assert cli.json("history", waiting[:-4])["id"] == waiting


def test_a_beginning_that_fits_several_is_refused(cli, waiting):
    cli.run("run", "--input", "-", text=alert())
    done = cli.run("history", waiting[:2])
    assert (done.returncode, "several executions" in done.stderr) == (1, True)


def test_the_queue_is_decided_from(cli, analyst, waiting):
    (item,) = [row for row in cli.json("queue")["results"] if row["execution"] == waiting]
    assert cli.json("reject", item["id"], "--reason", "no", token=analyst)["status"] == "rejected"


def test_nobody_decides_twice(cli, analyst):
    execution = cli.json("run", "--input", "-", text=alert())["executions"][0]["id"]
    request = next(row for row in cli.json("queue")["results"] if row["execution"] == execution)
    cli.run("approve", request["id"], token=analyst)
    assert cli.run("approve", request["id"], token=analyst).returncode == 1


def test_cancel_needs_a_reason(cli, waiting):
    assert cli.run("cancel", waiting).returncode == 2


def test_an_execution_is_cancelled(cli, analyst):
    execution = cli.json("run", "--input", "-", text=alert())["executions"][0]["id"]
    assert cli.json("cancel", execution, "--reason", "enough", token=analyst)["id"] == execution


def test_an_execution_is_paused_and_resumed(cli, analyst):
    execution = cli.json("run", "--input", "-", text=alert())["executions"][0]["id"]
    assert cli.json("pause", execution, "--reason", "wait", token=analyst)["id"] == execution
    assert cli.run("resume", execution, token=analyst).returncode == 0
    assert "not paused" in cli.run("resume", execution, token=analyst).stderr


def test_nothing_to_undo_is_said(cli, analyst):
    execution = cli.json("run", "--input", "-", text=alert())["executions"][0]["id"]
    done = cli.run("rollback", execution, "--reason", "wrong", token=analyst)
    assert (done.returncode, "could be undone" in done.stderr) == (1, True)


def test_adapters_are_listed_and_checked(cli):
    assert "mock-edr" in [row["name"] for row in cli.json("adapters", "list")["results"]]
    assert cli.json("adapters", "check", "mock-edr")["health"] == "healthy"


def test_the_trail_verifies(cli):
    done = cli.run("audit", "verify")
    assert done.returncode == 0, done.stderr


def test_the_trail_is_exported_line_by_line(cli):
    lines = cli.run("audit", "export").stdout.splitlines()
    assert json.loads(lines[0])["stream"]


def test_a_pack_is_captured_sealed_and_verified_from_its_file(cli, lead, ended, tmp_path):
    target = tmp_path / "pack.zip"
    assert cli.run("evidence", "pack", ended, str(target), token=lead).returncode == 0
    assert cli.json("evidence", "verify", str(target))["verdict"] == "VERIFIED"


def test_a_pack_that_was_changed_is_found(cli, lead, ended, tmp_path):
    target = tmp_path / "pack.zip"
    cli.run("evidence", "pack", ended, str(target), token=lead)
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(target) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"ws-7", b"ws-8"))
    done = cli.run("evidence", "verify", str(changed))
    assert (done.returncode, done.stdout.startswith("TAMPERED")) == (1, True)


def test_the_keys_are_exported(cli):
    assert cli.run("keys", "export").returncode == 0


def test_a_stop_is_engaged_and_lifted(cli, lead):
    assert cli.run("stop", "--reason", "drill", token=lead).returncode == 0
    assert cli.run("stop", "--release", "--reason", "over", token=lead).returncode == 0


def test_the_operator_of_the_machine_stops_every_tenant_and_lifts_that_stop(cli):
    assert cli.run("stop", "--all-tenants", "--reason", "drill").returncode == 0
    assert cli.run("stop", "--all-tenants", "--release", "--reason", "the drill is over").returncode == 0
    lines = [json.loads(line) for line in cli.run("audit", "export").stdout.splitlines()]
    told = [(line["kind"], line["actor"]["name"], line["data"]["reason"]) for line in lines if line["stream"] == "deployment"]
    assert told[-2:] == [("stop:engaged", "operator", "drill"), ("stop:released", "operator", "the drill is over")]


def test_who_may_not_lift_the_stop_of_every_tenant_is_told_who_does(cli, lead):
    cli.run("stop", "--all-tenants", "--reason", "moved")
    of_theirs = cli.run("stop", "--release", "--reason", "over", token=lead)
    of_all = cli.run("stop", "--release", "--all-tenants", "--reason", "over", token=lead)
    cli.run("stop", "--release", "--all-tenants", "--reason", "over")
    assert (of_theirs.returncode, of_all.returncode) == (1, 1)
    assert "Every tenant is stopped (moved): the operator lifts that with runbookpilot stop --release --all-tenants." in of_theirs.stderr
    assert "the operator on the machine" in of_all.stderr


def test_the_doctor_finds_nothing_wrong(cli):
    done = cli.run("doctor", "--json")
    assert done.returncode == 0, done.stdout


def test_tokens_are_listed_without_their_text(cli, analyst):
    rows = cli.json("token", "list", "analyst")["results"]
    assert rows
    assert analyst not in json.dumps(rows)


def test_settings_hide_secrets(cli, analyst):
    assert analyst not in cli.run("settings", token=analyst).stdout


def test_help_names_every_command(cli):
    assert {"run", "init", "up", "doctor"} <= set(cli.run("--help").stdout.split())


@pytest.mark.parametrize("command", sorted(WITHOUT_DJANGO))
def test_a_command_that_needs_no_django_starts_without_it(cli, command):
    done = cli.run(command, "--help")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def checklist(cli):
    """An execution at L0, of which people do every step."""
    return cli.json("run", "--playbook", "lsass-credential-dumping", "--input", "-", text=alert())["executions"][0]["id"]


def test_what_waits_for_a_person_is_listed(cli, checklist):
    assert "tree" in [row["id"] for row in cli.json("step", checklist)["results"]]


def test_a_step_is_done_with_its_output(cli, analyst, checklist):
    done = cli.json("step", checklist, "tree", "--done", "--set", 'processes=[{"pid": 4}]', "--note", "seen", token=analyst)
    assert done == {"step": "tree", "status": "completed"}
    steps = {row["id"]: row for row in cli.json("history", checklist)["steps"]}
    assert steps["tree"]["output"] == {"processes": [{"pid": 4}]}


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("tree",), 2, "one of --done, --skip, --choose BRANCH and --answer"),
        (("tree", "--done", "--skip"), 2, "one of"),
        (("isolate", "--skip", "--set", "a=1"), 2, "--set gives the output"),
        (("isolate", "--done", "--set", "a"), 2, "NAME=VALUE"),
        (("isolate", "--answer", "happened"), 2, "--note"),
        (("isolate", "--answer", "happened", "--note", "seen"), 1, "not uncertain"),
        (("malicious", "--choose", "perhaps"), 1, "waits for nobody|no such branch"),
        (("nonsense", "--skip"), 1, "no step"),
    ],
)
def test_mistakes_with_a_step_are_one_line(cli, analyst, checklist, args, code, says):
    done = cli.run("step", checklist, *args, token=analyst)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert re.search(says, done.stderr)


def test_without_a_token_nobody_acts_on_a_step(cli, checklist):
    assert cli.run("step", checklist, "isolate", "--skip").returncode == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hosts.csv", "host,criticality,owner,services\ndc-9,high,Identity,ldap;kerberos\nws-9,,,\n"),
        ("hosts.json", '[{"host": "dc-9", "criticality": "high", "services": ["ldap", "kerberos"]}, {"host": "ws-9"}]'),
    ],
)
def test_hosts_are_taken_into_the_inventory(cli, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert cli.json("assets", "import", str(tmp_path / name)) == {"hosts": 2}
    rows = {row["host"]: row for row in cli.json("assets", "list")["results"]}
    assert (rows["dc-9"]["criticality"], rows["dc-9"]["services"], rows["ws-9"]["criticality"]) == ("high", ["ldap", "kerberos"], "medium")


def test_a_wrong_inventory_is_one_line(cli, tmp_path):
    (tmp_path / "hosts.csv").write_text("host,worth\ndc-9,much\n")
    done = cli.run("assets", "import", str(tmp_path / "hosts.csv"))
    assert (done.returncode, "row 1" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
