"""The look of the admin, and its menu by what people do."""

from django.urls import reverse_lazy

_FRAME = "runbookpilot.console.frame"


def _item(title: str, icon: str, name: str, permission: str = "reads_records", **more: object) -> dict[str, object]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}"), "permission": f"{_FRAME}.{permission}", **more}


UNFOLD = {
    "SITE_TITLE": "RunbookPilot",
    "SITE_HEADER": "RunbookPilot",
    "SITE_SUBHEADER": "Asks before it acts",
    "SITE_SYMBOL": "verified_user",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": ["/static/console/console.css"],
    "COMMAND": {"search_models": False, "show_history": True},
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Now",
                "items": [
                    {"title": "Home", "icon": "home", "link": reverse_lazy("admin:index")},
                    _item("Approvals", "how_to_reg", "approvals", badge=f"{_FRAME}.pending_badge"),
                    _item("Executions", "play_circle", "executions"),
                    _item("Incidents", "crisis_alert", "incidents"),
                ],
            },
            {"title": "Alerts", "items": [_item("Alerts", "notifications", "alerts")]},
            {"title": "Playbooks", "items": [_item("Playbooks", "menu_book", "playbooks")]},
            {
                "title": "Compliance",
                "items": [
                    {"title": "Coverage", "icon": "grid_view", "link": reverse_lazy("admin:coverage")},
                    {"title": "Bundles", "icon": "inventory_2", "link": reverse_lazy("admin:bundles")},
                ],
            },
            {
                "title": "System",
                "items": [
                    {"title": "Audit", "icon": "receipt_long", "link": reverse_lazy("admin:audit")},
                    _item("Adapters", "power", "adapters_adapterinstance_changelist", "administers"),
                    _item("People", "group", "accounts_user_changelist", "administers"),
                    _item("Tenants", "domain", "accounts_tenant_changelist", "administers"),
                ],
            },
        ],
    },
}
