"""Checkpoints and proofs on the command line."""

import json

import pytest


@pytest.fixture(scope="module")
def checkpoint(cli, tmp_path_factory):
    file = tmp_path_factory.mktemp("auditor") / "checkpoint.json"
    file.write_text(cli.run("audit", "checkpoint").stdout)
    return file


def test_a_checkpoint_covers_the_whole_trail(cli, checkpoint):
    report = cli.json("audit", "verify")
    assert report["covered"] == json.loads(checkpoint.read_text())["checkpoint"]["size"] == report["entries"]


def test_a_kept_checkpoint_stands(cli, checkpoint):
    done = cli.run("audit", "verify", "--against", str(checkpoint))
    assert (done.returncode, "all hold" in done.stdout) == (0, True)


def test_a_checkpoint_that_is_not_ours_does_not_stand(cli, checkpoint, tmp_path):
    other = json.loads(checkpoint.read_text())
    other["checkpoint"]["root"] = "0" * 64
    (tmp_path / "other.json").write_text(json.dumps(other))
    done = cli.run("audit", "verify", "--against", str(tmp_path / "other.json"))
    assert (done.returncode, "not a continuation" in done.stdout) == (1, True)


def test_an_entry_s_proof_is_printed_and_holds(cli, checkpoint, tmp_path):
    entry = json.loads(cli.run("audit", "export").stdout.splitlines()[0])
    (tmp_path / "proof.json").write_text(cli.run("audit", "proof", entry["id"]).stdout)
    assert cli.run("audit", "check-proof", str(tmp_path / "proof.json")).returncode == 0


def test_what_is_no_proof_is_said_so(cli, tmp_path):
    (tmp_path / "proof.json").write_text("[]")
    done = cli.run("audit", "check-proof", str(tmp_path / "proof.json"))
    assert (done.returncode, "not a proof" in done.stderr) == (1, True)


def test_a_rotated_key_is_journaled(cli, checkpoint):
    key = cli.json("keys", "rotate")["keyid"]
    assert any(key in line for line in cli.run("audit", "export").stdout.splitlines())
    assert cli.run("audit", "verify").returncode == 0
