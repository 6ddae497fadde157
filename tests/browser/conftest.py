"""A real browser over the demo. Whatever a page's scripts or its content policy complain about fails the test."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from runbookpilot.demo import content, load

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {"executable_path": "/usr/bin/chromium", "args": flags}


@pytest.fixture
def site(live_server: Any) -> str:
    load.load()
    return str(live_server.url)


@pytest.fixture(autouse=True)
def complaints(page: Any) -> Iterator[list[str]]:
    """What scripts and the content policy complained about; empty at the end of each test."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if "Content Security Policy" in message.text else None)
    yield found
    assert found == []


@pytest.fixture
def log_in(page: Any, site: str) -> Any:
    def as_(name: str) -> None:
        page.context.clear_cookies()
        page.goto(f"{site}/admin/login/")
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", content.PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_load_state()

    return as_
