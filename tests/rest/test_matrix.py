"""Every route x role x own and other tenant. The routes come from the router; a new one without a rule fails here."""

import re

import pytest
from django.urls import URLPattern, get_resolver

from accounts.choices import ROLE_PERMISSIONS, Permission, Role
from tests import factories
from tests.rest import worlds

P = Permission
READ, EVIDENCE = P.VIEW_RECORDS, P.VIEW_EVIDENCE

#: What each route asks for, by the name of the address and the method.
RULES: dict[tuple[str, str], Permission] = {
    ("alert-list", "get"): READ,
    ("alert-list", "post"): P.INGEST_ALERTS,
    ("alert-detail", "get"): READ,
    ("alert-source-list", "get"): P.MANAGE_ADAPTERS,
    ("alert-source-list", "post"): P.MANAGE_ADAPTERS,
    ("execution-list", "get"): READ,
    ("execution-list", "post"): P.WORK_EXECUTIONS,
    ("execution-detail", "get"): READ,
    ("execution-detail", "patch"): P.WORK_EXECUTIONS,
    ("execution-rollback", "post"): P.WORK_EXECUTIONS,
    ("execution-step", "patch"): P.WORK_EXECUTIONS,
    ("execution-timeline", "get"): READ,
    ("playbook-list", "get"): READ,
    ("playbook-list", "post"): P.EDIT_PLAYBOOKS,
    ("playbook-validate", "post"): READ,
    ("playbook-detail", "get"): READ,
    ("playbook-activate", "post"): P.ACTIVATE_PLAYBOOKS,
    ("playbook-submit", "post"): P.EDIT_PLAYBOOKS,
    ("playbook-versions", "get"): READ,
    ("approval-list", "get"): READ,
    ("approval-bulk", "post"): READ,
    ("approval-detail", "get"): READ,
    ("approval-approve", "post"): P.DECIDE_AS_ANALYST,
    ("approval-claim", "post"): P.DECIDE_AS_ANALYST,
    ("approval-reject", "post"): P.DECIDE_AS_ANALYST,
    ("approval-release", "post"): P.DECIDE_AS_ANALYST,
    ("incident-list", "get"): READ,
    ("incident-list", "post"): P.WORK_INCIDENTS,
    ("incident-detail", "get"): READ,
    ("incident-detail", "patch"): P.WORK_INCIDENTS,
    ("incident-status", "post"): P.WORK_INCIDENTS,
    ("incident-links", "post"): P.WORK_INCIDENTS,
    ("incident-notes", "post"): P.WORK_INCIDENTS,
    ("incident-roles", "post"): P.WORK_INCIDENTS,
    ("incident-timeline", "get"): READ,
    ("framework-list", "get"): EVIDENCE,
    ("framework-list", "post"): P.MANAGE_COMPLIANCE,
    ("framework-detail", "get"): EVIDENCE,
    ("control-list", "get"): EVIDENCE,
    ("control-coverage", "get"): EVIDENCE,
    ("control-detail", "get"): EVIDENCE,
    ("control-detail", "patch"): P.MANAGE_COMPLIANCE,
    ("control-exceptions", "post"): P.MANAGE_COMPLIANCE,
    ("control-mappings", "get"): EVIDENCE,
    ("control-mappings", "post"): P.MANAGE_COMPLIANCE,
    ("evidence-bundle-list", "get"): EVIDENCE,
    ("evidence-bundle-list", "post"): P.MANAGE_COMPLIANCE,
    ("evidence-bundle-detail", "get"): EVIDENCE,
    ("evidence-bundle-artifacts", "get"): EVIDENCE,
    ("evidence-bundle-artifacts", "post"): P.MANAGE_COMPLIANCE,
    ("evidence-bundle-export", "get"): EVIDENCE,
    ("evidence-bundle-seal", "post"): P.MANAGE_COMPLIANCE,
    ("evidence-bundle-supersede", "post"): P.MANAGE_COMPLIANCE,
    ("evidence-bundle-verify", "post"): EVIDENCE,
    ("my-notifications", "get"): READ,
    ("my-notifications", "put"): READ,
    ("audit-entry-list", "get"): EVIDENCE,
    ("audit-entry-detail", "get"): EVIDENCE,
    ("audit-verify", "post"): EVIDENCE,
    ("audit-export", "get"): EVIDENCE,
    ("dead-letter-list", "get"): P.MANAGE_TENANT,
    ("dead-letter-detail", "get"): P.MANAGE_TENANT,
    ("dead-letter-send", "post"): P.MANAGE_TENANT,
    ("dead-letter-drop", "post"): P.MANAGE_TENANT,
}
#: A list shows what somebody may read, which may be nothing; it refuses nobody who is logged in.
LISTS = {name for name, _ in RULES if name.endswith("-list")} | {"control-coverage", "audit-export"}


