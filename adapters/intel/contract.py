"""What threat intelligence does."""

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class Hash(Parameters):
    """A file's hash."""

    hash: str


class Ip(Parameters):
    """An address."""

    ip: str


class DomainName(Parameters):
    """A domain."""

    domain: str


class Url(Parameters):
    """A URL."""

    url: str


class Verdict(Result):
    """What is known: malicious, suspicious, harmless or unknown, with the engines' counts."""

    verdict: str
    malicious: int = 0
    total: int = 0
    labels: list[str] = []


ACTIONS = (
    Action(name="intel.enrich_hash", params=Hash, result=Verdict, effect=Effect.READ, target="hash"),
    Action(name="intel.enrich_ip", params=Ip, result=Verdict, effect=Effect.READ, target="ip"),
    Action(name="intel.enrich_domain", params=DomainName, result=Verdict, effect=Effect.READ, target="domain"),
    Action(name="intel.enrich_url", params=Url, result=Verdict, effect=Effect.READ, target="url"),
)
