"""The look of the admin, and its menu by what people do."""

from django.urls import reverse_lazy

_FRAME = "runbookpilot.console.frame"


#: The one accent; red is kept for danger.
_INDIGO = {
    "50": "#eef2ff", "100": "#e0e7ff", "200": "#c7d2fe", "300": "#a5b4fc", "400": "#818cf8", "500": "#6366f1",
    "600": "#4f46e5", "700": "#4338ca", "800": "#3730a3", "900": "#312e81", "950": "#1e1b4b",
}  # fmt: skip


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
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/console/favicon.svg"}],
    "STYLES": ["/static/console/console.css", "/static/console/pages.css"],
    "COLORS": {"primary": _INDIGO},
    "COMMAND": {"search_models": False, "show_history": True},
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "Now",
                "items": [
                    {"title": "Home", "icon": "home", "link": reverse_lazy("admin:index")},
                    _item("Approvals", "how_to_reg", "approvals", badge=f"{_FRAME}.pending_badge", badge_variant="primary"),
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
                    _item("Adapters", "power", "adapters", "administers"),
                    _item("People", "group", "people", "administers"),
                    _item("Dead letters", "unsubscribe", "dead-letters", "administers"),
                    _item("Emergency stop", "front_hand", "stop"),
                    _item("Settings", "tune", "tenants", "administers"),
                ],
            },
        ],
    },
}
