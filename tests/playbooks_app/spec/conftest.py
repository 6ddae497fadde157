"""The format needs neither a database nor settings: what prepares them for other tests stands still here."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ALERTS = Path(__file__).resolve().parents[4] / "shared" / "data" / "alerts"

settings.register_profile("spec", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("spec")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Know the option of the Django plugin where these tests run without it."""
    if not pluginmanager.hasplugin("django"):
        parser.addini("DJANGO_SETTINGS_MODULE", "Unused here.")


@pytest.fixture(autouse=True)
def _fast_passwords() -> None:
    """Replace the fixture of the same name, which needs settings."""


@pytest.fixture(scope="session", autouse=True)
def _journal_resets() -> None:
    """Replace the fixture of the same name, which needs a database."""


@pytest.fixture(scope="session")
def alert_files() -> Path:
    """The folder of real alerts that lies beside the project, where it does."""
    if not ALERTS.is_dir():
        pytest.skip("The folder ../shared/data/alerts with real alerts is not beside the project.")
    return ALERTS
