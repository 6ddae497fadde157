"""Instances that an operator declares: checked all at once, made, changed, let go, and read-only for everybody else."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Tenant
from adapters import declared, instances
from adapters.models import AdapterInstance
from audit.models import Entry
from core.actors import system
from runbookpilot import environment
from tests import factories
from tests.factories import NOW, SETUP

pytestmark = pytest.mark.django_db
OPERATOR = system("operator")
SECRET = "a-secret-of-theirs"
HOOK = f"""
- tenant: acme
  name: hook
  adapter: webhook
  rate: 4/minute
  config: {{url: "https://example.org/in"}}
  secrets: {{secret: {SECRET}}}
"""


@pytest.fixture(autouse=True)
def tenant() -> Tenant:
    row = factories.tenant(slug="acme")
    factories.environment(row)
    return row


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "adapters.yaml"
    path.write_text(HOOK)
    return path


def apply(file: Path | None = None, check: bool = False, **environ: str) -> declared.Applied:
    found = declared.read(file=file, environ={declared.PREFIX + name: value for name, value in environ.items()})
    return declared.apply(declarations=found, actor=OPERATOR, now=NOW, check=check)


def wrong(file: Path | None = None, **environ: str) -> str:
    with pytest.raises(declared.WrongDeclarations) as caught:
        apply(file, **environ)
    return caught.value.sentence


def test_one_is_made_from_a_file(file: Path) -> None:
    assert apply(file).created == ("acme/production/hook",)
    row = AdapterInstance.objects.get()
    assert (row.declared, row.mode, row.rate, row.secrets) == (True, "live", "4/minute", {"secret": SECRET})


def test_one_is_made_from_the_environment() -> None:
    hook = "ACME__PRODUCTION__EDGE_HOOK__"
    apply(**{f"{hook}ADAPTER": "webhook", f"{hook}CONFIG__URL": "https://example.org/", f"{hook}SECRET__SECRET": SECRET})
    row = AdapterInstance.objects.get()
    assert (row.name, row.config, row.secrets) == ("edge-hook", {"url": "https://example.org/"}, {"secret": SECRET})


def test_the_environment_wins_over_the_file(file: Path) -> None:
    apply(file, ACME__PRODUCTION__HOOK__SECRET__SECRET="another", ACME__PRODUCTION__HOOK__ENABLED="false")
    row = AdapterInstance.objects.get()
    assert (row.secrets, row.enabled) == ({"secret": "another"}, False)


def test_a_secret_is_read_from_a_file_of_its_own(file: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    file.write_text(HOOK.replace(f"secret: {SECRET}", f"secret: {{file: {tmp_path / 'key'}}}"))
    apply(file)
    assert AdapterInstance.objects.get().secrets == {"secret": SECRET}


def test_what_is_as_declared_is_left_alone(file: Path) -> None:
    apply(file)
    before = Entry.objects.count()
    assert apply(file) == declared.Applied((), (), ())
    assert Entry.objects.count() == before


def test_a_change_takes_effect_and_is_journaled(file: Path) -> None:
    apply(file)
    file.write_text(HOOK.replace("4/minute", "9/minute"))
    assert apply(file).changed == ("acme/production/hook",)
    assert (AdapterInstance.objects.get().rate, Entry.objects.latest("id").kind) == ("9/minute", "adapter:changed")


def test_one_that_is_declared_no_longer_is_disabled_and_let_go(file: Path) -> None:
    apply(file)
    file.write_text("")
    assert apply(file).released == ("hook",)
    row = AdapterInstance.objects.get()
    assert (row.declared, row.enabled) == (False, False)


def test_a_check_changes_nothing(file: Path) -> None:
    assert apply(file, check=True).created == ("acme/production/hook",)
    assert AdapterInstance.objects.count() == 0


def test_nobody_else_changes_it(file: Path) -> None:
    apply(file)
    with pytest.raises(instances.Declared):
        instances.change(instance=AdapterInstance.objects.get(), enabled=False, actor=SETUP, now=NOW)


def test_one_that_an_administrator_made_is_not_taken_over(file: Path, tenant: Tenant) -> None:
    instances.create(environment=factories.environment(tenant), adapter="mock-edr", name="hook", actor=SETUP, now=NOW)
    assert "an administrator made" in wrong(file)


def test_every_problem_is_named_at_once_and_no_secret(file: Path) -> None:
    file.write_text(f"""
- {{tenant: gone, name: a, adapter: mock-edr}}
- {{tenant: acme, name: b, adapter: nothing}}
- {{tenant: acme, name: c, adapter: webhook, config: {{ulr: x}}, secrets: {{secret: {SECRET}}}}}
- {{tenant: acme, name: d, adapter: mock-edr, mode: live}}
- {{tenant: acme, name: e, adapter: mock-edr, rate: often}}
""")
    said = wrong(file)
    assert [word for word in ("gone/", "nothing", "ulr", "cannot be live", "often") if word not in said] == []
    assert SECRET not in said
    assert AdapterInstance.objects.count() == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{", "cannot be read"), ("a: 1", "must be a list"), ("- 3", "must be a list"), ("- {name: a}", "tenant: Field required"),
     (HOOK + HOOK, "declared twice"), ("- {tenant: acme, name: a b, adapter: x}", "name: String should match"),
     ("- {tenant: acme, name: a, adapter: x, colour: red}", "colour: Extra inputs"),
     ("- {tenant: acme, name: a, adapter: webhook, secrets: {secret: {file: /nowhere}}}", "secrets.secret: the file cannot be read")],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_refused(file: Path, text: str, expected: str) -> None:
    file.write_text(text)
    assert expected in wrong(file)


def test_a_file_that_is_not_there_is_told() -> None:
    assert "FileNotFoundError" in wrong(Path("/nowhere/adapters.yaml"))


@pytest.mark.parametrize("name", ["ACME", "ACME__PRODUCTION__HOOK__COLOUR", "ACME__PRODUCTION__HOOK__CONFIG", "ACME__PRODUCTION__HOOK__MODE__X"])
def test_a_name_that_says_nothing_of_an_instance_is_told(name: str) -> None:
    assert name in wrong(**{name: "x"})


def test_they_are_no_unknown_settings(tmp_path: Path) -> None:
    given: dict[str, Any] = {f"{declared.PREFIX}ACME__PRODUCTION__HOOK__ADAPTER": "webhook", "RUNBOOKPILOT_LOG_LEVEL": "INFO"}
    assert environment.read(given).log_level == "INFO"
    assert environment.adapters(given) == {f"{declared.PREFIX}ACME__PRODUCTION__HOOK__ADAPTER": "webhook"}
    assert environment.ADAPTERS == declared.PREFIX
