"""The console in a real browser: deciding by hand and by key, alone and together, and what others never see."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accounts.choices import Role
from accounts.models import Environment, Tenant
from accounts.services import stops
from adapters.models import MockCall
from approvals.models import Request
from approvals.services import decisions
from audit.selectors import entries
from audit.services import checkpoints
from compliance.models import EvidenceBundle
from core import clock
from core.actors import system
from incidents.models import Alert
from incidents.services import alerts
from playbooks_app.models import Execution, Playbook
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

QUEUE = "now/approvals"
ISOLATE = "Isolate host ws-0417"
PAGES = (
    "", "now/approvals", "now/executions", "now/incidents", "alerts", "playbooks", "compliance/coverage", "compliance/bundles",
    "system/audit", "system/adapters", "system/adapters/new?adapter=webhook", "system/people", "system/stop", "system/settings", "system/bindings", "nowhere/",
    "accounts/tenant/",
)  # fmt: skip


def approve(page: Any, site: str, title: str) -> None:
    page.goto(f"{site}/admin/{QUEUE}")
    page.click(f"a:has-text('{title}')")
    page.click("button[data-dialog=approve]")
    page.click("dialog[open] button.rp-primary")
    page.wait_for_load_state()


def test_two_people_approve_and_see_the_effect(page: Any, site: str, log_in: Any) -> None:
    log_in("analyst")
    approve(page, site, ISOLATE)
    assert MockCall.objects.filter(action="edr.isolate_host").count() == 0
    log_in("analyst2")
    approve(page, site, ISOLATE)
    assert MockCall.objects.filter(action="edr.isolate_host", target="ws-0417").count() == 1
    assert page.locator("text=completed").first.is_visible()


def test_whoever_approved_may_not_approve_again(page: Any, site: str, log_in: Any) -> None:
    log_in("analyst")
    approve(page, site, ISOLATE)
    page.goto(f"{site}/admin/{QUEUE}")
    page.click(f"a:has-text('{ISOLATE}')")
    assert page.locator("button[data-dialog=approve]").is_disabled()
    assert page.locator("text=You have decided already").is_visible()


def test_by_keyboard_one_selects_several_approves_and_reads_each_result(page: Any, site: str, log_in: Any) -> None:
    log_in("lead")
    page.goto(f"{site}/admin/{QUEUE}")
    for key in ("j", " ", "j", " ", "j", " "):
        page.keyboard.press(key)
    assert page.locator("#bulk [data-count]").inner_text() == "3 selected"
    page.keyboard.press("a")
    assert page.locator("dialog[open] [data-targets] li").count() == 3
    page.keyboard.press("Enter")
    page.wait_for_selector("h2:has-text('Results')")
    assert page.locator(".rp-results li:has-text('approved; it runs now')").count() == 2
    assert page.locator(".rp-results li:has-text('needs 1 more person')").count() == 1


def test_by_keyboard_a_rejection_asks_for_its_reason(page: Any, site: str, log_in: Any) -> None:
    log_in("lead")
    page.goto(f"{site}/admin/{QUEUE}")
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.keyboard.type("it is the build farm")
    page.click("dialog[open] button.rp-danger")
    page.wait_for_selector("h2:has-text('Results')")
    assert Request.objects.get(status="rejected").decisions.get().reason == "it is the build farm"


def test_enter_opens_the_row_that_one_stands_on(page: Any, site: str, log_in: Any) -> None:
    log_in("lead")
    page.goto(f"{site}/admin/{QUEUE}")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=What would happen")


def receive(host: str) -> None:
    tenant = Tenant.objects.get(slug="demo")
    body = {"event": {"id": f"late-{host}"}, "rule": {"name": "Late"}, "host": {"name": host}, "threat": {"technique": [{"id": "T1047"}]}}
    alerts.ingest(
        tenant=tenant, environment=Environment.objects.get(tenant=tenant), body=json.dumps(body).encode(), content_type="application/json",
        headers={}, source=None, trigger_source="", actor=system("test"), now=clock.now(),
    )  # fmt: skip


def test_a_new_request_never_moves_the_row_under_the_cursor(page: Any, site: str, log_in: Any) -> None:
    log_in("lead")
    page.goto(f"{site}/admin/{QUEUE}")
    row = page.locator("tr[data-key]").nth(1)
    row.hover()
    key, place = row.get_attribute("data-key"), row.bounding_box()
    Request.objects.filter(pk=key).update(expires_at=clock.now())
    receive("ws-late")
    page.wait_for_selector("tr.rp-new:has-text('Isolate host ws-late')")
    assert page.locator(f"tr[data-key='{key}']").bounding_box()["y"] == place["y"]


def test_a_page_that_is_overtaken_says_so_and_holds_its_buttons(page: Any, site: str, log_in: Any) -> None:
    log_in("lead")
    page.goto(f"{site}/admin/{QUEUE}")
    page.click(f"a:has-text('{ISOLATE}')")
    page.wait_for_selector("button[data-dialog=approve]")
    row = Request.objects.get(title=ISOLATE)
    other = factories.user(Role.ANALYST, row.tenant, username="overtaker")
    decisions.decide(request_id=row.pk, verdict="approve", digest=row.digest, reason="", actor=other.actor(), now=clock.now())
    page.wait_for_selector("#stale:has-text('overtaker approved it')")
    assert page.locator("button[data-dialog=approve]").is_disabled()


def test_a_stop_that_somebody_else_engages_shows_without_a_reload(page: Any, site: str, log_in: Any) -> None:
    log_in("analyst")
    page.goto(f"{site}/admin/{QUEUE}")
    stops.engage(tenant=Tenant.objects.get(slug="demo"), reason="ransom note", actor=system("test"), now=clock.now())
    page.wait_for_selector("#rp-writes.rp-writes-stopped")
    page.wait_for_selector("text=An emergency stop stands")


def test_an_approval_on_a_phone(page: Any, site: str, log_in: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    log_in("analyst")
    page.goto(f"{site}/admin/{QUEUE}")
    page.click("a:has-text('Block 203.0.113.77')")
    page.wait_for_selector("button[data-dialog=approve]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("button[data-dialog=approve]").bounding_box()["y"] < 844
    page.click("button[data-dialog=approve]")
    page.click("dialog[open] button.rp-primary")
    page.wait_for_load_state()
    assert MockCall.objects.filter(action="firewall.block_ip").count() == 1


def test_a_step_by_hand_is_done_without_a_reload(page: Any, site: str, log_in: Any) -> None:
    log_in("analyst")
    run = Execution.objects.get(title__startswith="LSASS")
    page.goto(f"{site}/admin/now/executions/{run.pk}")
    page.evaluate("window.same = true")
    page.fill("textarea[name=output]", "suspicious: true")
    page.click("button[value=done]")
    page.wait_for_selector("text=Was the access to LSASS an attack?")
    assert page.evaluate("window.same") is True


def test_the_palette_declares_and_finds(page: Any, site: str, log_in: Any) -> None:
    log_in("analyst")
    page.keyboard.press("Control+k")
    page.wait_for_selector(".rp-palette-item")
    page.keyboard.type("ws-0417")
    page.wait_for_selector(f".rp-palette-item:has-text('{ISOLATE}')")
    page.fill("#palette-text", "declare")
    page.wait_for_selector(".rp-palette-item:has-text('Declare an incident')")
    page.wait_for_timeout(250)
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog#declare[open]")


def test_an_auditor_exports_a_pack_and_verifies_it_without_the_system(page: Any, site: str, log_in: Any, tmp_path: Path) -> None:
    log_in("auditor")
    assert page.url.endswith("/compliance/bundles")
    page.click("tr[data-href] a")
    page.click("button:has-text('Verify')")
    page.wait_for_selector(".rp-verdict.rp-good strong:has-text('VERIFIED')")
    with page.expect_download() as download:
        page.click("button:has-text('Download pack')")
    pack = tmp_path / "pack.zip"
    download.value.save_as(pack)
    keys = tmp_path / "keys.json"
    keys.write_text(page.request.get(f"{site}/.well-known/runbookpilot/keys.json").text())
    answer = subprocess.run([sys.executable, "-c", _RUN, str(pack), str(keys)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (answer.returncode, "VERIFIED" in answer.stdout) == (0, True), answer.stdout + answer.stderr


#: Takes verify.py out of the pack and runs it with the key that came another way.
_RUN = """
import runpy, sys, zipfile
pack, keys = sys.argv[1:]
zipfile.ZipFile(pack).extract("verify.py")
sys.argv = ["verify.py", pack, "--key", keys]
runpy.run_path("verify.py", run_name="__main__")
"""


def test_an_auditor_is_told_why_there_are_no_approvals(page: Any, site: str, log_in: Any) -> None:
    log_in("auditor")
    page.goto(f"{site}/admin/{QUEUE}")
    assert page.locator("text=This page is not for your role").is_visible()


def test_another_tenant_sees_nothing(page: Any, site: str, log_in: Any) -> None:
    other = factories.tenant("elsewhere")
    stranger = factories.user(Role.ADMINISTRATOR, other, username="stranger")
    stranger.set_password("demo runbookpilot")
    stranger.save()
    run, row = Execution.objects.earliest("id"), Request.objects.earliest("id")
    bundle, playbook = EvidenceBundle.objects.earliest("id"), Playbook.objects.earliest("id")
    entry = entries.of_stream(f"execution:{run.pk}")[0]
    log_in("stranger")
    for path in (f"now/executions/{run.pk}", f"{QUEUE}/{row.pk}", f"compliance/bundles/{bundle.pk}", f"playbooks/{playbook.pk}", f"system/audit/entries/{entry.id}"):
        assert page.goto(f"{site}/admin/{path}").status == 404
    for path in ("", *PAGES[1:9]):
        page.goto(f"{site}/admin/{path}")
        assert page.locator("text=ws-0417").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_screen_or_complains(page: Any, site: str, log_in: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 1280, "height": 800})
    log_in("administrator")
    run, row = Execution.objects.earliest("id"), Request.objects.earliest("id")
    tabs = [f"now/executions/{run.pk}?tab={tab}" for tab in ("steps", "flow", "timeline", "evidence", "notes")]
    items = (*tabs, f"{QUEUE}/{row.pk}", f"alerts/{run.alert_id}", f"playbooks/{run.version.playbook_id}")
    wide = []
    for path in (*PAGES, *items):
        page.goto(f"{site}/admin/{path}")
        if page.evaluate("document.documentElement.scrollWidth") > 1280:
            wide.append(path)
    assert wide == []


def test_on_a_phone_the_rule_of_an_alert_is_read_in_words(page: Any, site: str, log_in: Any) -> None:
    Alert.objects.update(host="ws-1000.branch-office.example.org", user="somebody.with-a-long-name@example.org")
    page.set_viewport_size({"width": 390, "height": 844})
    log_in("analyst")
    page.goto(f"{site}/admin/alerts")
    assert page.locator("tbody tr td").first.bounding_box()["width"] > 140
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_entry_with_its_proof_fits_a_phone(page: Any, site: str, log_in: Any) -> None:
    checkpoints.make(now=clock.now())
    page.set_viewport_size({"width": 390, "height": 844})
    log_in("analyst")
    entry = entries.last_of(f"execution:{Execution.objects.earliest('id').pk}")
    page.goto(f"{site}/admin/system/audit/entries/{entry.id}?proof=1")
    assert page.locator("text=runbookpilot audit check-proof").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_long_names_leave_the_rule_of_an_alert_its_place(page: Any, site: str, log_in: Any) -> None:
    Alert.objects.update(host="ws-1000.branch-office.example.org", user="somebody.with-a-long-name@example.org")
    page.set_viewport_size({"width": 1280, "height": 800})
    log_in("analyst")
    page.goto(f"{site}/admin/alerts")
    rule, _technique, _severity, _confidence, host, *_rest = (cell.bounding_box()["width"] for cell in page.locator("tbody tr").first.locator("td").all())
    assert rule > 1.2 * host
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_one_that_was_given_up_is_abandoned_where_it_stands(page: Any, site: str, log_in: Any) -> None:
    run = Execution.objects.filter(status="awaiting_approval").earliest("id")
    Execution.objects.filter(pk=run.pk).update(given_up_at=clock.now(), losses=5, status="awaiting_input")
    log_in("analyst")
    page.goto(f"{site}/admin/now/executions/{run.pk}")
    page.click("button[data-dialog=abandon]")
    page.fill("dialog[open] textarea", "nobody needs it")
    page.click("dialog[open] button[value=abandon]")
    page.wait_for_selector("text=It was abandoned.")
    assert Execution.objects.get(pk=run.pk).status == "abandoned"


def test_what_an_attacker_writes_into_an_alert_runs_nowhere(page: Any, site: str, log_in: Any) -> None:
    receive("<img src=x onerror='window.owned=1'>{{constructor.constructor('window.owned=1')()}}")
    log_in("lead")
    page.goto(f"{site}/admin/{QUEUE}")
    page.click("a:has-text('onerror')")
    page.wait_for_selector("text=What would happen")
    assert page.evaluate("window.owned") is None
    assert page.locator("#rp-page img").count() == 0
