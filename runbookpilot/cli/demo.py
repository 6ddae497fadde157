"""`runbookpilot demo`"""

import click

from runbookpilot import supervisor
from runbookpilot.cli import adapters, output, ports, serve
from runbookpilot.demo import content, load


@click.command("demo")
@click.option("--no-serve", is_flag=True, help="Only load.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@output.as_json
def demo(no_serve: bool, host: str, port: int, as_json: bool) -> None:
    """Load a tenant, people of every role, mock adapters, playbooks and alerts; then serve them."""
    if not no_serve:
        ports.require_free(host, port)
    serve.migrate()
    with output.told():
        load.load()
    adapters.apply_declared()
    address = f"http://{host}:{port}/admin/"
    names = [name for name, _ in content.PEOPLE]
    sentence = f"RunbookPilot serves {address}\nAccounts: {', '.join(names)}; the password of each is: {content.PASSWORD}"
    output.say({"address": address, "accounts": names, "password": content.PASSWORD}, sentence, as_json=as_json)
    if not no_serve:
        raise SystemExit(supervisor.run(host=host, port=port))


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return demo
