"""What a finished execution leaves behind."""

import json
from typing import Any

import pytest

from approvals.models import Request
from audit.selectors import entries
from compliance import tasks
from compliance.choices import ArtifactKind, BundleStatus
from compliance.models import Artifact, ControlEvidence, EvidenceBundle
from compliance.services import bundles, evidence, mappings
from core import blobs
from playbooks_app.choices import ExecutionStatus
from playbooks_app.models import Execution
from tests.compliance import worlds
from tests.compliance.worlds import DAY, ENGINE, NOW


def capture(execution: Execution) -> EvidenceBundle:
    bundle = evidence.capture(execution_id=execution.pk, actor=ENGINE, now=NOW)
    assert bundle is not None
    return bundle


def content(bundle: EvidenceBundle, kind: ArtifactKind) -> Any:
    return json.loads(blobs.read(bundle.artifacts.get(kind=kind).sha256))


@pytest.fixture
def execution(world: worlds.World) -> Execution:
    worlds.mapped(world)
    return worlds.execution(world)


def test_it_holds_a_document_of_every_kind(execution: Execution) -> None:
    bundle = capture(execution)

    assert set(bundle.artifacts.values_list("kind", flat=True)) == set(ArtifactKind.values) - {"file"}
    assert (bundle.status, bundle.passed, bundle.period_until) == (BundleStatus.OPEN, True, NOW)


def test_capturing_again_changes_nothing(execution: Execution) -> None:
    first = capture(execution)
    kept = list(first.artifacts.values_list("id", flat=True))

    assert capture(execution).pk == first.pk
    assert list(first.artifacts.values_list("id", flat=True)) == kept
    assert [entry.kind for entry in entries.of_stream(f"bundle:{first.pk}")] == ["bundle:captured"]


def test_an_open_bundle_is_brought_up_to_date_and_keeps_attached_files(execution: Execution) -> None:
    bundle = capture(execution)
    bundles.attach(bundle=bundle, name="photo", content=b"x", media_type="image/png", actor=ENGINE, now=NOW)
    execution.steps.update(output={"isolated": False})

    capture(execution)

    assert content(bundle, ArtifactKind.RESULT)["output"] == {"isolated": False}
    assert bundle.artifacts.filter(kind=ArtifactKind.FILE).count() == 1


def test_a_sealed_bundle_is_not_captured_again(execution: Execution) -> None:
    bundle = bundles.seal(bundle_id=capture(execution).pk, actor=ENGINE, now=NOW)
    execution.steps.update(output={"isolated": False})

    assert capture(execution).manifest_sha256 == bundle.manifest_sha256
    assert content(bundle, ArtifactKind.RESULT)["output"]["isolated"] is True


def test_secrets_are_left_out_and_named(execution: Execution) -> None:
    bundle = capture(execution)

    result = bundle.artifacts.get(kind=ArtifactKind.RESULT)
    assert b"s3cret" not in blobs.read(result.sha256)
    assert result.redactions == ["/output/api_key"]


def test_the_alert_travels_as_digest_and_chosen_fields(execution: Execution) -> None:
    bundle = capture(execution)

    assert content(bundle, ArtifactKind.ALERT)["sha256"] == "a" * 64
    assert b"SENSITIVE" not in b"".join(blobs.read(row.sha256) for row in bundle.artifacts.all())
    assert "the alert as received" in [item["what"] for item in bundle.omissions]


def test_an_approval_travels_with_its_document_and_who_decided(execution: Execution) -> None:
    approval = content(capture(execution), ArtifactKind.APPROVAL)

    assert approval["document"] == worlds.document()
    assert [(item["by"], item["digest"]) for item in approval["decisions"]] == [("lead", approval["digest"])]


def test_a_call_names_the_approval_that_allowed_it(execution: Execution) -> None:
    assert content(capture(execution), ArtifactKind.CALL)["approval"] == str(Request.objects.get().pk)


def test_its_journal_is_the_slice_of_the_execution(execution: Execution) -> None:
    sha256 = capture(execution).artifacts.get(kind=ArtifactKind.JOURNAL).sha256

    lines = [json.loads(line) for line in blobs.read(sha256).splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["hash"] for line in lines] == [entry.hash for entry in entries.of_stream(f"execution:{execution.pk}")]


