"""The write services of playbooks and executions, each as it is called when it has something to write."""

import functools
from typing import Any

from accounts.choices import Role
from adapters.models import MockScript
from incidents.services import incidents
from playbooks_app.models import Playbook, PlaybookVersion
from playbooks_app.services import closing, executions, linking, playbooks, uncertain
from tests import factories
from tests.architecture.scenes import MANUAL, SOURCE, Call, by, of
from tests.architecture.scenes_of_requests import SCENES
from tests.factories import NOW, SETUP
from tests.playbooks_app.executions import worlds as driven


@of(playbooks.import_version)
def _() -> Call:
    return by(playbooks.import_version, tenant=factories.tenant(), source=SOURCE)


def _version() -> PlaybookVersion:
    tenant = factories.tenant()
    author = factories.user(Role.LEAD, tenant)
    return playbooks.import_version(tenant=tenant, source=SOURCE, actor=author.actor(), now=NOW)


def _active() -> PlaybookVersion:
    version = playbooks.submit(version=_version(), actor=SETUP, now=NOW)
    return playbooks.activate(version=version, actor=factories.user(Role.LEAD, version.tenant).actor(), now=NOW)


@of(playbooks.submit)
def _() -> Call:
    return by(playbooks.submit, version=_version())


@of(playbooks.activate)
def _() -> Call:
    version = playbooks.submit(version=_version(), actor=SETUP, now=NOW)
    return by(playbooks.activate, version=version, actor=factories.user(Role.LEAD, version.tenant).actor())


@of(playbooks.retire)
def _() -> Call:
    return by(playbooks.retire, version=_active())


@of(playbooks.load_library)
def _() -> Call:
    return by(playbooks.load_library, tenant=factories.tenant())


@of(playbooks.map_technique)
def _() -> Call:
    version = _active()
    return by(
        playbooks.map_technique, tenant=version.tenant, technique="T1047", playbook=Playbook.objects.get(pk=version.playbook_id)
    )


def _running(*steps: dict[str, Any], **more: Any) -> Any:
    return driven.driven(driven.world().begin(*(steps or (MANUAL,)), **more))


@of(executions.start)
def _() -> Call:
    return functools.partial(driven.world().begin, MANUAL)


@of(executions.cancel)
def _() -> Call:
    return by(executions.cancel, execution_id=_running().pk, reason="enough")


@of(executions.pause)
def _() -> Call:
    return by(executions.pause, execution_id=_running().pk, reason="lunch")


@of(executions.resume)
def _() -> Call:
    execution = _running()
    executions.pause(execution_id=execution.pk, reason="lunch", actor=SETUP, now=NOW)
    driven.driven(execution)
    return by(executions.resume, execution_id=execution.pk, reason="back")


@of(closing.abandon)
def _() -> Call:
    return by(closing.abandon, execution_id=_running().pk, reason="lost")


@of(closing.complete)
def _() -> Call:
    return by(closing.complete, execution_id=_running().pk, reason="done elsewhere")


@of(executions.note)
def _() -> Call:
    return by(executions.note, execution_id=_running().pk, text="seen")


@of(linking.link)
def _() -> Call:
    execution = _running()
    incident = by(incidents.declare, tenant=execution.tenant, environment=execution.environment, title="New")()
    return by(linking.link, execution_id=execution.pk, incident_id=incident.pk)


@of(executions.update_step)
def _() -> Call:
    return by(executions.update_step, execution_id=_running().pk, step_id="tell", status="completed")


@of(executions.rollback)
def _() -> Call:
    world = driven.world()
    execution = driven.driven(world.begin({**driven.WRITE}))
    world.decide()
    return by(executions.rollback, execution_id=driven.driven(execution).pk, reason="false alarm")


@of(uncertain.answer)
def _() -> Call:
    world = driven.world()
    execution = driven.driven(world.begin({"id": "dump", "action": "edr.collect_memory_dump", "with": {"host": "h1"}}))
    MockScript.objects.create(instance=world.edr, action="edr.collect_memory_dump", error="vendor_error")
    world.decide()
    driven.driven(execution)
    return by(uncertain.answer, execution_id=execution.pk, step_id="dump", said="happened", reason="seen")


#: Every scene, those of the other apps first.
ALL = SCENES