def routes() -> dict[tuple[str, str], str]:
    """Every name and method of the API with its pattern."""
    api = next(item for item in get_resolver().url_patterns if str(item.pattern) == "api/v1/")
    found = {}
    for pattern in api.url_patterns:
        assert isinstance(pattern, URLPattern)
        for method in pattern.callback.actions:  # type: ignore[attr-defined]
            found[str(pattern.name), method] = str(pattern.pattern)
    return found


ROUTES = routes()


def basename(name: str) -> str:
    return next(base for base in sorted(NAMES, key=len, reverse=True) if name.startswith(base))


NAMES = (
    "alert-source",
    "alert",
    "execution",
    "playbook",
    "approval",
    "incident",
    "framework",
    "control",
    "evidence-bundle",
    "audit-entry",
    "audit",
    "dead-letter",
    "my",
)


def path(name: str, method: str, world: worlds.World) -> str:
    """The address of a route, with what stands for its placeholders in a world."""
    kwargs = world.kwargs.get(basename(name), {})
    text = ROUTES[name, method].removeprefix("^").removesuffix("$")
    query = "?framework=f" if name == "control-coverage" else ""
    return "/api/v1/" + query.join(
        [re.sub(r"\(\?P<(\w+)>[^()]*(?:\([^()]*\)[^()]*)*\)", lambda found: kwargs[found.group(1)], text), ""]
    )


def test_every_route_has_a_rule():
    assert set(ROUTES) == set(RULES)


def ask(world, name, method, token="", body=None):
    return worlds.call(method, path(name, method, world), token, body)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), sorted(RULES))
def test_nobody_gets_in_without_logging_in(world, name, method):
    assert ask(world[0], name, method).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("name", "method"), sorted(RULES))
def test_a_role_may_what_its_permissions_say(world, name, method, role):
    own, _, tokens = world
    answer = ask(own, name, method, tokens[role])
    allowed = RULES[name, method] in ROLE_PERMISSIONS[role]
    assert answer.status_code < 500
    if allowed:
        assert answer.status_code not in (401, 403, 404), answer.content
    elif name in LISTS and method == "get":
        assert _nothing(answer)
    else:
        assert answer.status_code in (403, 404), answer.content


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), sorted(RULES))
def test_what_belongs_to_another_tenant_is_not_there(world, name, method):
    own, other, tokens = world
    if "(?P<" not in ROUTES[name, method]:
        answer = ask(own, name, method, tokens[Role.ADMINISTRATOR])
        assert not any(values["pk"] in answer.getvalue().decode() for values in other.kwargs.values() if "pk" in values)
        return
    if basename(name) == "playbook":
        # A slug is unique in its tenant only: the other tenant's answers to its own people.
        answer = worlds.call(method, f"{path(name, method, other)}?tenant=other", tokens[Role.ADMINISTRATOR])
    else:
        answer = ask(other, name, method, tokens[Role.ADMINISTRATOR])
    assert answer.status_code == 404, answer.content


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), sorted(key for key in RULES if RULES[key] not in (READ,)))
def test_a_token_may_no_more_than_its_scopes(world, name, method):
    own = world[0]
    person = factories.user(Role.ADMINISTRATOR, own.tenant)
    answer = ask(own, name, method, factories.token(person, scopes=(READ.value,)))
    if name in LISTS and method == "get":
        assert _nothing(answer)
    else:
        assert answer.status_code in (403, 404), answer.content


def _nothing(answer):
    """Whether an answer shows nothing: refused, or an empty list."""
    if answer.status_code in (403, 404):
        return True
    if answer.get("Content-Type", "").startswith("application/json"):
        body = answer.json()
        return body.get("results", []) == [] and not body.get("controls")
    return answer.getvalue().strip() in (b"",)
