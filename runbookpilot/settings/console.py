"""The look of the admin."""

UNFOLD = {
    "SITE_TITLE": "RunbookPilot",
    "SITE_HEADER": "RunbookPilot",
    "SITE_SUBHEADER": "Playbooks that ask before they act",
    "SITE_SYMBOL": "verified_user",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"show_search": False, "show_all_applications": False},
}
