"""The settings that an operator gives: RUNBOOKPILOT_* names, in the environment or in an .env file, typed and checked."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

PREFIX = "RUNBOOKPILOT_"
#: What begins so declares instances of adapters, as `adapters.declared` reads it.
ADAPTERS = "RUNBOOKPILOT_ADAPTER__"


def _comma_separated(value: object) -> object:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_comma_separated)]
Secrets = Annotated[list[SecretStr], BeforeValidator(_comma_separated)]


class Settings(BaseModel):
    """Every setting with its meaning, its default and an example. `.env.example` is generated from here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(
        Path("data"),
        description="Folder of everything that the embedded shape writes: database, files, keys.",
        examples=["/var/lib/runbookpilot"],
    )
    database_url: str = Field(
        "",
        description="Database; empty: SQLite in the data folder.",
        examples=["postgresql://runbookpilot@127.0.0.1:5432/runbookpilot"],
    )
    database_pool: int = Field(
        16,
        ge=1,
        le=1000,
        description="The most PostgreSQL connections of one process, and the most requests that it works on at once; workers count their own.",
        examples=["32"],
    )
    redis_url: str = Field(
        "", description="Redis, for Celery and live updates in production.", examples=["redis://127.0.0.1:6379/0"]
    )
    tasks: Literal["q2", "celery", "inline"] = Field(
        "q2", description="What runs background work: q2 (embedded), celery (production) or inline (tests).", examples=["celery"]
    )
    adapters_file: str = Field(
        "",
        description="A YAML file that declares instances of adapters; they are read-only in the console.",
        examples=["/etc/runbookpilot/adapters.yaml"],
    )
    call_threads: int = Field(16, ge=1, le=256, description="How many calls one process makes at once.", examples=["32"])
    debug: bool = Field(False, description="Django's debug mode. Never on a machine that others reach.", examples=["false"])
    secret_key: SecretStr = Field(
        SecretStr(""), description="Django's secret key; empty: one is made in the data folder.", examples=["a-long-random-text"]
    )
    secret_keys: Secrets = Field(
        [], description="Keys for secrets at rest, newest first; empty: one is made in the data folder.", examples=["kTx…=,bUz…="]
    )
    allowed_hosts: Names = Field(
        ["localhost", "127.0.0.1", "[::1]"], description="Host names that the web answers to.", examples=["runbooks.example.org"]
    )
    trusted_origins: Names = Field(
        [], description="Origins whose forms are accepted, with scheme.", examples=["https://runbooks.example.org"]
    )
    https: bool = Field(False, description="Served over HTTPS: secure cookies, HSTS, redirect.", examples=["true"])
    base_url: str = Field(
        "http://127.0.0.1:8000",
        description="The address that links in notifications lead to.",
        examples=["https://runbooks.example.org"],
    )
    email_url: SecretStr = Field(
        SecretStr(""),
        description="The mail server for notifications; empty: none is sent.",
        examples=["smtp+tls://user:password@mail.example.org:587"],
    )
    email_from: str = Field(
        "runbookpilot@localhost", description="The sender of notifications.", examples=["runbookpilot@example.org"]
    )
    notify_private: bool = Field(
        False, description="Whether people's webhooks may lead into the private network.", examples=["true"]
    )
    max_level: Literal["L0", "L1", "L2"] = Field(
        "L2", description="The highest automation level of this deployment; nothing exceeds it.", examples=["L1"]
    )
    enable_l2: bool = Field(True, description="Whether any tenant may enable L2 (simulate and queue).", examples=["false"])
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least important log lines that are written.", examples=["WARNING"]
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="Log lines as JSON for programs or as text for people.", examples=["console"]
    )
    log_file: str = Field("", description="A file that log lines also go to.", examples=["/var/log/runbookpilot.log"])
    alert_max_bytes: int = Field(1 << 20, ge=1024, description="The largest single alert, in bytes.", examples=["1048576"])
    batch_max_bytes: int = Field(32 << 20, ge=1024, description="The largest batch of alerts, in bytes.", examples=["33554432"])
    token: SecretStr = Field(SecretStr(""), description="The API token that the command line acts with.", examples=["rbp_…"])


class ConfigurationError(Exception):
    """The configuration is not valid; the message lists every problem."""


def read(environ: Mapping[str, str], env_file: Path | None = None) -> Settings:
    """Return the settings; raises ConfigurationError that names every problem at once. The environment wins over the file."""
    given = _given(environ, env_file)
    fields = {name.removeprefix(PREFIX).lower(): value for name, value in given.items() if not name.startswith(ADAPTERS)}
    try:
        return Settings.model_validate({name: value for name, value in fields.items() if value != ""})
    except ValidationError as error:
        raise ConfigurationError("\n".join(["The configuration is not valid:", *map(_sentence, error.errors())])) from error


def adapters(environ: Mapping[str, str], env_file: Path | None = None) -> dict[str, str]:
    """Return the names that declare instances of adapters, with their values."""
    return {name: value for name, value in _given(environ, env_file).items() if name.startswith(ADAPTERS) and value != ""}


def _given(environ: Mapping[str, str], env_file: Path | None) -> dict[str, str]:
    return {**_from_file(env_file), **{name: value for name, value in environ.items() if name.startswith(PREFIX)}}


def load() -> Settings:
    """Return the settings of this process."""
    return read(os.environ, env_file())


def env_file() -> Path:
    """Return where this process's .env file would be."""
    return Path(os.environ.get("ENV_FILE", ".env"))


def example() -> str:
    """Return the text of `.env.example`."""
    lines = ["# Every setting, with its default where it has one. Generated by `runbookpilot settings --example`."]
    for name, field in Settings.model_fields.items():
        lines += ["", f"# {field.description}", f"# {PREFIX}{name.upper()}={(field.examples or [''])[0]}"]
    return "\n".join(lines) + "\n"


def _from_file(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs if name.strip().startswith(PREFIX)}


def _sentence(problem: Mapping[str, object]) -> str:
    location = problem["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else ""
    label = PREFIX + name.upper()
    field = Settings.model_fields.get(name)
    if field is None:
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        return f"  {label}: there is no such setting" + (f"; did you mean {PREFIX}{near[0].upper()}?" if near else ".")
    return f"  {label}: {problem['msg']}. Expected: {field.description} For example {label}={(field.examples or [''])[0]}"