def test_an_execution_of_a_playbook_that_serves_no_control_yields_nothing(world: worlds.World) -> None:
    assert evidence.capture(execution_id=worlds.execution(world).pk, actor=ENGINE, now=NOW) is None


def test_a_mapping_that_had_ended_yields_nothing(world: worlds.World) -> None:
    mapping = worlds.mapped(world)
    mappings.end(mapping=mapping, at=NOW - DAY, actor=ENGINE, now=NOW)

    assert evidence.capture(execution_id=worlds.execution(world).pk, actor=ENGINE, now=NOW) is None


@pytest.mark.parametrize("more", [{"drill": True}, {"status": ExecutionStatus.EXECUTING}, {"status": ExecutionStatus.ROLLING_BACK}])
def test_a_drill_or_an_execution_under_way_yields_nothing(world: worlds.World, more: dict[str, Any]) -> None:
    worlds.mapped(world)

    assert evidence.capture(execution_id=worlds.execution(world, **more).pk, actor=ENGINE, now=NOW) is None


@pytest.mark.parametrize(
    ("status", "passed"),
    [(ExecutionStatus.COMPLETED, True), (ExecutionStatus.FAILED, False), (ExecutionStatus.CANCELLED, None), (ExecutionStatus.ABANDONED, None)],
)
def test_it_passes_only_if_the_execution_completed(world: worlds.World, status: str, passed: bool | None) -> None:
    worlds.mapped(world)
    bundle = capture(worlds.execution(world, status))

    assert (bundle.passed, bundle.evidence.get().passed) == (passed, passed)


def test_one_execution_serves_every_mapped_control(world: worlds.World) -> None:
    for control in world.framework.controls.all():
        mappings.add(control=control, playbook=world.playbook, actor=ENGINE, now=NOW)

    bundle = capture(worlds.execution(world))

    assert ControlEvidence.objects.filter(bundle=bundle).count() == 3


def test_the_task_captures_and_seals_what_the_journal_says_has_finished(execution: Execution) -> None:
    finished = entries.of_stream(f"execution:{execution.pk}")[-1]

    assert tasks.capture_evidence(entry=finished) == tasks.capture_evidence(entry=finished)
    assert EvidenceBundle.objects.get().status == BundleStatus.SEALED


def test_a_queued_simulation_keeps_the_bundle_open_until_it_is_settled(world: worlds.World, execution: Execution) -> None:
    queued = Request.objects.create(
        tenant=world.tenant, environment=world.environment, subject_kind="step", subject_id="other", simulated=True,
        stream=f"execution:{execution.pk}", title="Queued", document={"call": {}}, digest="0" * 64, call_digest="0" * 64, expires_at=NOW,
    )
    tasks.capture_evidence(entry=entries.of_stream(f"execution:{execution.pk}")[-1])

    assert tasks.seal_due() == 0
    with pytest.raises(bundles.StillOpen):
        bundles.seal(bundle_id=EvidenceBundle.objects.get().pk, actor=ENGINE, now=NOW)
    queued.status = "expired"
    queued.save()
    assert tasks.seal_due() == 1
    assert tasks.seal_due() == 0


def test_artifacts_of_other_tenants_are_not_touched(world: worlds.World, execution: Execution) -> None:
    other = worlds.world()
    worlds.mapped(other)
    theirs = capture(worlds.execution(other))
    before = set(theirs.artifacts.values_list("sha256", flat=True))

    capture(execution)

    assert set(Artifact.objects.filter(bundle=theirs).values_list("sha256", flat=True)) == before


@pytest.mark.parametrize(("outcome", "passed"), [("failed", False), ("completed", None)])
def test_what_was_rolled_back_never_passes(world: worlds.World, outcome: str, passed: bool | None) -> None:
    worlds.mapped(world)

    bundle = capture(worlds.execution(world, ExecutionStatus.ROLLED_BACK, result={"outcome": outcome}))

    assert bundle.passed is passed


def test_a_bundle_that_cannot_be_sealed_does_not_keep_others_open(
    world: worlds.World, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture(execution)
    capture(worlds.execution(world))
    real = bundles.seal

    def first_fails(**given: Any) -> Any:
        if given["bundle_id"] == EvidenceBundle.objects.order_by("id")[0].pk:
            raise bundles.PackTooLarge
        return real(**given)

    monkeypatch.setattr(bundles, "seal", first_fails)

    assert tasks.seal_due() == 1
