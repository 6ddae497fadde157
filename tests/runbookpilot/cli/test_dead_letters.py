"""Dead letters on the command line."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest


@pytest.fixture
def letter(cli):
    """One of the demo's deliveries, which gave up; the id of its row."""
    with closing(sqlite3.connect(Path(cli.environ["RUNBOOKPILOT_DATA"]) / "runbookpilot.sqlite3")) as database, database:
        [(pk,)] = database.execute("SELECT id FROM audit_delivery WHERE dead_at IS NULL ORDER BY id LIMIT 1").fetchall()
        database.execute("UPDATE audit_delivery SET dead_at = '2026-03-04 05:06:07', attempts = 12, error = 'KeyError: x' WHERE id = ?", [pk])
    return pk


def test_they_are_listed_and_shown(cli, letter):
    rows = cli.json("dead-letters", "list")["results"]
    assert letter in [row["id"].replace("-", "") for row in rows]
    assert "KeyError: x" in cli.run("dead-letters", "show", letter).stdout


def test_doctor_says_how_to_mend_them(cli, letter):
    done = cli.run("doctor")
    assert done.returncode == 1
    assert "runbookpilot dead-letters send --all" in done.stdout


def test_one_is_sent_again(cli, letter):
    assert "Sent again: 1" in cli.run("dead-letters", "send", letter).stdout
    assert letter not in json.dumps(cli.json("dead-letters", "list")).replace("-", "")


def test_all_are_sent_again(cli, letter):
    assert cli.json("dead-letters", "send", "--all")["sent"] >= 1
    assert cli.json("dead-letters", "list")["results"] == []


def test_one_is_dropped_only_with_a_reason(cli, letter):
    assert cli.run("dead-letters", "drop", letter).returncode == 2
    assert "Dropped" in cli.run("dead-letters", "drop", letter, "--reason", "a test alert").stdout


def test_which_one_has_to_be_said(cli):
    assert cli.run("dead-letters", "send").returncode == 2


def test_an_analyst_sees_none_of_them(cli, letter, analyst):
    assert cli.json("dead-letters", "list", token=analyst)["results"] == []
