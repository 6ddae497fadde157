"""Playbooks and actions to test with."""

from collections.abc import Mapping
from typing import Any

from playbooks_app.spec import loader
from playbooks_app.spec.catalogue import ActionInfo
from playbooks_app.spec.problems import Problem

TEXT = {"type": "string"}


def params(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


ACTIONS = {
    info.name: info
    for info in (
        ActionInfo("asset.lookup", "read", params({"host": TEXT})),
        ActionInfo("edr.get_process_tree", "read", params({"host": TEXT, "pid": {"type": "integer"}})),
        ActionInfo("edr.isolate_host", "reversible", params({"host": TEXT}), undo="edr.unisolate_host"),
        ActionInfo("edr.unisolate_host", "reversible", params({"host": TEXT})),
        ActionInfo("edr.wipe_host", "irreversible", params({"host": TEXT})),
        ActionInfo("siem.query_logs", "read", params({"query": TEXT}, {"last": TEXT})),
        ActionInfo("notify.send_slack_message", "irreversible", params({"text": TEXT}), notification=True),
    )
}

HEAD = """\
apiVersion: runbookpilot/v1
metadata: {id: sample, name: Sample, version: 1.0.0}
level: L1
"""

ISOLATE = "{id: isolate, action: edr.isolate_host, with: {host: h1}, rollback: {action: edr.unisolate_host, with: {host: h1}}}"

FULL = """\
apiVersion: runbookpilot/v1
metadata:
  id: wmi-lateral-movement
  name: WMI lateral movement
  version: 1.2.0
  description: Contain a host from which WMI was used to move laterally.
  author: Detection Engineering
  attack: [T1047]
  d3fend: [D3-NI]
  tags: [containment, windows]
level: L1
timeout: 30m
inputs:
  ticket: {type: string, required: false}
enrich: [geoip, assets, users, threat_intel]
triggers:
  - source: sigma
    technique: T1047
    when: alert.event.severity >= 50 and not alert.host.name matches '^lab-'
approval_policy:
  approvers: [analyst]
  quorum: 1
  four_eyes: true
  timeout: 4h
  on_timeout: halt
  ttl: 24h
rollback:
  on: [failure, cancel, timeout]
steps:
  - id: tree
    name: Process tree around the event
    action: edr.get_process_tree
    with: {host: "{{ alert.host.id }}", pid: "{{ alert.process.pid }}"}
    needs: []
    timeout: 30s
    retry: {attempts: 3, backoff: 2s}
    on_error: continue
  - id: verdict
    kind: decision
    question: Is this lateral movement malicious?
    branches: {malicious: [isolate, notify], benign: [notify]}
    choose: "'malicious' if steps.tree.output.suspicious else null"
  - id: isolate
    action: edr.isolate_host
    with: {host: "{{ alert.host.id }}"}
    level: L1
    if: enrichment.asset.criticality != 'crown-jewel'
    approval: {quorum: 2, approvers: [lead]}
    rollback: {action: edr.unisolate_host, with: {host: "{{ alert.host.id }}"}}
  - id: sweep
    action: siem.query_logs
    for_each: "{{ steps.tree.output.remote_hosts }}"
    as: host
    with: {query: "host.name:{{ host }}", last: 24h}
    max_parallel: 10
  - id: notify
    action: notify.send_slack_message
    with: {text: "{{ alert.rule.name }} on {{ alert.host.name }}"}
outputs: {isolated: "{{ steps.isolate.output.isolated | default(false) }}"}
tests:
  - name: a crown jewel is never isolated
    alert: {host: {id: h1, name: dc-1}, process: {pid: 4}, rule: {name: WMI remote execution}}
    mock: {asset.lookup: {criticality: crown-jewel}, edr.get_process_tree: {suspicious: true, remote_hosts: []}}
    expect: {isolate: skipped, notify: completed}
"""


def load(text: str, *, allow_unavailable: bool = True) -> loader.Loaded:
    return loader.load(text, catalogue=ACTIONS, allow_unavailable=allow_unavailable)


def steps(*lines: str, more: str = "") -> loader.Loaded:
    """Load a playbook of these steps, each in flow style."""
    body = "".join(f"  - {line}\n" for line in lines)
    return load(f"{HEAD}{more}steps:\n{body}")


def only(loaded: loader.Loaded, code: str) -> Problem:
    """Return the one problem of that code."""
    found = [problem for problem in loaded.problems if problem.code == code]
    assert len(found) == 1, [problem.render() for problem in loaded.problems]
    return found[0]


def codes(loaded: loader.Loaded) -> list[str]:
    return [problem.code for problem in loaded.problems]
