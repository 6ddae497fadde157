"""The console in a real browser: an analyst approves, a second person is needed, another tenant sees nothing."""

import os
from typing import Any

import pytest

from adapters.models import MockCall
from playbooks_app.models import Execution
from runbookpilot.demo import content, load

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {"executable_path": "/usr/bin/chromium", "args": flags}


@pytest.fixture
def site(live_server: Any) -> str:
    load.load()
    return str(live_server.url)


def log_in(page: Any, site: str, name: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{site}/admin/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", content.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state()


def approve(page: Any, site: str, title: str) -> None:
    page.goto(f"{site}/admin/now/approvals")
    page.click(f"text={title}")
    page.click("button[data-dialog=approve]")
    page.click("dialog[open] button.rp-primary")
    page.wait_for_load_state()


def test_two_people_approve_and_see_the_effect(page: Any, site: str) -> None:
    log_in(page, site, "analyst")
    approve(page, site, "Isolate host ws-0417")
    assert MockCall.objects.filter(action="edr.isolate_host").count() == 0
    log_in(page, site, "analyst2")
    approve(page, site, "Isolate host ws-0417")
    assert MockCall.objects.filter(action="edr.isolate_host", target="ws-0417").count() == 1
    assert page.locator("text=completed").first.is_visible()


def test_whoever_approved_may_not_approve_again(page: Any, site: str) -> None:
    log_in(page, site, "analyst")
    approve(page, site, "Isolate host ws-0417")
    page.goto(f"{site}/admin/now/approvals")
    page.click("text=Isolate host ws-0417")
    assert page.locator("button[data-dialog=approve]").is_disabled()
    assert page.locator("text=You have decided already").is_visible()


def test_pages_load_without_a_script_error(page: Any, site: str) -> None:
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    log_in(page, site, "administrator")
    for path in ("", "now/approvals", "now/executions", "now/incidents", "alerts", "playbooks", "compliance/coverage", "compliance/bundles", "system/audit"):
        page.goto(f"{site}/admin/{path}")
    page.goto(f"{site}/admin/now/executions/{Execution.objects.earliest('id').pk}")
    assert found == []


def test_an_auditor_starts_at_the_bundles_and_sees_no_approvals(page: Any, site: str) -> None:
    log_in(page, site, "auditor")
    assert page.url.endswith("/compliance/bundles")
    page.goto(f"{site}/admin/now/approvals")
    assert page.locator("text=Isolate host").count() == 0
